"""How much memory training takes, beside what it can't do without."""

import tracemalloc

import numpy as np

import nnlib

N, STEPS = 10_000, 5


def ratio():
    """Return the peak of training 10,000 XOR networks over the size of what has to be kept.

    That is parameters, gradients, velocity, and one set of activations: the outputs of the four layers. The peak counts
    everything that NumPy and Python hold from the moment that the network stands, the network included.
    """
    x, target = nnlib.xor()
    tracemalloc.start()
    layers = nnlib.Linear(2, 2), nnlib.Sigmoid(), nnlib.Linear(2, 1), nnlib.Sigmoid()
    network = nnlib.Network(*layers, rng=np.random.default_rng(0), n_networks=N)
    loss, optimizer = nnlib.MeanSquaredError(), nnlib.SGD(0.5, momentum=0.9)
    tracemalloc.reset_peak()
    for _ in range(STEPS):
        outputs = network.forward(x)
        dy = loss.grad(outputs[-1], target)
        network.backward(outputs, dy)
        optimizer.step(network.params, network.grads)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    needed = 3 * network.params.nbytes + sum(y.nbytes for y in outputs[1:])
    return peak / needed
