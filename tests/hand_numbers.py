"""The numbers of each chapter's *By hand*, computed anew from the formulas in the chapter, without nnlib."""

import math

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
DELTA1 = DELTA2 @ W2.T * H * (1 - H)
GIVEN = np.where(T == 1, Y, 1 - Y)  # the probability that each target gets
SLOPES = H[:, 0] * (1 - H[:, 0])  # of the first hidden neuron, OR

# Chapter 7: a neuron with zeros for w1, w2 and b learns "or", one step with the rate 1.
OR_DELTA = 2 / 4 * (0.5 - np.array([0, 1, 1, 1])) * 0.5 * (1 - 0.5)
OR_STEP = -OR_DELTA @ np.column_stack([X, np.ones(4)])

# Chapter 8: the examples (0, 1) and (1, 1), each alone.
ONE_DY = 2 * (Y[1, 0] - 1)
ONE_DELTA2 = ONE_DY * Y[1, 0] * (1 - Y[1, 0])
ONE_DELTA1 = 4 * ONE_DELTA2 * SLOPES[1]
LAST_DELTA2 = 2 * Y[3, 0] * Y[3, 0] * (1 - Y[3, 0])
LAST_DELTA1 = 4 * LAST_DELTA2 * H[3] * (1 - H[3])


# Chapter 10: the loss for the example (0, 1) as its output bias moves from -6, and differences of it.
def moved(by):
    return (sigmoid(Z2[1, 0] + by) - 1) ** 2


FORWARD_DIFFERENCES = [(moved(step) - moved(0)) / step for step in (0.1, 0.05)]
CENTRAL_DIFFERENCES = [(moved(step) - moved(-step)) / (2 * step) for step in (0.1, 0.05)]

# Chapter 12: how far off the answers are that chapter 11 prints for the published recipe and its seed.
STUCK_OFF = np.array([0.053, 1 - 0.4955, 1 - 0.9509, 0.5032])

# Chapter 13: all parameters zero, and all weights one half, for the example (0, 1).
ZEROS_DELTA2 = 2 / 4 * (sigmoid(0) - T) * sigmoid(0) * (1 - sigmoid(0))
HALVES_H = sigmoid(0.5)
HALVES_Y = sigmoid(0.5 * HALVES_H + 0.5 * HALVES_H)
HALVES_DELTA2 = 2 / 4 * (HALVES_Y - 1) * HALVES_Y * (1 - HALVES_Y)
HALVES_DELTA1 = HALVES_DELTA2 * 0.5 * HALVES_H * (1 - HALVES_H)

# Chapter 16: three logits of an image of the first class, and a second image whose logits are all 0.
POWERS = np.exp([1.5, 0.5, 0])
SHARES = POWERS / POWERS.sum()

# Chapter 17: a thousand screened, as Lehman et al. (2017) counted them, and a move there from the data's base rate.
ILL, SENSITIVITY, SPECIFICITY = 5.1 + 0.8, 0.869, 0.889
FOUND, ALARMS = ILL * SENSITIVITY, (1000 - ILL) * (1 - SPECIFICITY)
FOUND_HERE, ALARMS_HERE = 212 * SENSITIVITY, 357 * (1 - SPECIFICITY)
MOVE = np.log(ILL / (1000 - ILL)) - np.log(212 / 357)
ODDS = 0.9 / 0.1 * np.exp(MOVE)

# Chapter 19: rows of a viewer and a film (a level, then an embedding), and a step with rate 0.1 for the rating 4.5.
VIEWER, FILM = np.array([0.2, 1, -0.5]), np.array([-0.1, 0.6, 0.4])


def foretold(viewer, film):
    return 3.5 + viewer[0] + film[0] + viewer[1:] @ film[1:]


MISSED = 4.5 - foretold(VIEWER, FILM)
VIEWER_NEXT = VIEWER + 0.1 * MISSED * np.append(1, FILM[1:])
FILM_NEXT = FILM + 0.1 * MISSED * np.append(1, VIEWER[1:])

# Chapter 20: two arms that reach (1, 1), and the mean of their angles.
TWO_ARMS = np.radians([[0, 90], [90, -90]])
MEAN_ARM = TWO_ARMS.mean(axis=0)
MEAN_HAND = np.cos(MEAN_ARM[0]) + np.cos(MEAN_ARM.sum())

# Chapter 4: OR, NAND and AND side by side, AND of the first two behind them.
GATES, GATE_BIASES = np.array([[4, -4, 4], [4, -4, 4]]), np.array([-2, 6, -6])
GATE_SUMS = X[1] @ GATES + GATE_BIASES
GATE_OUTPUT = np.array([4, 4, 0]) @ (GATE_SUMS > 0) - 6


def wilson(successes, n, z=1.959964):
    """Return the 95 % interval of Wilson (1927) in per cent, the solutions of (p - k/n)² = z² p (1 - p) / n."""
    rate = successes / n
    return np.sort(100 * np.roots([1 + z**2 / n, -2 * rate - z**2 / n, rate**2]))


def perceptron_biases(shown, target):
    """Return the bias after each example shown, from zeros, by w += (t - y) x and b += t - y."""
    w1, w2, b, biases = 0, 0, 0, []
    for x1, x2 in shown:
        error = target(x1, x2) - int(w1 * x1 + w2 * x2 + b > 0)
        w1, w2, b = w1 + error * x1, w2 + error * x2, b + error
        biases.append(b)
    return biases


# Per chapter: the last column of the table, and every other number that the part shows.
BY_HAND = {
    "01-neuron": ([4 * X[1, 0], 4 * X[1, 1], Z1[1, 0], Z1[1, 0] > 0], []),  # the first hidden neuron, OR
    "02-perceptron": (perceptron_biases(2 * X.tolist(), lambda x1, x2: x1 * x2)[3:], []),  # AND, from its first mistake
    "03-activations": (
        [
            *(H[1, 0], sigmoid(2.1), 10 * (sigmoid(2.1) - sigmoid(2))),
            *SLOPES[[1, 0, 3]],
            *(np.tanh(1), 1 - np.tanh(1) ** 2, np.exp(2) / (np.exp(2) + 1)),
        ],
        [
            *(H[0, 0], H[3, 0], 1 - H[3, 0], 1 + np.exp(-2), 1 + np.exp(-2.1), sigmoid(2.1) - sigmoid(2)),
            *(np.exp(2), np.exp(2) + 1, 2.1, 0.1),
        ],
    ),
    "04-layers": ([*GATE_SUMS, GATE_OUTPUT, GATES.size + GATE_BIASES.size, 3 * 1 + 1], []),
    "05-forward": (
        [Z1[1, 0], H[1, 0], Z1[1, 1], H[1, 1], Z2[1, 0], Y[1, 0]],
        [*H.ravel(), *Z2.ravel(), *Y.ravel(), 1 + np.exp(-2)],
    ),
    "06-loss": (
        [
            *((Y[1, 0] - 1) ** 2, LOSS, 2 * (Y[1, 0] - 1) * Y[1, 0] * (1 - Y[1, 0])),
            *(np.prod(GIVEN), -np.log(Y[1, 0]), -np.log(1 - Y[0, 0]), -np.mean(np.log(GIVEN)), Y[1, 0] - 1),
        ],
        [*Y.ravel(), 1 - Y[0, 0]],
    ),
    "07-descent": (
        [4, 1 - 0.1 * 4, (1 - 0.1 * 4) ** 2, 1 - 0.6 * 4, *-OR_STEP[[2, 0]], OR_STEP[2], sigmoid(OR_STEP.sum())],
        [sigmoid(0), sigmoid(0) * (1 - sigmoid(0)), 0.1, 0.6 * 4, 4 * (1 - 0.1 * 4)],
    ),
    "08-backprop-numbers": (
        [
            *(ONE_DY, Y[1, 0] * (1 - Y[1, 0]), ONE_DELTA2, ONE_DELTA2, H[1, 0] * ONE_DELTA2),
            *(4 * ONE_DELTA2, SLOPES[1], ONE_DELTA1, ONE_DELTA1, X[1, 1] * ONE_DELTA1, X[1, 0] * abs(ONE_DELTA1)),
        ],
        [H[1, 0], 1 - H[1, 0], Y[1, 0], 1 - Y[1, 0]],
    ),
    "09-backprop-matrices": (
        [
            *(ONE_DELTA2, DELTA2[1, 0], DELTA2[0, 0], DW2[0, 0], DB2),
            *(DELTA1[1, 0], DELTA1[0, 0], DELTA1[:, 0].sum(), X[:, 0] @ DELTA1[:, 0]),
        ],
        [*H.ravel(), *Y.ravel(), *(Y * (1 - Y)).ravel(), *DELTA1.ravel()],
    ),
    "10-gradient-check": (
        [moved(0), moved(0.1), moved(-0.1)]
        + [value for pair in zip(FORWARD_DIFFERENCES, CENTRAL_DIFFERENCES, strict=True) for value in pair],
        [0.05, 0.1, 0.2, 5.9, 6.1, Z2[1, 0] + 6, *(Z2[1, 0] + step for step in (-0.1, 0, 0.1))]
        + [sigmoid(Z2[1, 0] + step) for step in (-0.1, 0, 0.1)]
        + [moved(step) for step in (-0.05, 0.05)]
        + [ONE_DELTA2, *(abs(d - ONE_DELTA2) for d in (*FORWARD_DIFFERENCES, *CENTRAL_DIFFERENCES))],
    ),
    "11-xor-numpy": (
        [H[1, 0], H[3, 0], H[3, 1], Y[1, 0], Y[3, 0], LOSS, DB2, -6 - DB2],
        [*H.ravel(), *Z2.ravel(), *(T - Y).ravel(), *(Y * (1 - Y)).ravel()],
    ),
    "12-xor-fails": (
        [1 / 2, 2 * (1 / 2) ** 2 / 4, 2 / 3, (2 * (1 / 3) ** 2 + (2 / 3) ** 2) / 4, 1 / 4, np.mean(STUCK_OFF**2)],
        [1 / 3, *STUCK_OFF, np.mean(STUCK_OFF**2) - 1 / 8],
    ),
    "13-initialization": (
        [
            *(sigmoid(0), *ZEROS_DELTA2[:2, 0], ZEROS_DELTA2.sum()),
            *(HALVES_H, HALVES_Y, HALVES_DELTA2, HALVES_DELTA1, HALVES_DELTA1),
        ],
        [sigmoid(0) * (1 - sigmoid(0)), 1 - HALVES_Y, HALVES_Y * (1 - HALVES_Y), HALVES_H * (1 - HALVES_H)],
    ),
    "14-xor-pytorch": (
        [LOSS, DB2, DW2[0, 0], 2 * DB2, -6 - DB2],
        [*H.ravel(), H[0, 0] + H[3, 0], H[1, 0] + H[2, 0], *Y.ravel(), *(T - Y).ravel(), *DELTA2.ravel()],
    ),
    "15-autograd": (
        [*2 * [Y[1, 0] - 1], 2 * (Y[1, 0] - 1), ONE_DELTA2, ONE_DELTA2 / 2, DB2],
        [Y[1, 0], Y[1, 0] * (1 - Y[1, 0]), *DELTA2.ravel()],
    ),
    "16-digits": (
        [
            *(SHARES[0], -np.log(SHARES[0]), SHARES[0] - 1, SHARES[1], (np.log(3) - np.log(SHARES[0])) / 2),
            *((SHARES[0] - 1) / 2, 0.5 - 0.1 * (0.2 + 0.01 * 0.5)),
        ],
        [1.5, 0.5, 0.2, 0.1, 0.01, *POWERS, POWERS.sum(), 0.5 - 0.1 * 0.2, 0.1 * 0.01 * 0.5],
    ),
    "17-health": (
        [
            *(FOUND, ALARMS, FOUND / (FOUND + ALARMS), FOUND_HERE / (FOUND_HERE + ALARMS_HERE), 1 / (1 + 20)),
            *(MOVE, ODDS, ODDS / (1 + ODDS)),
        ],
        [
            *(5.1, 0.8, ILL, ILL / 10, 1000 - ILL, SENSITIVITY, SPECIFICITY, FOUND_HERE, ALARMS_HERE),
            *(1 - SPECIFICITY, 0.9, 1 + ODDS, 100 * FOUND / (FOUND + ALARMS)),
        ],
    ),
    "18-fraud": (
        [
            *(1 - 20 / 10_000, 1 - (40 - 12 + 20 - 12) / 10_000, 12 / 40, 12 / 20),
            *(0.03 * 250, 0.2 * 20, 0.03 / 0.97, 500 * 0.03 / (500 * 0.03 + 0.97)),
        ],
        [0.03, 0.97, 0.2, 500 * 0.03 / 0.97, 500 * 0.03 / 0.97 + 1],
    ),
    "19-recommend": (
        [
            *(VIEWER[1:] @ FILM[1:], foretold(VIEWER, FILM), MISSED, *VIEWER_NEXT[1:], *FILM_NEXT[1:]),
            foretold(VIEWER_NEXT, FILM_NEXT),
        ],
        [3.5, 4.5, *VIEWER, *FILM, 0.1, 0.1 * MISSED, VIEWER_NEXT[0], FILM_NEXT[0], VIEWER_NEXT[1:] @ FILM_NEXT[1:]],
    ),
    "20-robot-arm": (
        [
            *(*np.degrees(MEAN_ARM), MEAN_HAND, np.hypot(MEAN_HAND - 1, MEAN_HAND - 1)),
            *(np.mean((y - TWO_ARMS) ** 2) for y in (MEAN_ARM, TWO_ARMS[0])),
        ],
        [np.pi / 4, np.pi / 2, np.pi],
    ),
}

# Numbers in the prose that no cell prints: where each comes from.
IN_PROSE = {
    "01-neuron": [],
    # the logarithm of the largest float64 and float32
    "03-activations": [np.log(np.finfo(np.float64).max), np.log(float(np.finfo(np.float32).max))],
    "04-layers": [
        *(784 * 128 + 128 * 10, 784 * 128 * 10),  # two wrong counts of 784-128-10
        2 * 500,  # networks without a bend
        *(5000, 100 * 496 / 500, *wilson(496, 500)),  # the long training, which test_studies repeats
    ],
    "05-forward": [],
    # sigmoid twice, on the task "or": the largest answer, and the loss of perfect answers
    "06-loss": [sigmoid(1), -np.mean(np.log([1 - sigmoid(0), *3 * [sigmoid(1)]]))],
    # the valley's limits 1/c and 2/c; intervals of the study's counts
    "07-descent": [1 / 4, 2 / 4, *wilson(50, 500), *wilson(500, 500), *wilson(499, 500), *wilson(193, 500)],
    # the corner (1, 1), which a figure shows
    "08-backprop-numbers": [*H[3], Y[3, 0], *(H[3] * (1 - H[3])), *(H[3] * LAST_DELTA2), *LAST_DELTA1],
    "09-backprop-matrices": [],
    # the relative spacing of float64 and float32, in powers of ten; a step across the kink of ReLU
    "10-gradient-check": [1e16 * np.finfo(np.float64).eps, 1e7 * float(np.finfo(np.float32).eps), (1e-6 + 1e-5) / 2e-5],
    "11-xor-numpy": [],
    "12-xor-fails": [1.959964],  # the 97.5 % point of the standard normal distribution
    # a factor per layer, from a slope's spread; PyTorch's; two rates of the study; the long wait, which a test repeats
    "13-initialization": [10 * 0.24, 1 / np.sqrt(3), 100 * 480 / 500, 140_000, 10 * 140_000 / 1e6],
    "14-xor-pytorch": [1 / np.sqrt(2)],  # the bound of nn.Linear's start values for two inputs
    "15-autograd": [10_001],  # the uses of one value in a chain of 10,000 sums
    # how much wider the corrected intervals are; the normal distribution's 97.5 % point, as in chapter 12
    "16-digits": [np.sqrt((1 / 11 + 1 / 10) / (1 / 11)), 1.959964],
    # Lehman et al. (2017): millions of mammograms, and the counts in a thousand; the accuracy of calling nobody back;
    # what Wolberg et al. (1994) report; the answer of a network whose hidden neurons are silent, which a test repeats
    "17-health": [1.7, 5.1, 0.8, 100 * SENSITIVITY, 100 * SPECIFICITY, 100 - ILL / 10, 97, 13],
    # reported frauds by number and value; how often chance exceeds 3, and one of six does, in per cent; the longer way
    # in the holiday; what single networks promise, and all with another seed, which tests repeat
    "18-fraud": [
        *(0.015, 0.031, 100 * math.erfc(3 / np.sqrt(2)), 600 * math.erfc(3 / np.sqrt(2)), np.exp(1.2 * 0.5)),
        *(0.40, 1.53, 1.17, 0.17),
    ],
    "19-recommend": [],
    # networks that use both elbows: test_chapter_20 trains and counts them
    "20-robot-arm": [*wilson(15, 150)],
}
