"""nnlib: a small neural-network library to read, in NumPy.

It belongs to the book *Not Magic*. Read it in this order: activations, neuron, initializers, layers,
losses, network, optimizers, training, gradcheck. What checks arguments and finds the words is in _doors.
Apart are `nnlib.datasets`, `nnlib.exercises` and `nnlib.plotting`, which needs Matplotlib.
"""

from nnlib.activations import log_softmax, relu, sigmoid, softmax, step, tanh
from nnlib.datasets import xor
from nnlib.gradcheck import check_gradients, numerical_gradient
from nnlib.initializers import glorot_uniform, he_uniform, normal, torch_uniform, zeros
from nnlib.layers import Layer, Linear, ReLU, Sigmoid, Tanh
from nnlib.losses import BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy, SumSquaredError
from nnlib.network import Network
from nnlib.neuron import Neuron, perceptron_update
from nnlib.optimizers import SGD, Adam
from nnlib.training import History, accuracy, batches, fit, wilson_interval

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adam",
    "BinaryCrossEntropy",
    "History",
    "Layer",
    "Linear",
    "MeanSquaredError",
    "Network",
    "Neuron",
    "ReLU",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "SumSquaredError",
    "Tanh",
    "accuracy",
    "batches",
    "check_gradients",
    "fit",
    "glorot_uniform",
    "he_uniform",
    "log_softmax",
    "normal",
    "numerical_gradient",
    "perceptron_update",
    "relu",
    "sigmoid",
    "softmax",
    "step",
    "tanh",
    "torch_uniform",
    "wilson_interval",
    "xor",
    "zeros",
]
