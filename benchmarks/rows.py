"""What is compared with what: the rows of the table. Nothing is imported here and nothing is measured."""

from typing import NamedTuple


class Group(NamedTuple):
    """Rows that belong together: the work, the contenders in words, and the pairs that are compared."""

    what: str
    contenders: dict[str, str]
    pairs: list[tuple[str, str]]

    def ids(self, name: str) -> list[str]:
        """Return the id of every row, such as ``xor/nnlib_step/plain_script``."""
        return [f"{name}/{contender}/{baseline}" for contender, baseline in self.pairs]


XOR = Group(
    "time of one step, XOR, 2-2-1, sigmoid, mean squared error, all 4 examples, gradient descent, float64",
    {
        "plain_script": "plain NumPy script",
        "plain_script_loss": "plain NumPy script, loss recorded every step",
        "nnlib_step": "nnlib, step by hand",
        "nnlib_fit": "nnlib.fit, loss recorded every epoch",
        "torch_eager": "PyTorch eager, nn.Sequential and optim.SGD",
        "scikit_learn": "scikit-learn, MLPClassifier.fit (log-loss: it has no squared error after a sigmoid)",
        "jax_step": "JAX, jit, one step per call",
        "jax_loop": "JAX, jit, whole loop compiled",
        "micrograd": "micrograd (ReLU and a linear output: it has no sigmoid)",
    },
    [
        ("plain_script", "plain_script"),
        ("nnlib_step", "plain_script"),
        ("nnlib_fit", "plain_script"),
        ("nnlib_fit", "plain_script_loss"),
        ("torch_eager", "plain_script"),
        ("scikit_learn", "plain_script"),
        ("jax_step", "plain_script"),
        ("jax_loop", "plain_script"),
        ("micrograd", "plain_script"),
        ("torch_eager", "nnlib_step"),
    ],
)

CALLS = Group(
    "time of one operation on arrays of XOR's size, float64",
    {
        "operator": "x @ W",
        "dot": "x.dot(W)",
        "sum": "delta.sum(axis=0, keepdims=True)",
        "ones": "ones.dot(delta)",
        "broadcast": "x + b, a row added to every example",
        "same_shape": "x + y, two tables of the same shape",
        "four_updates": "p -= lr * g for four arrays",
        "one_update": "p -= lr * g for one array of all nine numbers",
    },
    [
        ("operator", "dot"),
        ("sum", "ones"),
        ("broadcast", "same_shape"),
        ("four_updates", "one_update"),
    ],
)

STACK = Group(
    "time of one step of 1,000 XOR networks, 2-2-1, sigmoid, mean squared error, 4 examples, float64",
    {
        "nnlib_stack": "nnlib, one stack",
        "nnlib_loop": "nnlib, Python loop over single networks",
        "torch_vmap": "PyTorch, torch.func.vmap(grad)",
        "jax_step": "JAX, jit(vmap), one step per call",
        "jax_loop": "JAX, jit(vmap), whole loop compiled",
    },
    [
        ("nnlib_loop", "nnlib_stack"),
        ("torch_vmap", "nnlib_stack"),
        ("jax_step", "nnlib_stack"),
        ("jax_loop", "nnlib_stack"),
    ],
)


def mlp(what: str) -> Group:
    """Return the rows that every larger network has."""
    return Group(
        f"time of one epoch, {what}, ReLU, softmax cross-entropy, momentum 0.9",
        {
            "products": "bare matrix products, np.dot with out=",
            "nnlib": "nnlib",
            "torch_eager": "PyTorch eager, nn.Sequential and optim.SGD",
            "torch_fused": "PyTorch eager, optim.SGD(fused=True)",
            "jax_step": "JAX, jit, one batch per call",
            "scikit_learn": "scikit-learn, MLPClassifier.fit",
        },
        [
            ("nnlib", "torch_eager"),
            ("torch_fused", "torch_eager"),
            ("jax_step", "torch_eager"),
            ("scikit_learn", "torch_eager"),
            ("nnlib", "products"),
            ("torch_eager", "products"),
        ],
    )


GROUPS = {
    "xor": XOR,
    "calls": CALLS,
    "stack": STACK,
    "digits64": mlp("digits, 64-128-64-10, 1,797 examples, batches of 64, float64"),
    "digits32": mlp("digits, 64-128-64-10, 1,797 examples, batches of 64, float32"),
    "random64": mlp("random data, 784-256-128-10, 1,280 examples, batches of 128, float64"),
    "random32": mlp("random data, 784-256-128-10, 1,280 examples, batches of 128, float32"),
    "memory": Group(
        "memory, 10,000 XOR networks trained in a stack, momentum 0.9, float64",
        {
            "peak": "largest amount in use at once",
            "needed": "parameters, gradients, velocity and one set of activations",
        },
        [("peak", "needed")],
    ),
}
IDS = [row for name, group in GROUPS.items() for row in group.ids(name)]
