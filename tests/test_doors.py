"""Misuse at the public doors: every message says what was expected, what came, and what to do; nothing is changed."""

import traceback
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nnlib
from nnlib import (
    SGD,
    Adam,
    Linear,
    MeanSquaredError,
    Network,
    Neuron,
    ReLU,
    Sigmoid,
    SumSquaredError,
    accuracy,
    batches,
    check_gradients,
    fit,
    numerical_gradient,
    wilson_interval,
    xor,
)

X, T = xor()
MSE = MeanSquaredError()
CROSS = nnlib.SoftmaxCrossEntropy()
X.flags.writeable = T.flags.writeable = False
NAN, INF = X.copy(), T.copy()
NAN[2, 1], INF[3, 0] = np.nan, np.inf


def rng():
    return np.random.default_rng(0)


def network(n_networks=None, dtype=np.float64):
    return Network(Linear(2, 3), Sigmoid(), Linear(3, 1), rng=rng(), n_networks=n_networks, dtype=dtype)


def linear(init):
    return Network(Linear(2, 3, init), rng=rng())


def assign(target, name, value):
    return setattr(target, name, value)


def trained(g, x=X, target=T, loss=MSE, optimizer=None, epochs=5, **options):
    return fit(g.net, x, target, loss, SGD(0.1) if optimizer is None else optimizer, epochs, **options)


def back(g, change=lambda outputs: outputs, dy=None):
    outputs = g.net.forward(X)
    return g.net.backward(change(outputs), np.ones((4, 1)) if dy is None else dy)


class Scale(nnlib.Layer):
    n_params = 1


class PerExample(MeanSquaredError):
    def value(self, prediction, target):
        return (prediction - target) ** 2


class One(MeanSquaredError):
    def value(self, prediction, target):
        return float(np.sum(prediction - target))


class Returns(MeanSquaredError):
    def __init__(self, value):
        self._value = value

    def value(self, _prediction, _target):
        return self._value


NEURON, SMOOTH = Neuron([1.0, 1.0], -1.5), Neuron([1.0, 1.0], -1.5, nnlib.sigmoid)
NEURON.weights.flags.writeable = False  # whoever changed it would be told
learn = nnlib.perceptron_update


def moved(optimizer, *sizes):
    for size in sizes:
        optimizer.step(np.ones(size), np.ones(size))


def cast(optimizer, *dtypes):
    for dtype in dtypes:
        optimizer.step(np.ones(3, dtype), np.ones(3, dtype))


def classes(row):
    return accuracy(np.ones((1, len(row))), np.array([row], dtype=np.float64))


def twice():
    shared = Linear(2, 2)
    return Network(shared, Sigmoid(), shared, rng=rng())


# What each row calls gets a fresh `net`, a `stack` of 5, a float32 `net32` and a `lone` layer outside of any network.
MISUSE = [
    # --- Linear
    ("size zero", lambda _: Linear(0, 1), ValueError, ["n_in", "at least 1", "got 0"]),
    ("size negative", lambda _: Linear(2, -3), ValueError, ["n_out", "at least 1", "got -3"]),
    ("size float", lambda _: Linear(2.0, 1), TypeError, ["n_in", "whole number", "got 2.0"]),
    ("size bool", lambda _: Linear(2, True), TypeError, ["n_out", "whole number", "got True"]),
    ("size np.bool", lambda _: Linear(np.True_, 2), TypeError, ["n_in", "whole number", "True"]),
    ("size string", lambda _: Linear("2", 1), TypeError, ["n_in", "whole number", "got '2'"]),
    ("size None", lambda _: Linear(2, None), TypeError, ["n_out", "whole number", "got None"]),
    ("size tuple", lambda _: Linear((2, 3), 1), TypeError, ["n_in", "whole number", "(2, 3)"]),
    ("init a name", lambda _: Linear(2, 3, "normal"), TypeError, ["init", "nnlib.normal", "got 'normal'"]),
    ("init drawn", lambda _: Linear(2, 3, np.ones((2, 3))), TypeError, ["init", "nnlib.normal", "got array"]),
    ("init returns None", lambda _: linear(lambda *_: None), TypeError, ["init", "pair", "W", "None"]),
    ("init returns W", lambda _: linear(lambda *_: (np.ones((2, 3)),)), TypeError, ["init", "pair", "W, b"]),
    ("init returns three", lambda _: linear(lambda *_: (0, 0, 0)), TypeError, ["init", "pair", "got (0, 0, 0)"]),
    ("init NaN", lambda _: linear(lambda *_: (np.full((2, 3), np.nan), np.zeros((1, 3)))), ValueError, ["W", "finite"]),
    ("W NaN", lambda g: assign(g.net.layers[0], "W", [[1, 2, 3], [4, np.nan, 6]]), ValueError, ["W[1, 1] is nan"]),
    ("params inf", lambda g: assign(g.net, "params", np.full(13, np.inf)), ValueError, ["params", "finite", "inf"]),
    ("params too large", lambda g: assign(g.net32, "params", np.full(13, 1e300)), ValueError, ["params", "finite"]),
    ("dW of another shape", lambda g: assign(g.net.layers[0], "dW", 0.0), ValueError, ["dW", "(2, 3)", "()"]),
    ("dW alone", lambda g: g.lone.dW, AttributeError, ["Linear(2, 3)", "no weights yet", "Network"]),
    ("own layer with params", lambda _: Network(Linear(2, 3), Scale(), rng=rng()), TypeError, ["Linear", "parameters"]),
    ("no weights yet", lambda g: g.lone.W, AttributeError, ["Linear(2, 3)", "no weights yet", "put it in a Network"]),
    ("no biases yet", lambda g: g.lone.b, AttributeError, ["Linear(2, 3)", "no weights yet", "put it in a Network"]),
    (
        "W before",
        lambda g: assign(g.lone, "W", np.ones((2, 3))),
        AttributeError,
        ["no weights yet", "put it in a Network"],
    ),
    ("forward before", lambda g: g.lone.forward(X), AttributeError, ["no weights yet", "put it in a Network"]),
    # --- Network
    ("no layers", lambda _: Network(rng=rng()), ValueError, ["first layer", "Linear", "got None"]),
    ("activation first", lambda _: Network(Sigmoid(), Linear(2, 1), rng=rng()), ValueError, ["first", "got Sigmoid()"]),
    ("a list", lambda _: Network([Linear(2, 1)], rng=rng()), TypeError, ["layers such as", "got [Linear(2, 1)]"]),
    ("class", lambda _: Network(Linear(2, 1), Sigmoid, rng=rng()), TypeError, ["Sigmoid()", "got <class", "Sigmoid"]),
    ("function", lambda _: Network(Linear(2, 1), nnlib.relu, rng=rng()), TypeError, ["Sigmoid()", "function relu"]),
    ("network as layer", lambda g: Network(Linear(2, 2), g.net, rng=rng()), TypeError, ["layers such as", "Network("]),
    ("None as layer", lambda _: Network(Linear(2, 1), None, rng=rng()), TypeError, ["layers such as", "got None"]),
    (
        "layers do not fit",
        lambda _: Network(Linear(2, 3), ReLU(), Linear(4, 1), rng=rng()),
        ValueError,
        ["layers[2]", "Linear(4, 1)", "expects 4", "gets 3"],
    ),
    ("layers too narrow", lambda _: Network(Linear(2, 4), Linear(3, 1), rng=rng()), ValueError, ["3 inputs", "gets 4"]),
    ("twice in one", lambda _: twice(), ValueError, ["layers[2]", "Linear(2, 2)", "in a network", "new layer"]),
    (
        "in two networks",
        lambda g: Network(Linear(1, 2), g.net.layers[0], rng=rng()),
        ValueError,
        ["layers[1]", "Linear(2, 3)", "in a network already", "new layer"],
    ),
    (
        "a member's layer",
        lambda g: Network(*g.stack.member(0).layers, rng=rng()),
        ValueError,
        ["layers[0]", "in a network already", "new layer"],
    ),
    (
        "legacy rng",
        lambda _: Network(Linear(2, 1), rng=np.random.RandomState(0)),
        TypeError,
        ["rng", "numpy.random.Generator", "RandomState", "np.random.default_rng(seed)"],
    ),
    ("seed as rng", lambda _: Network(Linear(2, 1), rng=0), TypeError, ["Generator", "got 0", "default_rng(seed)"]),
    ("None as rng", lambda _: Network(Linear(2, 1), rng=None), TypeError, ["Generator", "None", "default_rng(seed)"]),
    (
        "module as rng",
        lambda _: Network(Linear(2, 1), rng=np.random),
        TypeError,
        ["Generator", "module", "default_rng"],
    ),
    ("dtype int", lambda _: network(dtype=int), TypeError, ["dtype", "float64 or float32", "int"]),
    ("dtype float16", lambda _: network(dtype=np.float16), TypeError, ["dtype", "float64 or float32", "float16"]),
    ("dtype complex", lambda _: network(dtype=complex), TypeError, ["dtype", "float64 or float32", "complex"]),
    ("dtype unknown", lambda _: network(dtype="double precision"), TypeError, ["Network: dtype", "float64 or float32"]),
    ("n_networks 0", lambda _: network(0), ValueError, ["n_networks", "at least 1", "got 0"]),
    ("n_networks -1", lambda _: network(-1), ValueError, ["n_networks", "at least 1", "got -1"]),
    ("n_networks 2.0", lambda _: network(2.0), TypeError, ["n_networks", "whole number", "got 2.0"]),
    ("n_networks True", lambda _: network(True), TypeError, ["n_networks", "whole number", "got True"]),
    ("n_networks shape", lambda _: network((2,)), TypeError, ["n_networks", "whole number", "got (2,)"]),
    (
        "init of wrong shape",
        lambda _: linear(lambda _rng, n_in, n_out, _stack: (np.zeros((n_out, n_in)), np.zeros((1, n_out)))),
        ValueError,
        ["Linear(2, 3)", "W", "(2, 3)", "got", "(3, 2)"],
    ),
    (
        "init of one bias per row",
        lambda _: linear(lambda _rng, n_in, n_out, _stack: (np.zeros((n_in, n_out)), np.zeros(n_out))),
        ValueError,
        ["Linear(2, 3)", "b", "(1, 3)", "got", "(3,)"],
    ),
    # --- forward
    ("wrong width", lambda g: g.net(np.ones((4, 3))), ValueError, ["Linear(2, 3)", "(batch, 2)", "got (4, 3)"]),
    ("one example", lambda g: g.net(np.ones(2)), ValueError, ["(batch, 2)", "got (2,)", "x[None, :]"]),
    ("wrong rank 0", lambda g: g.net(np.array(1.0)), ValueError, ["(batch, 2)", "got ()"]),
    ("wrong rank 3", lambda g: g.net(np.ones((1, 4, 2))), ValueError, ["(batch, 2)", "got (1, 4, 2)"]),
    ("empty batch", lambda g: g.net(np.ones((0, 2))), ValueError, ["x is empty", "(0, 2)", "at least one example"]),
    ("x list", lambda g: g.net([[0.0, 1.0]]), TypeError, ["x must be a NumPy array", "got list", "np.array(x, dtype="]),
    ("x None", lambda g: g.net(None), TypeError, ["x must be a NumPy array", "got NoneType"]),
    ("x object", lambda g: g.net(X.astype(object)), TypeError, ["x", "dtype float64", "got object", "x.astype("]),
    ("x complex", lambda g: g.net(X + 1j), TypeError, ["x", "dtype float64", "got complex128", "x.astype("]),
    ("x integer", lambda g: g.net(X.astype(int)), TypeError, ["x", "dtype float64", "got int64", "x.astype("]),
    ("x bool", lambda g: g.net(X.astype(bool)), TypeError, ["x", "dtype float64", "got bool", "x.astype("]),
    ("x string", lambda g: g.net(X.astype(str)), TypeError, ["x", "dtype float64", "got <U32", "x.astype("]),
    ("x float32", lambda g: g.net(X.astype(np.float32)), TypeError, ["float64", "got float32", "x.astype("]),
    ("x big-endian", lambda g: g.net(X.astype(">f8")), TypeError, ["float64", "got >f8", "x.astype("]),
    ("x float64 for float32", lambda g: g.net32(X), TypeError, ["float32", "got float64", "x.astype(np.float32)"]),
    ("x list for float32", lambda g: g.net32([[0.0, 1.0]]), TypeError, ["got list", "np.array(x, dtype=np.float32)"]),
    ("x matrix", lambda g: g.net(X.view(np.matrix)), TypeError, ["x", "NumPy array", "got matrix", "np.array(x"]),
    ("x masked", lambda g: g.net(np.ma.masked_array(X, X > 0)), TypeError, ["x", "got MaskedArray", "x.filled("]),
    ("stack size", lambda g: g.stack(np.ones((4, 4, 2))), ValueError, ["(batch, 2) or (5, batch, 2)", "got (4, 4, 2)"]),
    ("stack rank 1", lambda g: g.stack(np.ones(2)), ValueError, ["(5, batch, 2)", "got (2,)", "x[None, :]"]),
    ("stack rank 4", lambda g: g.stack(np.ones((1, 5, 4, 2))), ValueError, ["(5, batch, 2)", "got (1, 5, 4, 2)"]),
    ("stack of rank 4", lambda g: g.stack(np.ones((5, 1, 4, 2))), ValueError, ["(5, batch, 2)", "got (5, 1, 4, 2)"]),
    # --- backward
    ("tuple", lambda g: back(g, tuple), ValueError, ["list of 4 arrays", "forward returned", "got tuple"]),
    ("output alone", lambda g: back(g, lambda ys: ys[-1]), ValueError, ["list of 4", "forward", "got ndarray"]),
    ("short list", lambda g: back(g, lambda ys: ys[1:]), ValueError, ["list of 4", "forward", "got a list of 3"]),
    ("long list", lambda g: back(g, lambda ys: [*ys, X]), ValueError, ["list of 4", "forward", "got a list of 5"]),
    ("flat arrays", lambda g: back(g, lambda _: [T[:, 0]] * 4), ValueError, ["list", "forward returned", "(4,)"]),
    ("list of numbers", lambda g: back(g, lambda _: [1, 2, 3, 4]), ValueError, ["list", "forward returned"]),
    (
        "another batch's x",
        lambda g: back(g, lambda ys: [X[:3], *ys[1:]]),
        ValueError,
        ["list", "forward returned", "this batch", "from (3, 2) to (4, 1)"],
    ),
    ("a stack's outputs", lambda g: g.net.backward(g.stack.forward(X), np.ones((5, 4, 1))), ValueError, ["(4, 1)"]),
    ("one network's outputs", lambda g: g.stack.backward(g.net.forward(X), np.ones((4, 1))), ValueError, ["(5, 4, 1)"]),
    ("dy flat", lambda g: back(g, dy=np.ones(4)), ValueError, ["dy", "(4, 1)", "got (4,)"]),
    ("dy number", lambda g: back(g, dy=1.0), TypeError, ["dy", "NumPy array", "got float"]),
    ("dy wide", lambda g: back(g, dy=np.ones((4, 3))), ValueError, ["dy", "(4, 1)", "got (4, 3)"]),
    ("dy list", lambda g: back(g, dy=[[1.0]] * 4), TypeError, ["dy", "NumPy array", "got list", "np.array(dy"]),
    ("dy integer", lambda g: back(g, dy=np.ones((4, 1), int)), TypeError, ["dy", "float64", "got int64", "dy.astype("]),
    # --- params, W, b, member
    ("W shape", lambda g: assign(g.net.layers[0], "W", np.ones((3, 2))), ValueError, ["W", "(2, 3)", "(3, 2)"]),
    ("W number", lambda g: assign(g.net.layers[0], "W", 1.0), ValueError, ["W", "(2, 3)", "()"]),
    ("W row", lambda g: assign(g.net.layers[0], "W", np.ones(3)), ValueError, ["W", "(2, 3)", "(3,)"]),
    ("W ragged", lambda g: assign(g.net.layers[0], "W", [[1, 2, 3], [4]]), ValueError, ["Linear(2, 3): W", "no array"]),
    ("W complex", lambda g: assign(g.net.layers[0], "W", np.full((2, 3), 1j)), TypeError, ["W", "real", "complex128"]),
    ("W string", lambda g: assign(g.net.layers[0], "W", "ones"), TypeError, ["W", "real numbers", "<U4"]),
    ("W None", lambda g: assign(g.net.layers[0], "W", None), TypeError, ["W", "real numbers", "object"]),
    ("W bool", lambda g: assign(g.net.layers[0], "W", np.ones((2, 3), bool)), TypeError, ["W", "real numbers", "bool"]),
    ("W masked", lambda g: assign(g.net.layers[0], "W", np.ma.ones((2, 3))), TypeError, ["W", "real", "mask"]),
    ("b flat", lambda g: assign(g.net.layers[0], "b", np.ones(3)), ValueError, ["b", "(1, 3)", "(3,)"]),
    ("b of one", lambda g: assign(g.stack.layers[0], "b", np.ones((1, 3))), ValueError, ["b", "(5, 1, 3)", "(1, 3)"]),
    ("params short", lambda g: assign(g.net, "params", np.ones(12)), ValueError, ["params", "(13,)", "(12,)"]),
    ("params one", lambda g: assign(g.stack, "params", np.ones(13)), ValueError, ["params", "(5, 13)", "(13,)"]),
    ("params zero", lambda g: assign(g.net, "params", 0), ValueError, ["params", "(13,)", "()"]),
    ("params text", lambda g: assign(g.net, "params", ["a"] * 13), TypeError, ["params", "real numbers", "<U1"]),
    ("member of one", lambda g: g.net.member(0), ValueError, ["member", "stack", "n_networks="]),
    ("member 5", lambda g: g.stack.member(5), IndexError, ["members 0 to 4", "got 5"]),
    ("member 7", lambda g: g.stack.member(7), IndexError, ["members 0 to 4", "got 7"]),
    ("member -1", lambda g: g.stack.member(-1), ValueError, ["member", "at least 0", "got -1"]),
    ("member True", lambda g: g.stack.member(True), TypeError, ["member", "whole number", "got True"]),
    ("member 1.0", lambda g: g.stack.member(1.0), TypeError, ["member", "whole number", "got 1.0"]),
    ("member name", lambda g: g.stack.member("0"), TypeError, ["member", "whole number", "got '0'"]),
    ("members", lambda g: g.stack.member(slice(2)), TypeError, ["member", "whole number", "slice"]),
    # --- losses and accuracy
    ("target flat", lambda _: MSE.value(T, T[:, 0]), ValueError, ["(4, 1)", "shape (4,)", "target[:, None]"]),
    ("target flat, grad", lambda _: MSE.grad(T, T[:, 0]), ValueError, ["(4, 1)", "(4,)", "target[:, None]"]),
    ("target flat, sum", lambda _: SumSquaredError().grad(T, T[:, 0]), ValueError, ["(4,)", "target[:, None]"]),
    ("target flat, stack", lambda g: MSE.value(g.stack(X), T[:, 0]), ValueError, ["(5, 4, 1)", "target[:, None]"]),
    ("target row", lambda _: MSE.value(T, T.T), ValueError, ["(4, 1)", "(1, 4)", "one row per example"]),
    ("target flat, short", lambda _: MSE.value(T, T[:3, 0]), ValueError, ["(4, 1)", "(3,)", "one row per example"]),
    ("target flat, long", lambda _: MSE.value(T[:3], T[:, 0]), ValueError, ["(3, 1)", "(4,)", "one row per example"]),
    ("target number", lambda _: MSE.value(T[:1], T[0, 0, ...]), ValueError, ["(1, 1)", "()", "one row per example"]),
    ("target short", lambda _: MSE.value(T, T[:1]), ValueError, ["(4, 1)", "(1, 1)", "one row per example"]),
    ("target stacked", lambda _: MSE.value(T, T[None]), ValueError, ["(4, 1)", "(1, 4, 1)", "one row per example"]),
    ("prediction flat", lambda _: MSE.value(T[:, 0], T[:, 0]), ValueError, ["(*stack, batch, n_out)", "got (4,)"]),
    ("prediction rank 4", lambda _: MSE.value(T[None, None], T), ValueError, ["batch, n_out)", "got (1, 1, 4, 1)"]),
    ("prediction list", lambda _: MSE.value([[0.0]], T), TypeError, ["prediction", "got list", "dtype=np.float64)"]),
    ("prediction integer", lambda _: MSE.value(T.astype(int), T), TypeError, ["float32", "int64", "np.float64)"]),
    ("prediction empty", lambda _: MSE.value(T[:0], T[:0]), ValueError, ["prediction is empty", "(0, 1)"]),
    ("target list", lambda _: MSE.grad(T, [[0.0]]), TypeError, ["target", "NumPy array", "got list"]),
    ("target integer", lambda _: MSE.grad(T, T.astype(int)), TypeError, ["target", "float64", "got int64", "astype("]),
    ("target float32", lambda _: MSE.value(T, T.astype(np.float32)), TypeError, ["target", "float64", "got float32"]),
    ("target masked", lambda _: MSE.value(T, np.ma.masked_array(T, T > 0)), TypeError, ["target", "MaskedArray"]),
    ("accuracy flat", lambda _: accuracy(T, T[:, 0]), ValueError, ["(4, 1)", "(4,)", "target[:, None]"]),
    ("accuracy list", lambda _: accuracy(T.tolist(), T), TypeError, ["prediction", "NumPy array", "got list"]),
    ("accuracy integer", lambda _: accuracy(T, T.astype(int)), TypeError, ["target", "float64", "got int64"]),
    # --- SGD
    ("momentum 1", lambda _: SGD(0.1, momentum=1), ValueError, ["momentum", "at least 0 and below 1", "got 1"]),
    ("momentum 1.5", lambda _: SGD(0.1, momentum=1.5), ValueError, ["momentum", "below 1", "got 1.5"]),
    ("momentum negative", lambda _: SGD(0.1, -0.9), ValueError, ["momentum", "got -0.9"]),
    ("momentum name", lambda _: SGD(0.1, "0.9"), TypeError, ["momentum", "must be a number", "got '0.9'"]),
    ("momentum bool", lambda _: SGD(0.1, momentum=False), TypeError, ["momentum", "must be a number", "got False"]),
    ("Adam lr", lambda _: Adam(lr=0), ValueError, ["Adam: lr", "above 0"]),
    ("Adam betas", lambda _: Adam(0.01, (0.9, 0.999)), TypeError, ["beta1", "must be a number"]),
    ("Adam beta 1", lambda _: Adam(0.01, beta2=1.0), ValueError, ["beta2", "below 1", "got 1.0"]),
    ("Adam eps", lambda _: Adam(0.01, eps=0.0), ValueError, ["eps", "above 0"]),
    ("Adam elsewhere", lambda _: moved(Adam(), 3, 4), ValueError, ["remembers", "(3,)", "(4,)", "each network"]),
    ("momentum elsewhere", lambda _: moved(SGD(1, 0.9), 3, 4), ValueError, ["remembers", "(3,)", "(4,)"]),
    ("momentum back", lambda _: moved(SGD(1, 0.9), 4, 3), ValueError, ["remembers", "(4,)", "(3,)"]),
    ("momentum in float32", lambda _: cast(SGD(1, 0.9), "f8", "f4"), ValueError, ["remembers", "float64", "float32"]),
    ("momentum in float64", lambda _: cast(SGD(1, 0.9), "f4", "f8"), ValueError, ["remembers", "float32", "float64"]),
    ("one class", lambda _: CROSS.value(T, T), ValueError, ["softmax", "always 1", "BinaryCrossEntropy"]),
    ("one class grad", lambda _: CROSS.grad(T, T), ValueError, ["softmax", "always 1", "BinaryCrossEntropy"]),
    ("no class", lambda _: CROSS.value(X, X), ValueError, ["add up to 1", "0.0", "2.0", "BinaryCrossEntropy"]),
    ("one class in a stack", lambda g: CROSS.value(g.stack(X), T), ValueError, ["softmax", "always 1"]),
    ("cross flat", lambda _: nnlib.BinaryCrossEntropy().grad(T, T[:, 0]), ValueError, ["(4,)", "target[:, None]"]),
    ("cross above", lambda _: nnlib.BinaryCrossEntropy().value(T, T * 1.5), ValueError, ["from 0 to 1", "0.0 to 1.5"]),
    ("lr zero", lambda _: SGD(0), ValueError, ["lr", "finite number above 0", "got 0"]),
    ("lr negative", lambda _: SGD(-0.1), ValueError, ["lr", "finite number above 0", "got -0.1"]),
    ("lr nan", lambda _: SGD(np.nan), ValueError, ["lr", "finite number above 0", "got nan"]),
    ("lr inf", lambda _: SGD(np.inf), ValueError, ["lr", "finite number above 0", "got inf"]),
    ("lr string", lambda _: SGD("0.1"), TypeError, ["lr", "must be a number", "got '0.1'"]),
    ("lr bool", lambda _: SGD(True), TypeError, ["lr", "must be a number", "got True"]),
    ("lr np.bool", lambda _: SGD(np.True_), TypeError, ["lr", "must be a number", "True"]),
    ("lr None", lambda _: SGD(None), TypeError, ["lr", "must be a number", "got None"]),
    ("lr complex", lambda _: SGD(1j), TypeError, ["lr", "must be a number", "got 1j"]),
    ("lr array", lambda _: SGD(np.array([0.1])), TypeError, ["lr", "must be a number", "got array([0.1])"]),
    (
        "step shapes",
        lambda g: SGD(1.0).step(g.net.params, np.ones(1)),
        ValueError,
        ["(13,)", "(1,)", "one gradient per"],
    ),
    ("step of one", lambda g: SGD(1.0).step(g.stack.params, np.ones(13)), ValueError, ["(5, 13)", "(13,)"]),
    # --- fit
    ("epochs 0", lambda g: trained(g, epochs=0), ValueError, ["epochs", "at least 1", "got 0"]),
    ("epochs -1", lambda g: trained(g, epochs=-1), ValueError, ["epochs", "at least 1", "got -1"]),
    ("epochs 1.5", lambda g: trained(g, epochs=1.5), TypeError, ["epochs", "whole number", "got 1.5"]),
    ("epochs True", lambda g: trained(g, epochs=True), TypeError, ["epochs", "whole number", "got True"]),
    ("epochs string", lambda g: trained(g, epochs="9"), TypeError, ["epochs", "whole number", "got '9'"]),
    ("record_every 0", lambda g: trained(g, record_every=0), ValueError, ["record_every", "at least 1", "got 0"]),
    ("record_every 2.5", lambda g: trained(g, record_every=2.5), TypeError, ["record_every", "whole", "got 2.5"]),
    ("fit x nan", lambda g: trained(g, x=NAN), ValueError, ["x must be finite", "x[2, 1] is nan", "clean"]),
    ("fit x inf", lambda g: trained(g, x=X - np.inf), ValueError, ["x must be finite", "x[0, 0] is -inf", "clean"]),
    ("fit target nan", lambda g: trained(g, target=T * np.nan), ValueError, ["target[0, 0] is nan", "clean"]),
    ("fit target inf", lambda g: trained(g, target=INF), ValueError, ["target[3, 0] is inf", "clean"]),
    ("fit target flat", lambda g: trained(g, target=T[:, 0]), ValueError, ["(4, 1)", "(4,)", "target[:, None]"]),
    ("fit target wide", lambda g: trained(g, target=X), ValueError, ["(4, 1)", "(4, 2)", "one column per output"]),
    ("fit target integer", lambda g: trained(g, target=T.astype(int)), TypeError, ["target", "float64", "got int64"]),
    ("fit x list", lambda g: trained(g, x=X.tolist()), TypeError, ["x", "NumPy array", "got list"]),
    ("fit x width", lambda g: trained(g, x=T), ValueError, ["Linear(2, 3)", "(batch, 2)", "got (4, 1)"]),
    ("fit x flat", lambda g: trained(g, x=X[0]), ValueError, ["(batch, 2)", "got (2,)", "x[None, :]"]),
    ("fit loss class", lambda g: trained(g, loss=MeanSquaredError), TypeError, ["loss", "MeanSquaredError()", "class"]),
    ("fit loss function", lambda g: trained(g, loss=np.subtract), TypeError, ["loss", "MeanSquaredError()", "ufunc"]),
    ("fit optimizer class", lambda g: trained(g, optimizer=SGD), TypeError, ["optimizer", "SGD(0.1)", "class"]),
    ("fit optimizer number", lambda g: trained(g, optimizer=0.1), TypeError, ["optimizer", "SGD(0.1)", "got 0.1"]),
    ("fit swapped", lambda g: trained(g, loss=SGD(0.1), optimizer=MSE), TypeError, ["loss", "MeanSquaredError()"]),
    ("fit no network", lambda g: fit(g.net.layers, X, T, MSE, SGD(0.1), 5), TypeError, ["network", "Network(", "got"]),
    (
        "fit diverges",
        lambda g: trained(g, optimizer=SGD(1e3), epochs=2000),
        ValueError,
        ["the loss became", "at epoch", "try a smaller learning rate"],
    ),
    (
        "fit diverges between records",
        lambda g: trained(g, optimizer=SGD(1e3), epochs=2000, record_every=1999),
        ValueError,
        ["the loss became nan", "at epoch 1999", "try a smaller learning rate"],
    ),
    # --- gradient check
    ("check loss class", lambda g: check_gradients(g.net, MeanSquaredError, X, T), TypeError, ["MeanSquaredError()"]),
    ("check flat", lambda g: check_gradients(g.net, MSE, X, T[:, 0]), ValueError, ["(4, 1)", "target[:, None]"]),
    ("check width", lambda g: check_gradients(g.net, MSE, T, T), ValueError, ["(batch, 2)", "got (4, 1)"]),
    ("check float32", lambda g: check_gradients(g.net32, MSE, X, T), TypeError, ["float64", "got float32"]),
    ("numerical list", lambda _: numerical_gradient(sum, [1.0]), TypeError, ["params", "NumPy array", "got list"]),
    ("numerical integer", lambda _: numerical_gradient(sum, np.array([1])), TypeError, ["params", "float64", "int64"]),
    (
        "numerical vector",
        lambda _: numerical_gradient(np.square, np.ones(3)),
        ValueError,
        ["one number", "got", "(3,)"],
    ),
    ("numerical step 0", lambda _: numerical_gradient(sum, np.ones(3), 0), ValueError, ["step", "above 0", "got 0"]),
    ("numerical step lost", lambda _: numerical_gradient(sum, np.array([1.0, 1e12])), ValueError, ["lost", "1e-05"]),
    # --- the interval and the data
    ("k > n", lambda _: wilson_interval(11, 10), ValueError, ["11", "n = 10"]),
    ("k < 0", lambda _: wilson_interval(-1, 10), ValueError, ["successes", "0", "-1"]),
    ("n = 0", lambda _: wilson_interval(0, 0), ValueError, ["n must be at least 1", "got 0"]),
    ("n float", lambda _: wilson_interval(1, 10.0), TypeError, ["n", "whole number", "got 10.0"]),
    ("k rate", lambda _: wilson_interval(0.72, 1000), TypeError, ["successes", "whole number", "got 0.72"]),
    ("k bool", lambda _: wilson_interval(True, 10), TypeError, ["successes", "whole number", "got True"]),
    ("k string", lambda _: wilson_interval("3", 10), TypeError, ["successes", "whole number", "got '3'"]),
    # --- one neuron
    ("neuron weights text", lambda _: Neuron("ab", 0), TypeError, ["weights", "real numbers", "<U2"]),
    ("neuron weights number", lambda _: Neuron(1.0, 0), ValueError, ["weights", "(n_in,)", "got shape ()"]),
    ("neuron weights table", lambda _: Neuron([[1.0]], 0), ValueError, ["weights", "(n_in,)", "got shape (1, 1)"]),
    ("neuron no weights", lambda _: Neuron([], 0), ValueError, ["weights", "(n_in,)", "got shape (0,)"]),
    ("neuron weights ragged", lambda _: Neuron([[1], [1, 2]], 0), ValueError, ["weights", "no array"]),
    ("neuron weights nan", lambda _: Neuron([1, np.nan], 0), ValueError, ["weights", "finite", "[1] is nan"]),
    ("neuron weights bool", lambda _: Neuron([True], 0), TypeError, ["weights", "real numbers", "bool"]),
    ("neuron weights masked", lambda _: Neuron(np.ma.ones(2), 0), TypeError, ["weights", "mask", ".filled("]),
    ("neuron bias list", lambda _: Neuron([1], [0]), TypeError, ["bias", "must be a number", "got [0]"]),
    ("neuron bias inf", lambda _: Neuron([1], np.inf), ValueError, ["bias", "finite number", "got inf"]),
    ("neuron activation", lambda _: Neuron([1], 0, "step"), TypeError, ["activation", "nnlib.step", "got 'step'"]),
    ("neuron x width", lambda _: NEURON([1, 2, 3]), ValueError, ["(2,) or (n, 2)", "got (3,)"]),
    ("neuron x narrow", lambda _: NEURON([[1], [2]]), ValueError, ["(2,) or (n, 2)", "got (2, 1)"]),
    ("neuron x number", lambda _: NEURON(1), ValueError, ["(2,) or (n, 2)", "got ()"]),
    ("neuron x rank 3", lambda _: NEURON(X[None]), ValueError, ["(2,) or (n, 2)", "got (1, 4, 2)"]),
    ("neuron x None", lambda _: NEURON(None), TypeError, ["x must be real numbers", "object"]),
    ("neuron x nan", lambda _: NEURON.weighted_sum(NAN), ValueError, ["x must be finite", "x[2, 1] is nan"]),
    (
        "perceptron sigmoid",
        lambda _: learn(SMOOTH, [0, 1], 1),
        ValueError,
        ["answers 0 and 1", "must be step"],
    ),
    ("perceptron network", lambda g: learn(g.net, [0, 1], 1), TypeError, ["must be a Neuron", "got Network("]),
    ("perceptron target -1", lambda _: learn(NEURON, [0, 1], -1), ValueError, ["target must be 0 or 1", "got -1"]),
    ("perceptron target row", lambda _: learn(NEURON, [0, 1], [1]), TypeError, ["target", "number", "got [1]"]),
    ("perceptron batch", lambda _: learn(NEURON, X, 1), ValueError, ["one example", "(2,)", "got (4, 2)"]),
    ("perceptron x number", lambda _: learn(NEURON, 1, 1), ValueError, ["one example", "(2,)", "got ()"]),
    ("perceptron x narrow", lambda _: learn(NEURON, [1], 1), ValueError, ["(2,)", "got (1,)"]),
    ("perceptron lr", lambda _: learn(NEURON, [0, 1], 1, 0), ValueError, ["lr", "above 0", "got 0"]),
    # --- batches, and fit with them
    ("batches list", lambda _: batches(X.tolist(), T, 2, rng()), TypeError, ["x", "NumPy array", "got list"]),
    ("batches target", lambda _: batches(X, T[:, 0], 2, rng()), ValueError, ["as many examples", "(4, 2) and (4,)"]),
    ("batches x flat", lambda _: batches(X[0], T, 2, rng()), ValueError, ["as many examples", "(2,) and (4, 1)"]),
    ("batches short", lambda _: batches(X, T[:3], 2, rng()), ValueError, ["as many examples", "(4, 2) and (3, 1)"]),
    ("batches long", lambda _: batches(X[:3], T, 2, rng()), ValueError, ["as many examples", "(3, 2) and (4, 1)"]),
    ("batches of 5", lambda _: batches(X, T, 5, rng()), ValueError, ["at most", "examples, 4", "got 5"]),
    ("batches of 0", lambda _: batches(X, T, 0, rng()), ValueError, ["batch_size", "at least 1", "got 0"]),
    ("batches of 2.0", lambda _: batches(X, T, 2.0, rng()), TypeError, ["batch_size", "whole number", "got 2.0"]),
    ("batches seed", lambda _: batches(X, T, 2, 0), TypeError, ["rng", "Generator", "got 0", "default_rng(seed)"]),
    ("fit batch alone", lambda g: trained(g, batch_size=2), ValueError, ["batch_size and rng", "give both"]),
    ("fit rng alone", lambda g: trained(g, rng=rng()), ValueError, ["batch_size and rng", "give both"]),
    ("fit batch of 9", lambda g: trained(g, batch_size=9, rng=rng()), ValueError, ["at most", "4", "got 9"]),
    ("fit batch text", lambda g: trained(g, batch_size="2", rng=rng()), TypeError, ["batch_size", "whole", "got '2'"]),
    ("fit rng seed", lambda g: trained(g, batch_size=2, rng=7), TypeError, ["rng", "Generator", "got 7"]),
    (
        "fit diverges in batches",
        lambda g: trained(g, optimizer=SGD(1e3), epochs=2000, batch_size=1, rng=rng()),
        ValueError,
        ["the loss became", "at epoch", "try a smaller learning rate"],
    ),
    (
        "fit loss of rows",
        lambda g: trained(g, loss=PerExample()),
        ValueError,
        ["one number for each", "(4, 1)"],
    ),
    (
        "fit loss of one",
        lambda g: fit(g.stack, X, T, One(), SGD(0.1), 1),
        ValueError,
        ["of shape (5,)", "got float64 ()"],
    ),
    # --- accuracy of classes
    ("accuracy two ones", lambda _: accuracy(X, np.ones((4, 2))), ValueError, ["several outputs", "single 1 among 0s"]),
    ("accuracy no one", lambda _: accuracy(X, np.zeros((4, 2))), ValueError, ["several outputs", "single 1 among 0s"]),
    ("accuracy shares", lambda _: accuracy(X, np.full((4, 2), 0.5)), ValueError, ["single 1 among 0s"]),
    ("accuracy one and more", lambda _: accuracy(X, X + np.array([0, 1])), ValueError, ["single 1 among 0s"]),
    ("accuracy half", lambda _: classes([1, 0.5, 0]), ValueError, ["single 1 among 0s"]),
    ("accuracy half alone", lambda _: classes([0.5, 0, 0]), ValueError, ["single 1 among 0s"]),
    ("accuracy negative", lambda _: classes([1, -1, 0]), ValueError, ["single 1 among 0s"]),
    ("accuracy two", lambda _: classes([2, 0, 0]), ValueError, ["single 1 among 0s"]),
    ("accuracy threshold", lambda _: accuracy(T, T, "0.5"), TypeError, ["threshold", "number", "got '0.5'"]),
    ("accuracy threshold nan", lambda _: accuracy(T, T, np.nan), ValueError, ["threshold", "finite", "got nan"]),
    # --- optimizers
    ("lr of 400 digits", lambda _: SGD(10**400), ValueError, ["lr", "finite number above 0", "got inf"]),
    ("lr far below 0", lambda _: SGD(-(10**400)), ValueError, ["lr", "finite number above 0", "got -inf"]),
    ("step lists", lambda _: SGD(1.0).step([1.0], [1.0]), TypeError, ["params", "NumPy array", "got list"]),
    ("step grads list", lambda g: Adam().step(g.net.params, [1.0]), TypeError, ["grads", "NumPy array", "got list"]),
    ("step integers", lambda _: SGD(1).step(np.ones(2, int), np.ones(2, int)), TypeError, ["params", "got int64"]),
    (
        "step dtype",
        lambda g: SGD(1.0).step(g.net32.params, np.ones(13)),
        TypeError,
        ["grads", "dtype float32", "got float64"],
    ),
    ("softmax of none", lambda _: nnlib.softmax([]), ValueError, ["at least one score", "(0,)"]),
    ("log_softmax of none", lambda _: nnlib.log_softmax(np.ones((3, 0))), ValueError, ["one score", "(3, 0)"]),
    # --- backward, given what no forward returned
    ("None for outputs", lambda g: back(g, lambda _: [None] * 4), ValueError, ["forward returned"]),
    ("dy matrix", lambda g: back(g, dy=np.ones((4, 1)).view(np.matrix)), TypeError, ["dy", "NumPy array", "matrix"]),
    ("dy float32", lambda g: back(g, dy=np.ones((4, 1), np.float32)), TypeError, ["dy", "float64", "got float32"]),
    # --- what a custom class may get wrong
    ("fit loss of None", lambda g: trained(g, loss=Returns(None)), ValueError, ["one number for each", "object"]),
    ("fit loss of text", lambda g: trained(g, loss=Returns("0.3")), ValueError, ["one number for each", "<U3"]),
    ("fit no params", lambda _: fit(Sigmoid(), X, T, MSE, SGD(0.1), 1), TypeError, ["network", "Sigmoid()"]),
    ("numerical None", lambda _: numerical_gradient(lambda _: None, T[0]), ValueError, ["one number", "object"]),
    ("numerical 0-d", lambda _: numerical_gradient(float, np.array(1.0)), ValueError, ["(*stack, n_params)", "()"]),
    ("BCE target 9", lambda _: nnlib.BinaryCrossEntropy().value(T, 9 * T), ValueError, ["0 to 1", "0.0 to 9.0"]),
    ("BCE target -1", lambda _: nnlib.BinaryCrossEntropy().value(T, 2 * T - 1), ValueError, ["0 to 1", "-1.0 to 1"]),
    ("cross target -1", lambda _: CROSS.value(X, -X), ValueError, ["0 to 1", "-1.0 to"]),
    ("xor integer", lambda _: xor(int), TypeError, ["dtype", "float64 or float32", "int"]),
]


@pytest.fixture
def given():
    return SimpleNamespace(net=network(), stack=network(5), net32=network(dtype=np.float32), lone=Linear(2, 3))


@pytest.mark.parametrize(("misuse", "error", "words"), [row[1:] for row in MISUSE], ids=[row[0] for row in MISUSE])
def test_misuse_is_refused_in_words(misuse, error, words, given):
    networks = [given.net, given.stack, given.net32]
    before = [network.params.copy() for network in networks]
    with pytest.raises(error) as caught:
        misuse(given)
    assert caught.type is error
    for word in words:
        assert word in str(caught.value)

    # It is refused by nnlib on purpose, not by what happens to fail further in.
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert Path(last.filename).parent == Path(nnlib.__file__).parent
    assert last.line.startswith("raise ")
    assert all(np.array_equal(network.params, old) for network, old in zip(networks, before, strict=True))
    assert not given.lone.in_network


def test_rows_have_names_of_their_own():
    assert len({row[0] for row in MISUSE}) == len(MISUSE)


def test_a_network_needs_a_generator():
    with pytest.raises(TypeError, match="'rng'"):
        Network(Linear(2, 1))


def test_refused_layers_can_be_used_again():
    first, last = Linear(2, 3), Linear(3, 1)
    for wrong in [{"rng": 0}, {"rng": rng(), "dtype": int}, {"rng": rng(), "n_networks": 0}]:
        with pytest.raises((TypeError, ValueError)):
            Network(first, last, **wrong)
    with pytest.raises(ValueError, match="expects 2 inputs, but gets 1"):
        Network(last, first, rng=rng())
    failing = Linear(3, 1, lambda *_: None)
    with pytest.raises(TypeError, match="pair"):
        Network(first, failing, rng=rng())
    assert Network(first, Sigmoid(), last, rng=rng())(X).shape == (4, 1)


def test_assigning_a_gradient_writes_into_the_network():
    net = network()
    net.layers[0].dW = np.arange(6.0).reshape(2, 3)
    assert net.grads[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.shares_memory(net.layers[0].dW, net.grads)


def test_an_activation_may_stand_in_many_places():
    shared = Sigmoid()
    net = Network(Linear(2, 3), shared, Linear(3, 1), shared, rng=rng())
    other = Network(Linear(2, 1), shared, rng=rng())
    assert check_gradients(net, MSE, X, T) < 1e-7
    assert check_gradients(other, MSE, X, T) < 1e-7


@pytest.mark.parametrize("shape", [(1,), (3,), (4, 3), (4, 2, 1)])
def test_only_one_example_is_taken_for_one_example(shape):
    with pytest.raises(ValueError, match="expects x of shape") as caught:
        network()(np.ones(shape))
    assert "one example" not in str(caught.value)


def test_no_size_is_too_large():
    # Python keeps one object for each whole number up to 256: sizes beyond tell equality from identity.
    n, one = np.int64(300), np.ones((1, 1))
    wide = Network(Linear(n, n), Linear(300, 1), rng=rng())
    assert wide(np.ones((300, 300))).shape == (300, 1)
    deep = Network(*[Linear(1, 1) for _ in range(300)], rng=rng())
    assert deep.backward(deep.forward(one), one).shape == (600,)


def test_the_options_of_fit_are_named():
    with pytest.raises(TypeError, match="positional argument"):
        fit(network(), X, T, MSE, SGD(0.1), 5, 2)
