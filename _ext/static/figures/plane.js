// Planes with corners, regions and borders, 200 wide and 200 high; up is up.

export function plane(low, high) {
  const scale = 200 / (high - low);
  const x = v => (v - low) * scale, y = v => 200 - x(v);
  const path = points => points.map(p => `${x(p[0]).toFixed(2)},${y(p[1]).toFixed(2)}`).join("L");
  return {
    x, y, path,
    back: ([a, b]) => [low + a / scale, low + (200 - b) / scale],
    axes: (right, up) => `
      <path class="axis" d="M0,0V200H200"/>
      ${[0, 1].map(v => `<text x="${x(v)}" y="212">${v}</text><text x="-10" y="${y(v)}">${v}</text>`).join("")}
      <text x="${x(0.5)}" y="213">${right}</text><text x="-11" y="${y(0.5)}">${up}</text>`,
    // Where f is above zero, blue; elsewhere purple; and the line between. One cell is exact for a plane f.
    regions(f, cells = 1) {
      const step = (high - low) / cells, at = i => low + i * step;
      let above = "", line = "";
      for (let i = 0; i < cells; i++)
        for (let j = 0; j < cells; j++) {
          const square = [[at(i), at(j)], [at(i + 1), at(j)], [at(i + 1), at(j + 1)], [at(i), at(j + 1)]];
          const { inside, cuts } = clip(square, square.map(f));
          if (inside.length) above += `M${path(inside)}Z`;
          for (let k = 0; k < cuts.length; k += 2) line += `M${path(cuts.slice(k, k + 2))}`;
        }
      return `<rect class="wash second" width="200" height="200"/><path class="page" d="${above}"/>
        <path class="wash forward" d="${above}"/><path class="line" d="${line}"/>`;
    },
  };
}

// The part of a polygon where the value, given at its points and straight between them, is above zero.
function clip(points, values) {
  const inside = [], cuts = [];
  points.forEach((p, i) => {
    const k = (i + 1) % points.length, q = points[k], a = values[i], b = values[k];
    if (a > 0) inside.push(p);
    if (a > 0 !== b > 0) {
      const cut = [0, 1].map(axis => p[axis] + ((q[axis] - p[axis]) * a) / (a - b));
      inside.push(cut);
      cuts.push(cut);
    }
  });
  return { inside, cuts };
}

// Each corner of XOR has its marker throughout the book: square, triangle up, triangle right, diamond.
const MARKERS = ["M-6,-6H6V6H-6Z", "M0,-7L7,6H-7Z", "M7,0L-6,7V-7Z", "M0,-8L8,0L0,8L-8,0Z"];
export const marker = (i, x, y, kind) => `<path class="${kind}" transform="translate(${x} ${y})" d="${MARKERS[i]}"/>`;
