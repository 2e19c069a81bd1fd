// Trains networks on XOR by the recipe of chapter 11, from one seed after the other, and counts how many learn.
import { Figure, button, choice, corner, list, picture, shown } from "./figure.js";
import { INPUTS, TASKS, descend, forward, learned, meanSquaredError, start, wilson } from "./network.js";
import { marker, plane } from "./plane.js";

const RATE = 1, EPOCHS = 5000, EVERY = 25; // a point of the loss curve for every 25 epochs
const x = epoch => (200 * epoch) / EPOCHS;
const y = loss => -50 * Math.log10(Math.max(loss, 1e-4)); // 1 at the top, 0.0001 at the bottom

class XorTrainer extends Figure {
  title = "Does it learn XOR?";
  task = "Here the recipe trains in your browser. Its seeds are not NumPy’s: the same number starts elsewhere.";
  room = "--wide: 2; --narrow: 4";
  square = plane(-0.5, 1.5);

  pictures() {
    return (
      picture("plane", "The plane of the inputs, and where the network answers above one half", "-20 -8 226 234") +
      picture("curve", "The mean squared error against the epoch, on a logarithmic scale", "-38 -8 244 234")
    );
  }
  controls() {
    return (
      choice("hidden", "Hidden neurons:", ["2", "3", "4"], "2") +
      `<div class="buttons wide">
        ${button("train", "Next seed")}${button("many", "Next 20")}${button("again", "Reset")}</div>
      <p class="tally wide" aria-hidden="true"></p>`
    );
  }

  connectedCallback() {
    this.results ??= [];
    this.begin(start(0, 2));
    super.connectedCallback();
  }
  disconnectedCallback() {
    cancelAnimationFrame(this.frame);
  }

  // A new network, given by its parameters; `step` trains it, as a test can do as well.
  begin(params) {
    Object.assign(this, { params: [...params], epoch: 0, losses: [meanSquaredError(params)] });
  }
  step(epochs) {
    for (let k = 0; k < epochs; k++) {
      descend(this.params, RATE);
      if (++this.epoch % EVERY === 0) this.losses.push(meanSquaredError(this.params));
    }
  }

  get values() {
    const { params, epoch, results } = this, trained = results.length, successes = results.filter(Boolean).length;
    const interval = trained ? wilson(successes, trained) : null;
    return { params, epoch, loss: meanSquaredError(params), learned: learned(params), trained, successes, interval };
  }

  changed() {
    this.results = [];
    this.halt();
  }
  pressed(name) {
    if (name === "again") this.changed();
    else if (this.frame) this.rush = true; // pressed again: no more watching, to the end
    else this.run(name === "many" ? 20 : 1);
    this.update();
  }
  halt() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    this.begin(start(this.results.length, this.get("hidden")));
  }

  // One seed is watched, twenty pass by a seed at a time. Whoever wants no motion sees the end of it only.
  run(seeds) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.rush = still || seeds > 1;
    const frame = () => {
      if (this.epoch === EPOCHS || !this.epoch) this.begin(start(this.results.length, this.get("hidden")));
      this.step(this.rush ? EPOCHS - this.epoch : EVERY);
      if (this.epoch === EPOCHS) {
        this.results.push(learned(this.params));
        seeds--;
      }
      this.frame = seeds ? requestAnimationFrame(frame) : null;
      if (!still || !seeds) this.update();
    };
    this.frame = requestAnimationFrame(frame);
  }

  draw() {
    const { square, params, epoch, losses, results, frame } = this, { loss } = this.values;
    const answers = INPUTS.map(input => forward(params, input).y);
    const corners = INPUTS.map(([x1, x2], i) =>
      `${marker(i, square.x(x1), square.y(x2), TASKS.XOR[i] ? "forward" : "second")}
       <text class="bold" x="${square.x(x1)}" y="${square.y(x2) + (x2 ? -19 : 20)}">${shown(answers[i], 2)}</text>`);
    const sides = square.regions(point => forward(params, point).y - 0.5, 32);
    this.paint("plane", sides + square.axes("x₁", "x₂") + corners.join(""));
    this.paint("curve", `<path class="axis" d="M0,0V200H200"/>
      ${[1, 0.1, 0.01, 0.001, 0.0001].map(v => `<path class="grid" d="M0,${y(v)}H200"/>
        <text class="right" x="-5" y="${y(v)}">${v < 0.001 ? "10⁻⁴" : v}</text>`).join("")}
      <path class="stroke forward" d="M${losses.map((v, i) => [x(i * EVERY), y(v)]).join("L")}"/>
      <text x="4" y="214">0</text><text class="right" x="200" y="214">5,000</text><text x="90" y="214">epoch</text>
      <text class="right" x="200" y="12">loss ${shown(loss)}</text>`);
    const marks = results.map(good => (good ? '<span class="target">✓</span>' : '<span class="failure">✗</span>'));
    this.shadowRoot.querySelector(".tally").innerHTML = marks.slice(-60).join(" ") || "&nbsp;";
    this.form.elements.train.textContent = frame ? "To the end" : "Next seed";
    if (!frame) return this.sentence();
    return `Seed ${results.length} is training: epoch ${epoch.toLocaleString("en-US")} of 5,000.`;
  }

  sentence() {
    const { trained, successes, interval, loss, learned: good, params } = this.values;
    if (!trained)
      return `Seed 0 has drawn its weights from N(0, 1); its biases are zero. It will take 5,000 steps, with the
        learning rate 1, down the mean squared error.`;
    const wrong = INPUTS.filter((input, i) => forward(params, input).y > 0.5 !== (TASKS.XOR[i] === 1)).map(corner);
    const last = good
      ? '<b class="target">✓ learned XOR</b>'
      : `<b class="failure">✗ failed</b>, wrong at ${list(wrong)},`;
    const [rate, low, high] = [successes / trained, ...interval].map(share => `${(100 * share).toFixed(1)}%`);
    return `Seed ${trained - 1} ${last} with a loss of ${shown(loss)}. So far ${successes} of ${trained} learned:
      ${rate}, with the 95% interval [${low}, ${high}].`;
  }
}

customElements.define("nm-xor-trainer", XorTrainer);
