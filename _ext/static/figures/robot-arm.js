// An arm of two links, steered by the networks of chapter 20: to the target, along a path, or, where it would miss, not
// at all.
import { Figure, button, choice, picture, shown, slider } from "./figure.js";
import { run } from "./network.js";
import { plane } from "./plane.js";
import { NETWORKS } from "./robot-arm-networks.js";

const LAYERS = [20, Math.tanh, 20, Math.tanh, 2]; // from the target's x and y to the angles of shoulder and elbow
const BOTH = "both elbows", ONE = "one elbow", CHECKED = "one elbow, with a check";
const TOLERANCE = 0.1; // where the hand would land further from the target than this, an arm that checks stays

// The work area, half a ring in front of the shoulder, from which the networks have learned.
const NEAR = 0.5, FAR = 1.9, REACH = 2;
const START = [1, 1], LOW = { x: -1.2, y: -2 }; // and where the picture begins
const inside = ([x, y]) => x > 0 && Math.hypot(x, y) > NEAR && Math.hypot(x, y) < FAR;

const distance = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);
const from = (p, angle, length) => [p[0] + length * Math.cos(angle), p[1] + length * Math.sin(angle)];
const elbow = ([a]) => from([0, 0], a, 1);
const hand = ([a, b], length = 1) => from(elbow([a]), a + b, length);

// The right answers: within reach there are two, with the elbow on one side of the straight way or on the other.
function answers([x, y]) {
  const b = 2 * Math.acos(Math.hypot(x, y) / 2), a = Math.atan2(y, x) - b / 2;
  return b > 0 ? [[a, b], [a + b, -b]] : [];
}

// The path: once around a circle, down, and around a square, a point for every hundredth or two.
const STOPS = [
  ...Array.from({ length: 200 }, (_, i) => from([0.9, 0.9], (i / 100 - 0.5) * Math.PI, 0.45)),
  [0.9, 0.45], [0.9, -0.5], [1.3, -0.5], [1.3, -1.3], [0.5, -1.3], [0.5, -0.5], [0.9, -0.5],
];
const PATH = STOPS.flatMap((p, i) => {
  const q = STOPS[i + 1] ?? p, steps = Math.ceil(distance(p, q) / 0.015) || 1;
  return Array.from({ length: steps }, (_, k) => p.map((v, axis) => v + (k / steps) * (q[axis] - v)));
});
const SECONDS = 8, GLIDE = 0.4; // for all of it, and for the arm's way from one network's answer to another's
const TRAIL = 500; // so many targets of a drag remain visible

class RobotArm extends Figure {
  title = "An arm that a network steers";
  task = "Drag the green target, or let the arm follow the path. What happens outside the grey work area?";
  layout = "beside";
  room = "--wide: 6; --narrow: 6; --small: 7px";
  flat = plane(-2.1, 2.1);

  pictures() {
    return picture("arm", "The arm, its target, the path that is asked for and the way of the hand", "41 -2 161 204");
  }
  controls() {
    return (
      choice("network", "Trained on:", [BOTH, ONE, CHECKED], CHECKED) +
      slider("x", "target <i>x</i>", LOW.x, REACH, 0.01, START[0]) +
      slider("y", "target <i>y</i>", LOW.y, REACH, 0.01, START[1]) +
      `<div class="buttons">${button("follow", "Follow the path")}</div>`
    );
  }
  say = { x: two, y: two };

  disconnectedCallback() {
    cancelAnimationFrame(this.frame);
  }

  // What the network answers, and where that would lead: an arm that checks computes it before it moves.
  ask(target) {
    const network = this.get("network"), params = NETWORKS[network === BOTH ? BOTH : ONE];
    const angles = run(LAYERS, params, target).at(-1), lands = hand(angles), miss = distance(lands, target);
    return { network, target, angles, lands, miss, refuses: network === CHECKED && miss > TOLERANCE };
  }
  // The next target. The hand goes there, or stays, and leaves its trace.
  go(target) {
    const { angles, refuses } = this.ask(target);
    if (!refuses) this.pose = angles;
    this.target = target;
    this.went.push(hand(this.pose));
  }
  // What is asked for from now on, of which nothing is done yet.
  begin(asked) {
    cancelAnimationFrame(this.frame);
    Object.assign(this, { frame: null, following: false, drawn: null, asked, went: [] });
  }

  get values() {
    const { target, pose, asked, went } = this, misses = went.map((point, i) => distance(point, asked[i]));
    return { ...this.ask(target), hand: hand(pose), asked, went, misses, inside: inside(target) };
  }

  changed(name) {
    if (name === "network") this.again();
    else {
      this.begin(PATH);
      this.target = [this.get("x"), this.get("y")];
      this.stand();
    }
  }
  // By another network the same once more, and the arm glides from where the one would have it to where the other does.
  again() {
    const before = this.drawn ?? this.pose, done = this.asked.slice(0, this.went.length);
    this.went = [];
    done.forEach(target => this.go(target));
    if (!done.length) this.stand();
    if (this.following) return;
    this.animate(GLIDE, share => {
      const eased = share * share * (3 - 2 * share);
      this.drawn = share < 1 ? before.map((angle, i) => angle + eased * (this.pose[i] - angle)) : null;
      this.draw(); // which says nothing new
    });
  }
  // At its target, without a trace.
  stand() {
    this.go(this.target);
    this.went = [];
  }

  draw() {
    if (!this.target) {
      this.begin(PATH);
      this.target = START;
      this.stand();
    }
    const { asked, went } = this, pose = this.drawn ?? this.pose, { x, y, path } = this.flat;
    const { network, target, angles, lands, refuses } = this.values;
    const at = point => `translate(${x(point[0])} ${y(point[1])})`;
    const limbs = (angles, length) => `M${path([[0, 0], elbow(angles), hand(angles, length)])}`;
    const ring = r => [r, r].map(v => v * (x(1) - x(0)));
    const turns = [turn(path, "a", [0, 0], 0, pose[0]), turn(path, "b", elbow(pose), ...pose)];
    const beside = ([p, q]) => // on the side where the target is not, and not across the picture's edge
      `x="${Math.min(Math.max(x(p), 73), 168)}" y="${y(q) + (q < target[1] ? 10 : -10)}"`;
    const [led, right] = network === BOTH ? ["failure", answers(target)] : ["forward", []];
    this.paint("arm", `
      <clipPath id="seen"><rect x="41" y="-2" width="161" height="204"/></clipPath>
      <path class="grid even" d="M41,${y(0)}H200M${x(0)},0V200"/>
      <g clip-path="url(#seen)"><circle class="grid even" cx="${x(0)}" cy="${y(0)}" r="${ring(REACH)[0]}"/></g>
      <path class="wash annotation area even" d="M${path([[0, -FAR]])}A${ring(FAR)} 0 0 0 ${path([[0, FAR]])}
        V${y(NEAR)}A${ring(NEAR)} 0 0 1 ${path([[0, -NEAR]])}Z"/>
      ${[-1, 1].map(v => `<text class="halo" x="${x(v)}" y="${y(0) + 8}">${shown(v)}</text>
        <text class="halo" x="${x(0) - 8}" y="${y(v)}">${shown(v)}</text>`).join("")}
      ${went.length ? `<path class="stroke ${led} even trace" d="M${path(went)}"/>` : ""}
      ${asked.length ? `<path class="stroke target even dashed" d="M${path(asked)}"/>` : ""}
      ${right.map(angles => `<path class="stroke second even dashed" d="${limbs(angles)}"/>`).join("")}
      ${turns.map(({ arc }) => arc).join("")}
      <path class="limb" d="${limbs(pose, 0.84)}"/><path class="limb core" d="${limbs(pose, 0.84)}"/>
      ${[[0, 0], elbow(pose)].map(joint => `<circle class="forward" transform="${at(joint)}" r="2"/>`).join("")}
      <path class="grip" transform="${at(hand(pose))} rotate(${-degrees(pose[0] + pose[1])})" d="M4,-6H-4V6H4"/>
      ${turns.map(({ letter }) => letter).join("")}
      ${refuses ? `<path class="stroke failure even dashed" d="${limbs(angles)}"/>
        <path class="stroke failure even" transform="${at(lands)}" d="M-4,-4L4,4M4,-4L-4,4"/>
        <text class="failure bold halo" ${beside(lands)}>would land here</text>` : ""}
      <g transform="${at(target)}"><circle class="stroke target even" r="5"/><circle class="target" r="1.5"/>
        <circle class="touch" data-handle="target" r="18"/></g>`);
    this.form.elements.follow.textContent = this.following ? "To the end" : "Follow the path";
    return this.sentence();
  }

  sentence() {
    const { network, target, angles, lands, miss, refuses, inside, asked, misses } = this.values;
    const answer = angles.map((v, i) => `<i>${"ab"[i]}</i>&nbsp;=&nbsp;${shown(degrees(v), 1)}°`).join(", ");
    const begin = `Target ${spot(target)}: the network answers ${answer}. The hand`;
    const end = inside ? "" : " The target is outside the work area.";
    if (refuses)
      return `${begin} would land at ${spot(lands)}, ${shown(miss, 3)} from the target.
        <b class="failure">✗ It does not move.</b>${end}`;
    const [kind, mark] = miss > TOLERANCE ? ["failure", "✗"] : ["target", "✓"];
    const there = `${begin} is at ${spot(lands)}, <b class="${kind}">${mark} ${shown(miss, 3)} from the target.</b>`;
    if (!this.following && asked === PATH && misses.length === PATH.length)
      return `${there} On the way it missed by ${shown(Math.max(...misses), 3)} at most.`;
    if (network === BOTH && inside)
      return `${there} It has learned both right answers (purple), whose mean is a straight arm.`;
    return there + end;
  }

  grab(_, __, handle) {
    if (!handle) return null;
    const trail = [];
    return point => {
      if (this.asked !== trail) this.begin(trail);
      const [x, y] = this.flat.back(point), within = (v, low) => Math.min(Math.max(v, low), REACH);
      const target = [within(x, LOW.x), within(y, LOW.y)];
      trail.push(target);
      this.go(target);
      if (trail.length > TRAIL) [trail, this.went].forEach(points => points.shift());
      this.show();
    };
  }
  show() {
    const [x, y] = this.target;
    this.set("x", x);
    this.set("y", y);
  }

  pressed() {
    if (this.following) this.rush = true; // pressed again: no more watching, to the end
    else this.follow();
  }
  follow() {
    this.begin(PATH);
    this.animate(SECONDS, share => {
      this.following = share < 1;
      while (this.went.length <= share * (PATH.length - 1)) this.go(PATH[this.went.length]);
      this.show();
      this.update();
    });
  }
  // Whoever wants no motion sees the end of it only.
  animate(seconds, step) {
    cancelAnimationFrame(this.frame);
    this.rush = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const began = performance.now();
    const frame = now => {
      const share = this.rush ? 1 : Math.min(Math.max(now - began, 0) / 1000 / seconds, 1);
      this.frame = share < 1 ? requestAnimationFrame(frame) : null;
      step(share);
    };
    frame(began);
  }
}

// How far a joint is turned: an arc with its letter, beginning where the arm would go straight on.
function turn(path, name, joint, start, by) {
  const [x, y] = path([from(joint, start + by / 2, 0.5)]).split(",");
  const round = path(Array.from({ length: 21 }, (_, i) => from(joint, start + (i / 20) * by, 0.34)));
  return {
    arc: `<path class="grid even dashed" d="M${path([joint, from(joint, start, 0.5)])}"/>
      <path class="line even" d="M${round}"/>`,
    letter: Math.abs(by) < 0.5 ? "" : `<text class="halo" x="${x}" y="${y}">${name}</text>`, // where it has room
  };
}

function two(value) {
  return ((Math.round(100 * value) || 0) / 100).toFixed(2).replace("-", "−");
}
const spot = point => `(${point.map(two).join(",&nbsp;")})`;
const degrees = radians => (radians * 180) / Math.PI;

customElements.define("nm-robot-arm", RobotArm);
