// The arithmetic of the figures that move. It is nnlib's: tests/site/test_figures.py holds the two together to 1e-9.

export const INPUTS = [[0, 0], [0, 1], [1, 0], [1, 1]];
export const TASKS = { AND: [0, 0, 0, 1], OR: [0, 1, 1, 1], NAND: [1, 1, 1, 0], XOR: [0, 1, 1, 0] };

// From 40 on the answer is 1 to the last digit, and the exponential of a much larger number would overflow.
export function sigmoid(z) {
  const e = Math.exp(Math.min(z, 40));
  return e / (1 + e);
}

// Each function with its slope, written from the output y; `top` is the largest slope it has.
export const ACTIVATIONS = {
  step: { f: z => (z > 0 ? 1 : 0), slope: () => 0, top: 0 },
  sigmoid: { f: sigmoid, slope: y => y * (1 - y), top: 0.25 },
  tanh: { f: Math.tanh, slope: y => 1 - y * y, top: 1 },
  ReLU: { f: z => Math.max(z, 0), slope: y => (y > 0 ? 1 : 0), top: 1 },
};
const { slope } = ACTIVATIONS.sigmoid;

// What every layer answers, [x, y1, ..., yL], as nnlib's Network.forward. A layer is a number, how many outputs a
// Linear has, or a function. The parameters are one list, laid out as in nnlib: of each Linear the weights, those from
// the first input, from the second and so on, and then the biases.
export function run(layers, params, x) {
  const outputs = [x];
  let k = 0; // where the next Linear's parameters begin
  for (const layer of layers) {
    const before = outputs.at(-1);
    if (typeof layer === "function") outputs.push(before.map(layer));
    else {
      const biases = k + layer * before.length, sums = [];
      for (let j = 0; j < layer; j++) {
        let sum = params[biases + j];
        for (let i = 0; i < before.length; i++) sum += before[i] * params[k + i * layer + j];
        sums.push(sum);
      }
      k = biases + layer;
      outputs.push(sums);
    }
  }
  return outputs;
}

// The book's network for XOR: two inputs, n hidden sigmoids, one sigmoid behind them, and 4n + 1 parameters.
export function forward(params, x) {
  const [, z1, h, [z2], [y]] = run([(params.length - 1) / 4, sigmoid, 1, sigmoid], params, x);
  return { z1, h, z2, y };
}

// The walk back, from dy, the derivative of the loss with respect to the answer.
export function backward(params, x, { h, y }, dy) {
  const n = h.length, dh = [], delta1 = [], grads = [];
  const delta2 = dy * slope(y);
  for (let j = 0; j < n; j++) {
    dh[j] = params[3 * n + j] * delta2;
    delta1[j] = dh[j] * slope(h[j]);
    grads[j] = x[0] * delta1[j];
    grads[n + j] = x[1] * delta1[j];
    grads[2 * n + j] = delta1[j];
    grads[3 * n + j] = h[j] * delta2;
  }
  grads[4 * n] = delta2;
  return { dy, delta2, dh, delta1, grads };
}

// Over the four corners of XOR.
export function meanSquaredError(params) {
  const squares = INPUTS.map((x, i) => (forward(params, x).y - TASKS.XOR[i]) ** 2);
  return squares.reduce((sum, square) => sum + square) / 4;
}

// One step of gradient descent on the mean squared error, in place.
export function descend(params, rate) {
  const step = params.map(() => 0);
  INPUTS.forEach((x, i) => {
    const went = forward(params, x);
    const { grads } = backward(params, x, went, (2 / 4) * (went.y - TASKS.XOR[i]));
    grads.forEach((g, k) => (step[k] += g));
  });
  step.forEach((g, k) => (params[k] -= rate * g));
}

// Learned: all four answers on the right side of one half.
export function learned(params) {
  return INPUTS.every((x, i) => forward(params, x).y > 0.5 === (TASKS.XOR[i] === 1));
}

// Standard normal numbers that a seed repeats. SplitMix64 (Steele, Lea and Flood, 2014) makes the bits, for which
// neighbouring seeds are as good as distant ones; Box and Muller (1958) make them normal. NumPy draws other numbers.
export function normals(seed) {
  const bits = value => BigInt.asUintN(64, value);
  let state = BigInt(seed);
  const uniform = () => {
    state = bits(state + 0x9e3779b97f4a7c15n);
    let z = bits((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = bits((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return (Number((z ^ (z >> 31n)) >> 11n) + 0.5) / 2 ** 53; // never 0, whose logarithm there is none
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

// The start of chapter 11: weights from N(0, 1), biases zero.
export function start(seed, n) {
  const draw = normals(seed);
  return Array.from({ length: 4 * n + 1 }, (_, k) => ((k >= 2 * n && k < 3 * n) || k === 4 * n ? 0 : draw()));
}

// The 95 % interval of Wilson (1927) for a rate.
export function wilson(successes, n) {
  const z = 1.959963984540054, rate = successes / n, wide = 1 + z ** 2 / n;
  const center = (rate + z ** 2 / (2 * n)) / wide;
  const half = (z / wide) * Math.sqrt((rate * (1 - rate)) / n + z ** 2 / (4 * n ** 2));
  return [Math.max(center - half, 0), Math.min(center + half, 1)];
}
