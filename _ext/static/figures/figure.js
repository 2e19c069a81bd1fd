// What the moving figures share: the frame with its spoken result, controls with labels, and numbers as the book prints
// them.
import { look } from "./look.js";

// A figure has a `title`, a `task` for its reader, a `layout` (its controls stand beside the picture or below), the
// `room` that its result takes, in lines, pictures and controls as HTML, and a `draw()` that paints the pictures and
// returns the result, a sentence in HTML. Every input brings a new drawing.
export class Figure extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return; // moved within the page
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [look];
    root.innerHTML = `
      <section class="${this.layout ?? "below"}" aria-label="${this.title}" style="${this.room}">
        <div class="head"><p class="title" aria-hidden="true">${this.title}</p><p class="task">${this.task}</p></div>
        <div class="pictures">${this.pictures()}</div>
        <p class="result" aria-hidden="true"></p>
        <p class="spoken" aria-live="polite"></p>
        <form>${this.controls()}</form>
      </section>
      <div class="still"><slot></slot></div>`;
    this.form = root.querySelector("form");
    this.form.addEventListener("input", event => {
      this.changed?.(event.target.name);
      this.update();
    });
    this.form.addEventListener("click", ({ target }) => {
      if (target.localName === "button") this.pressed(target.name); // a slider and a choice are clicked as well
    });
    this.form.addEventListener("submit", event => event.preventDefault());
    root.querySelectorAll("svg").forEach(svg => this.drag(svg));
    this.update();
  }

  update() {
    const { shadowRoot: root } = this;
    for (const input of this.form.querySelectorAll("[type=range]")) {
      const text = (this.say?.[input.name] ?? shown)(input.valueAsNumber);
      root.getElementById(`${input.name}-value`).textContent = text;
      input.setAttribute("aria-valuetext", text);
    }
    const result = root.querySelector(".result"), spoken = root.querySelector(".spoken");
    result.innerHTML = this.draw();
    // What is seen changes at once, what is said when the hand rests: nobody wants to hear every place of a slider.
    clearTimeout(this.resting);
    this.resting = setTimeout(() => (spoken.textContent = result.textContent), 400);
  }

  paint(name, markup) {
    this.shadowRoot.getElementById(name).innerHTML = markup;
  }
  get(name) {
    const { value } = this.form.elements[name];
    return Number.isNaN(Number(value)) ? value : Number(value);
  }
  set(name, value) {
    this.form.elements[name].value = value;
  }

  // A figure that can be dragged has grab(svg name, point, handle), which returns what to do with each further point.
  drag(svg) {
    let move = null;
    svg.addEventListener("pointerdown", event => {
      move = this.grab?.(svg.id, place(svg, event), event.target.dataset.handle);
      if (move) svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", event => {
      move?.(place(svg, event));
      if (move) this.update();
    });
    // In Chromium, touch-action works for a whole picture, not for a part of it: a finger on a handle must not scroll.
    const hold = event => event.target.dataset.handle && event.preventDefault();
    svg.addEventListener("touchstart", hold, { passive: false });
    for (const end of ["pointerup", "pointercancel"])
      svg.addEventListener(end, () => {
        if (move) this.dropped?.();
        move = null;
        this.update();
      });
  }
}

function place(svg, event) {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [x, y];
}

// --- controls ---

export const picture = (id, label, viewBox, kind = "") =>
  `<svg id="${id}" class="${kind}" role="img" aria-label="${label}" viewBox="${viewBox}"></svg>`;

export const slider = (name, label, min, max, step, value) => `
  <div class="slider">
    <label for="${name}">${label}</label><span class="value" id="${name}-value" aria-hidden="true"></span>
    <input type="range" id="${name}" name="${name}" min="${min}" max="${max}" step="${step}" value="${value}">
  </div>`;

export const choice = (name, legend, options, value) => `
  <fieldset class="wide"><legend>${legend}</legend>
    ${options.map(option => `<label><input type="radio" name="${name}" value="${option}"
      ${option === value ? "checked" : ""}>${option}</label>`).join("")}
  </fieldset>`;

export const button = (name, text) => `<button type="button" name="${name}">${text}</button>`;

// --- numbers and words ---

// Four decimals, and none for a whole number, as the book prints them.
export function shown(value, digits = 4) {
  const text = value.toFixed(digits);
  const short = Number(text) === Math.round(Number(text)) ? String(Math.round(Number(text)) || 0) : text;
  return short.replace("-", "−");
}

export const corner = ([x1, x2]) => `(${x1}, ${x2})`;

export const list = words => [words.slice(0, -1).join(", "), ...words.slice(-1)].filter(Boolean).join(" and ");
