// Where two hidden neurons take the corners of XOR, and whether one line separates them there.
import { Figure, picture, shown, slider } from "./figure.js";
import { INPUTS, TASKS, sigmoid } from "./network.js";
import { marker, plane } from "./plane.js";

// Weights from x1, weights from x2, biases, each for h1 and h2, as in nnlib.
const NAMES = ["w11", "w12", "w21", "w22", "b1", "b2"];
const LABELS = ["x₁ to h₁", "x₁ to h₂", "x₂ to h₁", "x₂ to h₂", "bias of h₁", "bias of h₂"];
const SMALL = [0.4, -0.5, -0.3, -0.6, 0.2, 0.1], WIRED = [4, -4, 4, -4, -2, 6];

class HiddenPlane extends Figure {
  title = "Two neurons move the corners";
  task = "Move six small numbers towards the wired ones. When does one line become enough?";
  room = "--wide: 2; --narrow: 4";
  input = plane(-0.5, 1.5);
  hidden = plane(-0.15, 1.15);

  pictures() {
    return (
      picture("input", "The input plane with the four corners of XOR", "-20 -22 226 248") +
      picture("hidden", "The hidden plane: the corners where the hidden neurons put them", "-20 -22 226 248")
    );
  }
  controls() {
    return `<div class="wide">${slider("wiring", "from small to wired weights", 0, 100, 1, 0)}</div>
      <details class="wide"><summary>All six numbers</summary><div class="six">
      ${NAMES.map((name, k) => slider(name, LABELS[k], -8, 8, 0.01, SMALL[k])).join("")}</div></details>`;
  }
  say = Object.fromEntries([["wiring", value => `${value} %`], ...NAMES.map(name => [name, value => shown(value, 2)])]);

  changed(name) {
    if (name !== "wiring") return;
    const share = this.get("wiring") / 100;
    NAMES.forEach((number, k) => this.set(number, SMALL[k] + share * (WIRED[k] - SMALL[k])));
  }

  get values() {
    const p = NAMES.map(name => this.get(name));
    const at = ([x1, x2]) => [0, 1].map(j => sigmoid(x1 * p[j] + x2 * p[2 + j] + p[4 + j]));
    const hidden = INPUTS.map(at), ones = [hidden[1], hidden[2]], zeros = [hidden[0], hidden[3]];
    const { gap, from, to } = nearest(ones, zeros);
    // The line with the widest gap stands at a right angle to the shortest way, in its middle.
    const toward = [from[0] - to[0], from[1] - to[1]], middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
    const side = h => (h[0] - middle[0]) * toward[0] + (h[1] - middle[1]) * toward[1];
    return { params: p, at, hidden, gap, separable: gap > 1e-9, side };
  }

  draw() {
    const { at, hidden, gap, separable, side } = this.values;
    const regions = (flat, f, cells) => (separable ? flat.regions(f, cells) : "");
    const ticks = Array.from({ length: 21 }, (_, i) => -0.5 + i / 10);
    const grid = (flat, to) =>
      [0, 1].flatMap(axis => ticks.filter((_, i) => i % 5 === 0).map(fixed =>
        `<path class="grid" d="M${flat.path(ticks.map(t => to(axis ? [fixed, t] : [t, fixed])))}"/>`)).join("");
    const corners = (flat, points) => points.map(([a, b], i) => {
      // Corners that fall on one point stand side by side around it, as in the book's figures.
      const twin = 3 - i, together = Math.hypot(a - points[twin][0], b - points[twin][1]) < 0.02;
      const aside = together ? (i < twin ? -6 : 6) : 0;
      return marker(i, flat.x(a) + aside, flat.y(b), TASKS.XOR[i] ? "forward" : "second");
    }).join("");
    const title = text => `<text class="left bold" x="0" y="-13">${text}</text>`;
    this.paint("input", `${title("Inputs")}${regions(this.input, point => side(at(point)), 40)}
      ${grid(this.input, point => point)}${this.input.axes("x₁", "x₂")}${corners(this.input, INPUTS)}`);
    this.paint("hidden", `${title("Hidden outputs")}${regions(this.hidden, side)}
      ${grid(this.hidden, at)}${this.hidden.axes("h₁", "h₂")}${corners(this.hidden, hidden)}`);
    return separable
      ? `<b class="target">✓ One line separates</b> the corners in the hidden plane, with a gap of
         ${shown(gap)} at best. Seen from the inputs it bends, or comes twice.`
      : `<b class="failure">✗ No line separates</b> the corners in the hidden plane: the stretch between the two that
         want 1 (blue) and that between the two that want 0 (purple) cross.`;
  }
}

// The shortest way between two stretches, or from a point to itself where they cross.
function nearest([a, b], [c, d]) {
  const turn = (p, q, r) => (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
  if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return { gap: 0, from: a, to: a };
  const ways = [[a, c, d], [b, c, d], [c, a, b], [d, a, b]].map(([p, q, r], i) => {
    const along = [r[0] - q[0], r[1] - q[1]], length = along[0] ** 2 + along[1] ** 2;
    const share = length ? ((p[0] - q[0]) * along[0] + (p[1] - q[1]) * along[1]) / length : 0;
    const foot = [0, 1].map(axis => q[axis] + Math.min(Math.max(share, 0), 1) * along[axis]);
    return { gap: Math.hypot(p[0] - foot[0], p[1] - foot[1]), from: i < 2 ? p : foot, to: i < 2 ? foot : p };
  });
  return ways.reduce((best, way) => (way.gap < best.gap ? way : best));
}

customElements.define("nm-hidden-plane", HiddenPlane);
