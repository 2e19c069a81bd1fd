// An activation function, its slope, and what a slope near zero means.
import { Figure, choice, picture, shown, slider } from "./figure.js";
import { ACTIVATIONS } from "./network.js";

const WIDE = 6; // sums from -6 to 6
const x = z => 100 + (100 / WIDE) * z;

class Activation extends Figure {
  title = "A function and its slope";
  task = "Move along the curve, and watch the tangent lie down.";
  layout = "beside";
  room = "--wide: 4; --narrow: 4";

  pictures() {
    return picture("curves", "Above, the function with its tangent; below, its slope", "-20 -8 226 228", "across");
  }
  controls() {
    const functions = choice("name", "Function:", Object.keys(ACTIVATIONS), "sigmoid");
    return functions + slider("z", "sum <i>z</i>", -WIDE, WIDE, 0.1, 2);
  }
  say = { z: value => shown(value, 1) };

  get values() {
    const name = this.get("name"), { f, slope, top } = ACTIVATIONS[name], z = this.get("z"), y = f(z);
    return { name, z, y, slope: slope(y), saturated: top > 0 && slope(y) < top / 100 };
  }

  draw() {
    const { name, z, y, slope } = this.values, { f, slope: slopeAt } = ACTIVATIONS[name];
    const [low, high] = name === "ReLU" ? [-1.2, 6.4] : [-1.2, 1.2];
    const up = v => 118 - (118 * (v - low)) / (high - low), below = v => 200 - 62 * (v / 1.1);
    // A jump is drawn as a gap: the curve begins anew where its neighbour is further than any slope would lead.
    const curve = (g, height) => {
      const zs = Array.from({ length: 241 }, (_, i) => -WIDE + i / 20 + 1e-9);
      const jumps = i => i === 0 || Math.abs(g(zs[i]) - g(zs[i - 1])) > 0.5;
      return zs.map((v, i) => `${jumps(i) ? "M" : "L"}${x(v)},${height(g(v))}`).join("");
    };
    const tick = (v, height) =>
      `<path class="grid" d="M0,${height(v)}H200"/><text x="-10" y="${height(v)}">${shown(v, 1)}</text>`;
    const run = 1.6;
    this.paint("curves", `
      <clipPath id="top"><rect y="-6" width="200" height="126"/></clipPath>
      ${(name === "ReLU" ? [0, 3, 6] : [-1, 0, 1]).map(v => tick(v, up)).join("")}
      ${[0, 0.5, 1].map(v => tick(v, below)).join("")}
      <path class="grid" d="M${x(z)},-4V200"/>
      <g clip-path="url(#top)"><path class="stroke forward" d="${curve(f, up)}"/>
      <path class="stroke backward" d="M${x(z - run)},${up(y - run * slope)}L${x(z + run)},${up(y + run * slope)}"/></g>
      <path class="stroke backward" d="${curve(v => slopeAt(f(v)), below)}"/>
      <circle class="forward" cx="${x(z)}" cy="${up(y)}" r="5"/>
      <path class="backward" d="M${x(z)},${below(slope) - 6}l6,6l-6,6l-6,-6Z"/>
      ${[-4, 0, 4].map(v => `<text x="${x(v)}" y="212">${shown(v)}</text>`).join("")}<text x="${x(2)}" y="213">z</text>
      <text class="left forward" x="3" y="30">answer y</text><text class="left backward" x="3" y="158">slope</text>`);
    return this.sentence();
  }

  sentence() {
    const { name, z, y, slope, saturated } = this.values;
    const at = `At <i>z</i> = ${shown(z, 1)}, ${name} answers <b class="forward">${shown(y)}</b>`;
    if (name === "step" && z === 0) return `${at}. Here it jumps, and a jump has no slope.`;
    if (name === "ReLU" && z === 0) return `${at}. Here is its kink, without a slope; programs take 0.`;
    const rises = `${at}, and its slope is <b class="backward">${shown(slope)}</b>.`;
    if (slope === 0) return `${rises} A small change of <i>z</i> changes nothing: no hint which way to go.`;
    if (saturated)
      return `${rises} <b>Saturated</b>: less than a hundredth of its steepest, ${shown(ACTIVATIONS[name].top, 2)}.`;
    return `${rises} Raise <i>z</i> by 0.1, and <i>y</i> rises by about ${shown(0.1 * slope)}.`;
  }

  grab() {
    return ([a]) => this.set("z", ((a - 100) * WIDE) / 100);
  }
}

customElements.define("nm-activation", Activation);
