// The 2-2-1 network of the book, one example, and every number on its way: forward in blue, back in orange.
import { Figure, button, choice, corner, picture, shown, slider } from "./figure.js";
import { INPUTS, TASKS, backward, forward } from "./network.js";

const PARAMS = [4, -4, 4, -4, -2, 6, 4, 4, -6];
const LAST = 11;
const R = 29; // of a neuron
const COLUMNS = [34, 180, 326], ROWS = [66, 234];

class Backprop extends Figure {
  title = "Forward, then the walk back";
  task = "Follow one example through the network, there and back, number by number.";
  room = "--wide: 2; --narrow: 4; --widest: 30rem; --narrow-small: 13px; --wide-small: 10px";

  pictures() {
    return picture("network", "The 2-2-1 network with its numbers; the sentence below says the newest", "0 0 364 312");
  }
  controls() {
    return (
      choice("example", "Example:", INPUTS.map(corner), corner(INPUTS[1])) +
      `<div class="buttons wide">${button("back", "◂ Back")}${button("next", "Next ▸")}
      ${slider("step", "step of the walk", 0, LAST, 1, 0)}</div>`
    );
  }
  pressed(name) {
    this.set("step", this.get("step") + (name === "next" ? 1 : -1));
    this.update();
  }
  say = { step: value => `${value} of ${LAST}` };

  get values() {
    const i = INPUTS.findIndex(x => corner(x) === this.get("example")), x = INPUTS[i], t = TASKS.XOR[i];
    const went = forward(PARAMS, x);
    return { x, t, ...went, loss: (went.y - t) ** 2, ...backward(PARAMS, x, went, 2 * (went.y - t)) };
  }

  draw() {
    const v = this.values, now = this.get("step");
    // A number that belongs to a step shows from that step on, and is bold in it.
    const number = (step, kind, value, x, y, before = "") => {
      const weight = now === step ? "new" : "";
      return now < step ? "" : `<text class="${kind} ${weight}" x="${x}" y="${y}">${before}${shown(value)}</text>`;
    };
    const [left, middle, right] = COLUMNS, centre = 150;
    const edges = [];
    for (const j of [0, 1]) {
      const end = [middle, ROWS[j]], weight = (step, k) => [PARAMS[k], number(step, "backward", v.grads[k], 0, 11)];
      for (const i of [0, 1]) edges.push(edge([left, ROWS[i]], end, ...weight(11, 2 * i + j)));
      edges.push(edge(end, [right, centre], ...weight(8, 6 + j)));
    }
    const inputs = ROWS.map((row, i) => `${circle(left, row)}
      <text class="forward bold" x="${left}" y="${row}">${v.x[i]}</text>
      <text x="${left}" y="${row - R - 9}">x${"₁₂"[i]}</text>`);
    const hidden = ROWS.map((row, j) => `${circle(middle, row)}
      <text x="${middle}" y="${row - R - 24}">h${"₁₂"[j]}</text>
      ${number(1, "forward", v.z1[j], middle, row - R - 9, "sum ")}
      ${number(2, "forward bold", v.h[j], middle, row - 7)}${number(9, "backward", v.dh[j], middle, row + 8)}
      <text x="${middle}" y="${row + R + 10}">bias ${shown(PARAMS[4 + j])}</text>
      ${number(10, "backward", v.delta1[j], middle, row + R + 24)}`);
    const output = `${circle(right, centre)}<text x="${right}" y="${centre - R - 54}">y</text>
      <text class="target" x="${right}" y="${centre - R - 39}">wants ${v.t}</text>
      ${number(5, "forward", v.loss, right, centre - R - 24, "L ")}
      ${number(3, "forward", v.z2, right, centre - R - 9, "sum ")}
      ${number(4, "forward bold", v.y, right, centre - 7)}${number(6, "backward", v.dy, right, centre + 8)}
      <text x="${right}" y="${centre + R + 10}">bias ${shown(PARAMS[8])}</text>
      ${number(7, "backward", v.delta2, right, centre + R + 24)}`;
    this.paint("network", [...edges, ...inputs, ...hidden, output].join(""));
    return `<b class="${now > 5 ? "backward" : "forward"}">${now > 5 ? "Back" : "Forward"}.</b> ${SENTENCES[now](v)}`;
  }
}

// What happens in each step, with the numbers of the example.
const s = shown, both = say => `${say(0)} and ${say(1)}`, slope = y => s(y * (1 - y));
const sum = (v, j) =>
  `${v.x[0]} · ${s(PARAMS[j])} + ${v.x[1]} · ${s(PARAMS[2 + j])} + (${s(PARAMS[4 + j])}) = ${s(v.z1[j])}`;
const SENTENCES = [
  v => `The example ${corner(v.x)} comes in, and ${v.t} is wanted. An edge with a negative weight is dashed.`,
  v => `Each hidden neuron adds up: ${both(j => sum(v, j))}.`,
  v => `Through the sigmoid: ${both(j => `σ(${s(v.z1[j])}) = ${s(v.h[j])}`)}.`,
  v => `The output adds up: 4 · ${s(v.h[0])} + 4 · ${s(v.h[1])} − 6 = ${s(v.z2)}.`,
  v => `The answer is σ(${s(v.z2)}) = ${s(v.y)}, and ${v.t} is wanted.`,
  v => `The loss is the squared error, (${s(v.y)} − ${v.t})² = ${s(v.loss)}.`,
  v => `How fast the loss follows the answer: 2 (${s(v.y)} − ${v.t}) = ${s(v.dy)}.`,
  v => `Through the output’s sigmoid, times its slope: ${s(v.dy)} · ${slope(v.y)} = ${s(v.delta2)}, for sum and bias.`,
  v => `Weights into y, what came in times what comes back:
    ${both(j => `${s(v.h[j])} · (${s(v.delta2)}) = ${s(v.grads[6 + j])}`)}.`,
  v => `Back along an edge, times its weight: 4 · (${s(v.delta2)}) = ${s(v.dh[0])}, for both hidden outputs.`,
  v => `Through each hidden sigmoid, times its slope:
    ${both(j => `${s(v.dh[j])} · ${slope(v.h[j])} = ${s(v.delta1[j])}`)}, for sum and bias.`,
  v => `Weights from x₁ get ${v.x[0]} times that: ${both(j => s(v.grads[j]))};
    weights from x₂ get ${v.x[1]} times it: ${both(j => s(v.grads[2 + j]))}.`,
];

const circle = (x, y) => `<circle class="axis" cx="${x}" cy="${y}" r="${R}"/>`;

// An edge with its weight above, near its beginning, where no other crosses it, and what belongs below.
function edge([x1, y1], [x2, y2], weight, below) {
  const angle = Math.atan2(y2 - y1, x2 - x1), length = Math.hypot(x2 - x1, y2 - y1);
  return `<g transform="translate(${x1} ${y1}) rotate(${(angle * 180) / Math.PI})">
    <path class="axis${weight < 0 ? " dashed" : ""}" d="M${R},0H${length - R}"/>
    <g transform="translate(${R + 33} 0)"><text y="-9">${shown(weight)}</text>${below}</g></g>`;
}

customElements.define("nm-backprop", Backprop);
