// Gradient descent in the valley L = c/2 w², from w = 1: the walk, the loss, and what the rate makes of them.
import { Figure, picture, shown, slider } from "./figure.js";

const WIDE = 2, HIGH = 8; // what the picture shows of the valley: w from -2 to 2, the loss up to 8
const near = v => Math.min(Math.max(v, -2000), 2000); // a walk that diverges soon leaves every screen
const x = w => near(100 + (100 / WIDE) * w);
const y = loss => near(200 - (200 / HIGH) * loss);
const level = loss => 100 - 25 * Math.log10(Math.max(loss, 1e-4)); // from 0.0001 at the bottom to 10,000 at the top

class Descent extends Figure {
  title = "One rate for one valley";
  task = "Choose a rate and a valley. Which rates arrive?";
  room = "--wide: 3; --narrow: 5";

  pictures() {
    return (
      picture("valley", "The valley with a dot for each step of the walk", "-20 -8 226 234") +
      picture("curve", "The loss after each step, on a logarithmic scale", "-38 -8 244 234")
    );
  }
  controls() {
    return (
      slider("rate", "learning rate <i>η</i>", 0.01, 0.6, 0.01, 0.2) +
      slider("curvature", "curvature <i>c</i> of the valley", 1, 8, 0.5, 4) +
      slider("steps", "steps", 0, 20, 1, 8)
    );
  }
  say = { rate: value => shown(value, 2), curvature: value => shown(value, 1) };

  get values() {
    const rate = this.get("rate"), curvature = this.get("curvature"), walk = [1];
    for (let k = 0; k < this.get("steps"); k++) walk.push(walk[k] - rate * curvature * walk[k]);
    const losses = walk.map(w => (curvature / 2) * w * w);
    return { rate, curvature, walk, losses, factor: 1 - rate * curvature, limit: 2 / curvature };
  }

  draw() {
    const { walk, losses, curvature } = this.values;
    const ground = Array.from({ length: 81 }, (_, i) => -WIDE + i / 20);
    const dots = points => `<path class="stroke backward" d="M${points.join("L")}"/>` +
      points.map(([a, b], i) => `<circle class="backward" cx="${a}" cy="${b}" r="${i ? 3 : 4.5}"/>`).join("");
    const end = ([a, b]) => // a star or a cross says where the walk has got to
      Math.abs(walk.at(-1)) < 0.2
        ? `<path class="target" transform="translate(${a} ${b})" d="${STAR}"/>`
        : `<path class="stroke failure" transform="translate(${a} ${b})" d="M-6,-6L6,6M6,-6L-6,6"/>`;
    const walked = walk.map((w, i) => [x(w), y(losses[i])]);
    const valley = ground.map(w => [x(w), y((curvature / 2) * w * w)]).join("L");
    this.paint("valley", `
      <clipPath id="seen"><rect x="-6" y="-8" width="212" height="216"/></clipPath><path class="axis" d="M0,0V200H200"/>
      <g clip-path="url(#seen)"><path class="line" d="M${valley}"/>${dots(walked)}${end(walked.at(-1))}</g>
      ${[-1, 0, 1].map(w => `<text x="${x(w)}" y="214">${shown(w)}</text>`).join("")}
      ${[0, 4, 8].map(v => `<text x="-11" y="${y(v)}">${v}</text>`).join("")}
      <text x="${x(1.5)}" y="214">w</text><text class="left" x="6" y="4">loss</text>`);
    const fell = losses.map((loss, i) => [10 * i, level(loss)]);
    this.paint("curve", `
      <clipPath id="tall"><rect x="-6" y="-8" width="216" height="216"/></clipPath><path class="axis" d="M0,0V200H200"/>
      ${[1e-4, 1e-2, 1, 100, 1e4].map(v => `<path class="grid" d="M0,${level(v)}H200"/>
        <text class="right" x="-5" y="${level(v)}">${v === 1e4 ? "10⁴" : v === 1e-4 ? "10⁻⁴" : v}</text>`).join("")}
      <g clip-path="url(#tall)">${dots(fell)}${end(fell.at(-1))}</g>
      ${[0, 10, 20].map(v => `<text x="${10 * v}" y="214">${v}</text>`).join("")}<text x="150" y="214">step</text>`);
    return this.sentence();
  }

  sentence() {
    const { rate, walk, losses, factor, limit } = this.values;
    const turned = Math.round(factor * 1e9) / 1e9; // so that a rate at the limit is at the limit
    const kind = turned < -1 ? "<b>diverges</b>: each step leads further out"
      : turned === -1 ? "hops from wall to wall <b>for ever</b>"
      : turned < 0 ? "<b>zigzags</b> from wall to wall, and comes closer"
      : turned === 0 ? "<b>lands</b> on the floor at once"
      : turned <= 0.8 ? "<b>converges</b> from one side"
      : "<b>creeps</b>: each step covers less than a fifth of the way";
    const steps = walk.length === 2 ? "1 step" : `${walk.length - 1} steps`;
    return `With ${shown(rate, 2)} the walk ${kind}. A step multiplies <i>w</i> by ${shown(factor, 2)}.
      After ${steps} <i>w</i> is ${large(walk.at(-1))} and the loss ${large(losses.at(-1))}.
      The limit here is <i>η</i> = 2/<i>c</i> = ${shown(limit, 2)}.`;
  }
}

const STAR = "M" + Array.from({ length: 10 }, (_, i) => {
  const r = i % 2 ? 3.6 : 9, angle = (Math.PI / 5) * i;
  return [r * Math.sin(angle), -r * Math.cos(angle)].map(v => v.toFixed(2));
}).join("L") + "Z";

// A walk that diverges soon has large numbers, one that converges small ones, which are not 0.
function large(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US").replace("-", "−");
  if (value === 0 || Math.abs(value) >= 5e-5) return shown(value);
  const [digits, exponent] = value.toExponential(1).replaceAll("-", "−").split("e");
  return `${digits} · 10<sup>${exponent}</sup>`;
}

customElements.define("nm-descent", Descent);
