// One neuron with a step: its three numbers, its line, and the task that it does.
import { Figure, choice, corner, list, picture, shown, slider } from "./figure.js";
import { ACTIVATIONS, INPUTS, TASKS } from "./network.js";
import { marker, plane } from "./plane.js";

// What four answers do, read as a binary number in the order of INPUTS. A line does fourteen of the sixteen.
const NAMES = [
  "0 everywhere", "AND", "x₁ and not x₂", "x₁", "x₂ and not x₁", "x₂", "XOR", "OR",
  "NOR, the opposite of OR", "XNOR", "not x₂", "x₁ or not x₂", "not x₁", "x₂ or not x₁", "NAND", "1 everywhere",
];
const ARROW = 0.07; // the length of the drawn arrow, for each unit of the weights

class Neuron extends Figure {
  title = "One neuron is one line";
  task = "Drag the arrow or its foot, or set the three numbers. Make AND, OR and NAND. Then try XOR.";
  layout = "beside";
  room = "--wide: 4; --narrow: 4";
  square = plane(-0.5, 1.5);

  pictures() {
    return picture("plane", "The plane of the two inputs with its four corners and the neuron's line", "-20 -6 230 230");
  }
  controls() {
    return (
      slider("w1", "weight <i>w</i>₁", -8, 8, 0.1, 4) +
      slider("w2", "weight <i>w</i>₂", -8, 8, 0.1, 4) +
      slider("b", "bias <i>b</i>", -12, 12, 0.1, -2) +
      choice("wanted", "Wanted:", Object.keys(TASKS), "XOR")
    );
  }
  say = { w1: one, w2: one, b: one };

  get values() {
    const [w1, w2, b] = ["w1", "w2", "b"].map(name => this.get(name));
    const sums = INPUTS.map(([x1, x2]) => w1 * x1 + w2 * x2 + b);
    const answers = sums.map(ACTIVATIONS.step.f);
    const wrong = [0, 1, 2, 3].filter(i => answers[i] !== TASKS[this.get("wanted")][i]);
    return { w1, w2, b, sums, answers, wrong };
  }

  draw() {
    const { w1, w2, b, answers, wrong } = this.values;
    const { x, y, axes, regions } = this.square;
    const corners = INPUTS.map(([x1, x2], i) => {
      const at = [x(x1), y(x2)], kind = answers[i] ? "forward" : "second";
      const ring = wrong.includes(i) ? `<circle class="stroke failure" cx="${at[0]}" cy="${at[1]}" r="14"/>` : "";
      const beside = `x="${x(1.56 * x1 - 0.28)}" y="${y(1.56 * x2 - 0.28)}"`;
      return `${marker(i, ...at, kind)}${ring}<text class="bold" ${beside}>${answers[i]}</text>`;
    });
    const sides = regions(([x1, x2]) => w1 * x1 + w2 * x2 + b);
    this.paint("plane", sides + axes("x₁", "x₂") + corners.join("") + this.arrow());

    const task = `<b>${NAMES[parseInt(answers.join(""), 2)]}</b>`, wanted = this.get("wanted");
    if (!wrong.length) return `This neuron computes ${task}, as wanted.`;
    const most = wanted === "XOR" && wrong.length === 1 ? " Three corners of four: one line does no better." : "";
    const where = list(wrong.map(i => corner(INPUTS[i])));
    return `This neuron computes ${task}. For ${wanted} it is wrong at ${where}.${most}`;
  }

  // The arrow starts on the line, as near to the middle as it can, and points where the weights do.
  foot() {
    const { w1, w2, b } = this.values, away = (0.5 * (w1 + w2) + b) / (w1 * w1 + w2 * w2);
    return [0.5 - away * w1, 0.5 - away * w2];
  }
  arrow() {
    const { w1, w2 } = this.values, { x, y } = this.square, foot = this.turning ?? this.foot();
    if (Math.hypot(w1, w2) < 0.05 || foot.some(v => v < -0.5 || v > 1.5)) return "";
    const [a, b, c, d] = [x(foot[0]), y(foot[1]), x(foot[0] + ARROW * w1), y(foot[1] + ARROW * w2)];
    const degrees = (Math.atan2(d - b, c - a) * 180) / Math.PI;
    return `
      <path class="line" d="M${a},${b}L${c},${d}"/>
      <circle class="handle annotation" cx="${a}" cy="${b}" r="6"/>
      <path class="handle annotation" transform="translate(${c} ${d}) rotate(${degrees})" d="M10,0L-8,9V-9Z"/>
      <circle class="touch" data-handle="move" cx="${a}" cy="${b}" r="18"/>
      <circle class="touch" data-handle="turn" cx="${c}" cy="${d}" r="18"/>`;
  }

  // Turning keeps the foot where it is; moving keeps the weights.
  grab(_, __, handle) {
    if (!handle) return null;
    const foot = this.foot();
    return point => {
      const [p1, p2] = this.square.back(point);
      if (handle === "turn") {
        this.turning = foot;
        this.set("w1", (p1 - foot[0]) / ARROW);
        this.set("w2", (p2 - foot[1]) / ARROW);
      }
      const [q1, q2] = handle === "turn" ? foot : [p1, p2];
      this.set("b", -this.get("w1") * q1 - this.get("w2") * q2);
    };
  }
  dropped() {
    this.turning = null;
  }
}

function one(value) {
  return shown(value, 1);
}

customElements.define("nm-neuron", Neuron);
