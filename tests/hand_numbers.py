"""The numbers of each chapter's *By hand*, computed anew from the formulas in the chapter, without nnlib."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


X, T = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
W1, b1 = np.array([[4, -4], [4, -4]]), np.array([[-2, 6]])
W2, b2 = np.array([[4], [4]]), np.array([[-6]])

Z1 = X @ W1 + b1
H = sigmoid(Z1)
Z2 = H @ W2 + b2
Y = sigmoid(Z2)
LOSS = np.mean((Y - T) ** 2)
DELTA2 = 2 / 4 * (Y - T) * Y * (1 - Y)
DB2 = DELTA2.sum()
DW2 = H.T @ DELTA2

# Per chapter: the last column of the table, and every other number that the part shows.
BY_HAND = {
    "05-forward": (
        [Z1[1, 0], H[1, 0], Z1[1, 1], H[1, 1], Z2[1, 0], Y[1, 0]],
        [*H.ravel(), *Z2.ravel(), *Y.ravel(), 1 + np.exp(-2)],
    ),
    "11-xor-numpy": (
        [H[1, 0], H[3, 0], H[3, 1], Y[1, 0], Y[3, 0], LOSS, DB2, -6 - DB2],
        [*H.ravel(), *Z2.ravel(), *(T - Y).ravel(), *(Y * (1 - Y)).ravel()],
    ),
    "14-xor-pytorch": (
        [LOSS, DB2, DW2[0, 0], 2 * DB2, -6 - DB2],
        [*H.ravel(), H[0, 0] + H[3, 0], H[1, 0] + H[2, 0], *Y.ravel(), *(T - Y).ravel(), *DELTA2.ravel()],
    ),
}

# Numbers in the prose that no cell prints: where each comes from.
IN_PROSE = {
    "05-forward": [],
    "11-xor-numpy": [],
    "14-xor-pytorch": [1 / np.sqrt(2)],  # the bound of nn.Linear's start values for two inputs
}
