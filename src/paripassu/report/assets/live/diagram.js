"use strict";
/* The diagram of both learning rates of every live page: its rates, its legend, and how cells are chosen. */

/* `cells` rates in the middle of cells, over the powers of ten from `low` to `high`. */
const rateGrid = (cells, [low, high]) => Array.from({ length: cells }, (_, n) => 10 ** (low + ((n + 0.5) / cells) * (high - low)));

/* Which rate of a grid a rate is nearest to; null for one outside of it. */
function nearestRate(rates, rate) {
  const gap = Math.log(rates[1] / rates[0]), n = Math.round(Math.log(rate / rates[0]) / gap);
  return n >= 0 && n < rates.length ? n : null;
}

/* fills: [[colour, words, test of a cell]]. */
function showLegend(fills) {
  byId("phase-legend").replaceChildren(...fills.map(([name, label]) => {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = `var(--${name})`;
    return make("li", {}, swatch, label);
  }));
}

/* Lets a mouse, a finger or the keyboard choose cells [row, column] of `cells` x `cells`. A press and a drag
   choose, and so does Enter. point(cell): it is pointed at, null for none. */
function chooseCells(canvas, cells, { cursor, point, choose }) {
  const at = (event) => phaseCell(canvas, event.offsetX, event.offsetY, cells, cells);
  let chosen = "";
  const drag = (event) => {
    const cell = at(event);
    point(cell);
    // A drag chooses a cell once.
    if (!(event.buttons & 1) || !cell || String(cell) === chosen) return;
    chosen = String(cell);
    choose(cell);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    chosen = "";
    drag(event);
  });
  canvas.addEventListener("pointermove", drag);
  canvas.addEventListener("pointerleave", () => point(null));
  const moves = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && cursor()) choose(cursor());
    else if (Object.hasOwn(moves, event.key)) {
      const [row, column] = cursor() || [cells / 2, cells / 2], [up, right] = moves[event.key];
      const keep = (n) => Math.min(cells - 1, Math.max(0, n));
      point([keep(row + up), keep(column + right)]);
    } else return;
    event.preventDefault();
  });
}
