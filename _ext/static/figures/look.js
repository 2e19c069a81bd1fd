// The style inside a moving figure. Its colours and its typeface are the page's, from book.css.
export const look = new CSSStyleSheet();
look.replaceSync(`
  :host { display: grid; container-type: inline-size; }
  section {
    border: 1px solid var(--nm-rule); border-radius: 0.5rem; padding: 0.9rem 1rem 1rem;
    color: var(--nm-text); font: 0.95rem/1.5 var(--sans);
    display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.6rem 1.5rem; align-content: start;
  }
  p { margin: 0; }
  .title { font-weight: 700; }
  .task { color: var(--nm-annotation-text); }
  .result { min-height: calc(1lh * var(--narrow)); font-variant-numeric: tabular-nums; }
  .pictures { display: flex; gap: 0.75rem; align-items: center; justify-content: center; }
  .spoken {
    position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
  }

  svg {
    display: block; flex: 1 1 0; min-width: 0; max-width: var(--widest, 22rem); overflow: visible; user-select: none;
  }
  svg text {
    fill: var(--nm-text); font-size: var(--small, 10px); text-anchor: middle; dominant-baseline: central;
    font-variant-numeric: tabular-nums;
  }
  svg text.left { text-anchor: start; }
  svg text.right { text-anchor: end; }
  svg text.bold, svg .new { font-weight: 700; }
  svg .axis, svg .grid { stroke: var(--nm-annotation); stroke-width: 1; fill: none; }
  svg .grid { opacity: 0.5; }
  svg .line { stroke: var(--nm-annotation-text); stroke-width: 2; fill: none; }
  svg .dashed { stroke-dasharray: 5 4; }
  svg .page { fill: var(--nm-page); }
  svg .none { fill: none; }
  svg .handle { stroke: var(--nm-page); stroke-width: 2; }
  svg .touch { fill: transparent; cursor: grab; }
  svg.across { touch-action: pan-y; cursor: ew-resize; }
  ${["forward", "backward", "target", "failure", "second", "annotation"].map(name => `
    svg .${name} { fill: var(--nm-${name}); }
    svg .stroke.${name} { fill: none; stroke: var(--nm-${name}); stroke-width: 2.5; }
    svg text.${name}, .${name} { fill: var(--nm-${name}-text); color: var(--nm-${name}-text); }
    svg .wash.${name} { fill: var(--nm-${name}); fill-opacity: 0.22; }`).join("")}
  svg .even { vector-effect: non-scaling-stroke; }
  svg .even.trace { stroke-width: 7; opacity: 0.75; }
  svg .area { stroke: var(--nm-annotation); }
  svg .limb, svg .grip {
    fill: none; stroke: var(--nm-forward); stroke-width: 9; stroke-linecap: round; stroke-linejoin: round;
  }
  svg .limb.core { stroke: var(--nm-panel); stroke-width: 6; }
  svg .grip { stroke-width: 2.5; }
  svg .halo { paint-order: stroke; stroke: var(--nm-page); stroke-width: 0.25em; stroke-linejoin: round; }

  form { display: grid; gap: 0.35rem 1.5rem; align-content: start; }
  .slider { display: grid; grid-template-columns: 1fr auto; align-items: center; }
  .value { font-weight: 600; font-variant-numeric: tabular-nums; }
  input[type="range"] {
    grid-column: 1 / -1; width: 100%; height: 1.75rem; margin: 0; background: none; appearance: none; cursor: pointer;
  }
  ${["-webkit-slider-runnable-track", "-moz-range-track"].map(part => `
    input::${part} { height: 0.3rem; border-radius: 0.15rem; background: var(--nm-annotation); }`).join("")}
  ${["-webkit-slider-thumb", "-moz-range-thumb"].map(part => `
    input::${part} {
      appearance: none; box-sizing: border-box; width: 1.4rem; height: 1.4rem; margin-top: -0.55rem; border-radius: 50%;
      background: var(--nm-forward); border: 2px solid var(--nm-page);
    }`).join("")}
  input::-moz-range-thumb { margin-top: 0; }
  fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 0.8rem; min-width: 0; }
  legend { padding: 0; }
  fieldset label { display: inline-flex; align-items: center; gap: 0.35rem; min-height: 2rem; cursor: pointer; }
  input[type="radio"] { margin: 0; width: 1.1rem; height: 1.1rem; accent-color: var(--nm-forward); }
  summary { cursor: pointer; padding: 0.35rem 0; font-weight: 600; }
  .six { display: grid; grid-template-columns: 1fr 1fr; gap: 0.35rem 1.5rem; }
  .tally { letter-spacing: 0.1em; font-weight: 700; overflow-wrap: anywhere; }
  .buttons { display: flex; flex-wrap: wrap; align-items: end; gap: 0.5rem; }
  .buttons .slider { flex: 1 1 12rem; }
  button {
    font: inherit; font-weight: 600; min-height: 2.5rem; padding: 0.3rem 0.6rem; cursor: pointer;
    color: var(--nm-forward-text); background: none; border: 1px solid currentcolor; border-radius: 0.4rem;
  }
  button:hover { background: var(--nm-panel); }
  :focus-visible { outline: 3px solid var(--nm-forward-text); outline-offset: 2px; border-radius: 0.2rem; }

  .below { --small: var(--narrow-small, 15px); }
  @container (min-width: 34rem) {
    .beside { grid-template: "pictures title" "pictures result" "pictures form" 1fr / minmax(0, 1.2fr) minmax(0, 1fr); }
    .beside .head { grid-area: title; }
    .beside .pictures { grid-area: pictures; }
    .beside .result { grid-area: result; }
    .beside form { grid-area: form; }
    .below form { grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
    .result { min-height: calc(1lh * var(--wide)); }
    .below .wide { grid-column: 1 / -1; }
    .below { --small: var(--wide-small, 9px); }
  }

  .still { display: none; }
  @media print {
    section { display: none; }
    .still { display: block; }
  }
`);
