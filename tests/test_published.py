"""Worked examples that others have published: nnlib gives every digit that they print."""

from decimal import Decimal

import numpy as np
import pytest

from nnlib import (
    SGD,
    Adam,
    BinaryCrossEntropy,
    Linear,
    Network,
    Sigmoid,
    SoftmaxCrossEntropy,
    SumSquaredError,
    softmax,
)

LOSS = SumSquaredError()


def assert_printed(values, printed):
    """Assert that each of ``values``, rounded to as many places as the text that is ``printed``, gives that text."""
    for value, text in zip(np.ravel(values), printed.split(), strict=True):
        unit = 10.0 ** Decimal(text).as_tuple().exponent
        assert abs(value - float(text)) <= unit / 2 * (1 + 1e-9), f"{value} is printed as {text}"


def sigmoid_network(*layers):
    """Return a network of sigmoid layers with the weights and biases ``(W, b), ...``."""
    network = Network(
        *[layer for W, _ in layers for layer in (Linear(*np.shape(W)), Sigmoid())], rng=np.random.default_rng(0)
    )
    for layer, (W, b) in zip(network.layers[::2], layers, strict=True):
        layer.W, layer.b = W, [b]
    return network


# Matt Mazur, A Step by Step Backpropagation Example, 17 March 2015,
# https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/
# The example trains the weights and leaves the biases as they are.
def mazur():
    network = sigmoid_network(
        ([[0.15, 0.25], [0.20, 0.30]], [0.35, 0.35]), ([[0.40, 0.50], [0.45, 0.55]], [0.60, 0.60])
    )
    return network, np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])


def test_mazur_one_round():
    network, x, target = mazur()
    hidden, _, output, squash = network.layers
    outputs = network.forward(x)
    assert_printed(outputs[1][0, 0], "0.3775")
    assert_printed(outputs[2], "0.593269992 0.596884378")
    assert_printed(outputs[3][0, 0], "1.105905967")
    assert_printed(outputs[4], "0.75136507 0.772928465")
    errors = [LOSS.value(outputs[4][:, [i]], target[:, [i]]) for i in (0, 1)]
    assert_printed(errors, "0.274811083 0.023560026")
    assert_printed(LOSS.value(outputs[4], target), "0.298371109")

    dy = LOSS.grad(outputs[4], target)
    dz = squash.backward(outputs[3], outputs[4], dy)
    assert_printed(dy[0, 0], "0.74136507")
    assert_printed(dz[0, 0], "0.138498562")
    assert_printed(dz[0, 0] * output.W[0, 0], "0.055399425")
    assert_printed(output.backward(outputs[2], outputs[3], dz)[0, 0], "0.036350306")
    network.backward(outputs, dy)
    assert_printed(output.dW[0, 0], "0.082167041")
    assert_printed(hidden.dW[0, 0], "0.000438568")

    SGD(0.5).step(network.params, network.grads)
    assert_printed(output.W.T, "0.35891648 0.408666186 0.511301270 0.561370121")
    assert_printed(hidden.W.T, "0.149780716 0.19956143 0.24975114 0.29950229")


def test_mazur_ten_thousand_rounds():
    # Unlike its text, what the example prints after whole rounds comes from passing the error back through output
    # weights that have moved already. Its last error, 0.0000351085, has a digit too many: from the two outputs
    # printed beside it follows 0.000035085.
    network, x, target = mazur()
    hidden, _, output, _ = network.layers
    for rounds in range(1, 10_001):
        outputs = network.forward(x)
        dy = LOSS.grad(outputs[-1], target)
        for layer in (output, hidden):
            network.backward(outputs, dy)
            layer.W -= 0.5 * layer.dW
        if rounds == 1:
            assert_printed(LOSS.value(network(x), target), "0.291027924")
    assert_printed(network(x), "0.015912196 0.984065734")
    assert_printed(LOSS.value(network(x), target), "0.000035085")


# Jiawei Han, Micheline Kamber and Jian Pei, Data Mining: Concepts and Techniques, 3rd edition, Morgan Kaufmann 2012,
# section 9.2, tables 9.1 to 9.4. Its errors are the negative derivatives with respect to the net inputs; that of
# unit 6, 0.1311, is calculated there from the rounded output 0.474.
def test_han_kamber_and_pei():
    network = sigmoid_network(([[0.2, -0.3], [0.4, 0.1], [-0.5, 0.2]], [-0.4, 0.2]), ([[-0.3], [-0.2]], [0.1]))
    hidden, _, output, squash = network.layers
    x, target = np.array([[1.0, 0.0, 1.0]]), np.array([[1.0]])
    outputs = network.forward(x)
    assert_printed(outputs[1], "-0.7 0.1")
    assert_printed(outputs[2], "0.332 0.525")
    assert_printed(outputs[3], "-0.105")
    assert_printed(outputs[4], "0.474")
    rounded = np.array([[0.474]])
    assert_printed(-squash.backward(outputs[3], rounded, LOSS.grad(rounded, target)), "0.1311")

    network.backward(outputs, LOSS.grad(outputs[4], target))
    assert_printed(-hidden.db, "-0.0087 -0.0065")
    SGD(0.9).step(network.params, network.grads)
    assert_printed(output.W, "-0.261 -0.138")
    assert_printed(hidden.W, "0.192 -0.306 0.4 0.1 -0.508 0.194")
    assert_printed(output.b, "0.218")
    assert_printed(hidden.b, "-0.408 0.194")


# Stanford University, CS231n Convolutional Neural Networks for Visual Recognition, course notes, Linear Classification,
# SVM vs. Softmax: https://cs231n.github.io/linear-classify/
def test_cs231n_softmax():
    assert_printed(softmax([1, -2, 0]), "0.7 0.04 0.26")
    assert_printed(softmax([0.5, -1, 0]), "0.55 0.12 0.33")


# scikit-learn 0.16, documentation of sklearn.metrics.log_loss, where 0.21616 goes on in dots. The probabilities are
# those of ham and of spam. A logarithm of probabilities is a vector of logits for them.
def test_scikit_learn_log_loss():
    probability = np.array([[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]])
    spam = np.array([[1.0], [0.0], [0.0], [1.0]])
    value = SoftmaxCrossEntropy().value(np.log(probability), np.hstack([1 - spam, spam]))
    assert f"{value:.10f}".startswith("0.21616")
    logit = np.log(probability[:, 1:] / probability[:, :1])
    assert BinaryCrossEntropy().value(logit, spam) == pytest.approx(value, rel=1e-14)


# Keras 2, API documentation, Probabilistic losses, BinaryCrossentropy with from_logits:
# https://keras.io/2.16/api/losses/probabilistic_losses/
@pytest.mark.parametrize("shape", [(1, 4), (2, 2)])
def test_keras_binary_crossentropy(shape):
    logits, target = np.array([-18.6, 0.51, 2.94, -12.8]), np.array([0.0, 1.0, 0.0, 0.0])
    assert_printed(BinaryCrossEntropy().value(logits.reshape(shape), target.reshape(shape)), "0.865")


# MindSpore 2.2, API documentation of mindspore.ops.SoftmaxCrossEntropyWithLogits, which gives a loss and a gradient
# for each row: https://mindspore.cn/docs/en/r2.2/api_python/ops/mindspore.ops.SoftmaxCrossEntropyWithLogits.html
# It is computed in float32 and printed to eight places.
@pytest.mark.parametrize(
    ("logits", "label", "loss", "gradient"),
    [
        ([2.0, 4.0, 1.0, 4.0, 5.0], 4, 0.5899297, [0.02760027, 0.20393994, 0.01015357, 0.20393994, -0.44563377]),
        ([2.0, 1.0, 2.0, 4.0, 3.0], 3, 0.52374405, [0.08015892, 0.02948882, 0.08015892, -0.4077012, 0.21789455]),
    ],
)
def test_mindspore_softmax_cross_entropy(logits, label, loss, gradient):
    prediction, target = np.array([logits]), np.eye(5)[[label]]
    precision = {"rtol": float(np.finfo(np.float32).eps), "atol": 0.5e-8}
    np.testing.assert_allclose(SoftmaxCrossEntropy().value(prediction, target), loss, **precision)
    np.testing.assert_allclose(SoftmaxCrossEntropy().grad(prediction, target), [gradient], **precision)


# TensorFlow 2.2, API documentation of tf.keras.optimizers.SGD, and 2.7 of tf.keras.optimizers.Adam: the lengths of the
# first steps, and where the first step leads, for the loss var**2 / 2, whose gradient is var.
def test_keras_optimizers():
    var = np.array([1.0])
    SGD(0.1).step(var, var.copy())
    assert_printed(var, "0.9")

    var, optimizer, lengths = np.array([1.0]), SGD(0.1, momentum=0.9), []
    for _ in range(2):
        before = var.copy()
        optimizer.step(var, before)
        lengths.append(before - var)
    assert_printed(lengths, "0.1 0.18")

    var = np.array([10.0])
    Adam(0.1, eps=1e-7).step(var, var.copy())
    assert_printed(var, "9.9")
