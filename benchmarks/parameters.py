"""Parameters in two forms: one flat array, laid out as nnlib does it, and a list ``[W1, b1, W2, b2, ...]``.

With the same start and one layout, what the contenders end with can be compared number by number.
"""

import itertools

import numpy as np


def split(flat, sizes):
    """Return copies of ``W (*stack, n_in, n_out)`` and ``b (*stack, 1, n_out)`` of each layer, in one list."""
    stack, pieces, start = flat.shape[:-1], [], 0
    for n_in, n_out in itertools.pairwise(sizes):
        for rows in (n_in, 1):
            stop = start + rows * n_out
            pieces.append(flat[..., start:stop].reshape(*stack, rows, n_out).copy())
            start = stop
    return pieces


def join(pieces, stack=()):
    """Return the flat array ``(*stack, n_params)`` of a list of weights and biases."""
    return np.concatenate([np.reshape(piece, (*stack, -1)) for piece in pieces], axis=-1)


def load(model, pieces):
    """Write weights and biases into a PyTorch model, whose weights are ``(n_out, n_in)``: transposed."""
    for parameter, piece in zip(model.parameters(), pieces, strict=True):
        parameter.data.copy_(parameter.new_tensor(piece.T).reshape(parameter.shape))


def unload(model):
    """Return the flat array of a PyTorch model's parameters."""
    return join([parameter.detach().numpy().T for parameter in model.parameters()])
