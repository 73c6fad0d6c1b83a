"use strict";
/* What every live page draws: lines over steps, and a diagram of both learning rates. No state of a game. */

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/* A canvas's context in CSS pixels, cleared, at the screen's own resolution. */
function cleared(canvas) {
  const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  context.font = "13px " + colour("font");
  return { context, width: box.width, height: box.height };
}

const short = (x) => (x !== 0 && (Math.abs(x) < 1e-2 || Math.abs(x) >= 1e4) ? power(x) : String(+x.toPrecision(3)));

/* 3.2e-4 as 3.2 × 10⁻⁴. */
function power(x) {
  const [digits, exponent] = x.toExponential(1).split("e");
  const raised = [...String(+exponent)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
  return (digits === "1.0" ? "" : `${+digits} × `) + `10${raised}`;
}

/* Where a legend's labels stand: in a row from `left`, in more rows where `width` has no room. */
function places(context, labels, left, width) {
  let x = left, y = 8;
  return labels.map((label) => {
    const room = 20 + context.measureText(label).width;
    if (x > left && x + room > width) [x, y] = [left, y + 15];
    const place = { x, y };
    x += room + 14;
    return place;
  });
}

/* lines: [{values, colour, dash, label}] over `steps`; log: a logarithmic axis; range: [low, high] if fixed;
   least: the smallest difference that is more than rounding noise. */
function drawChart(canvas, { steps, lines, log, range, least = 0.1 }) {
  const { context, width, height } = cleared(canvas);
  const isNarrow = width < 260; // two charts side by side on a phone
  const left = isNarrow ? 46 : 78, right = 8, bottom = 20, end = Math.max(1, steps[steps.length - 1] || 1);
  const legend = places(context, lines.map(({ label }) => label), isNarrow ? 0 : left, width);
  const top = (isNarrow ? 17 : 10) + legend[legend.length - 1].y; // room for the highest tick below the legend
  const scale = log ? (v) => (v > 0 ? Math.log10(v) : NaN) : (v) => v;
  let [low, high] = range || [Infinity, -Infinity];
  if (!range) {
    for (const { values } of lines)
      for (const v of values) {
        const s = scale(v);
        if (!Number.isFinite(s)) continue;
        low = Math.min(low, s);
        high = Math.max(high, s);
      }
    if (!Number.isFinite(low)) [low, high] = [0, 1];
    // Rounding noise is no signal.
    const gap = Math.max(0, least - (high - low)) / 2;
    [low, high] = log ? [Math.floor(low), Math.ceil(high + 1e-9)] : [low - gap, high + gap];
  }
  const X = (step) => left + (step / end) * (width - left - right);
  const Y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
  context.strokeStyle = colour("line");
  context.fillStyle = colour("soft");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  const middle = log ? Math.round((low + high) / 2) : (low + high) / 2;
  for (const at of new Set([low, middle, high])) {
    context.beginPath();
    context.moveTo(left, Y(at));
    context.lineTo(width - right, Y(at));
    context.stroke();
    context.fillText(log ? power(10 ** at) : short(at), left - 6, Y(at));
  }
  context.textBaseline = "bottom";
  context.fillText(`${end.toLocaleString("en")} ${end === 1 ? "step" : "steps"}`, width - right, height);
  context.textAlign = "left";
  context.fillText("0", left, height);
  lines.forEach(({ values, colour: name, dash, label }, number) => {
    const { x, y } = legend[number];
    context.strokeStyle = context.fillStyle = colour(name);
    context.lineWidth = 2;
    context.setLineDash(dash || []);
    context.beginPath();
    let pen = false;
    values.forEach((v, n) => {
      const s = scale(v);
      if (!Number.isFinite(s)) return (pen = false);
      if (pen) context.lineTo(X(steps[n]), Y(s));
      else context.moveTo(X(steps[n]), Y(s));
      pen = true;
    });
    context.stroke();
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + 16, y);
    context.stroke();
    context.setLineDash([]);
    context.textBaseline = "middle";
    context.fillText(label, x + 20, y);
  });
}

const PHASE = { left: 62, right: 16, top: 10, bottom: 46 };

/* cells[row][column] with row 0 at the bottom, or null; decadesD, decadesG: exponents at the axes' ends;
   chosen, cursor: [row, column] or null. */
function drawPhase(canvas, { cells, decadesD, decadesG, fill, chosen, cursor }) {
  const { context, width, height } = cleared(canvas), rows = cells.length, columns = cells[0].length;
  const w = (width - PHASE.left - PHASE.right) / columns, h = (height - PHASE.top - PHASE.bottom) / rows;
  const bottom = height - PHASE.bottom, Y = (row) => bottom - (row + 1) * h;
  cells.forEach((row, g) =>
    row.forEach((cell, n) => {
      context.fillStyle = fill(cell);
      context.fillRect(PHASE.left + n * w, Y(g), w + 0.5, h + 0.5);
    }),
  );
  context.strokeStyle = colour("soft");
  context.lineWidth = 1;
  context.strokeRect(PHASE.left, PHASE.top, w * columns, h * rows);
  for (const [place, name, wide] of [[chosen, "ink", 3], [cursor, "link", 2]]) {
    if (!place) continue;
    context.strokeStyle = colour(name);
    context.lineWidth = wide;
    context.strokeRect(PHASE.left + place[1] * w, Y(place[0]), w, h);
  }
  context.fillStyle = colour("soft");
  const share = (n, [low, high]) => (n - low) / (high - low);
  const within = ([low, high]) => Array.from({ length: high - low + 1 }, (_, n) => low + n);
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const n of within(decadesD))
    context.fillText(power(10 ** n), PHASE.left + share(n, decadesD) * w * columns, bottom + 5);
  context.fillText("discriminator's learning rate", PHASE.left + (w * columns) / 2, height - 18);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const n of within(decadesG)) context.fillText(power(10 ** n), PHASE.left - 6, bottom - share(n, decadesG) * h * rows);
  context.save();
  context.translate(10, PHASE.top + (h * rows) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText("generator's learning rate", 0, 0);
  context.restore();
}

/* The cell under a point of the canvas in CSS pixels, or null. */
function phaseCell(canvas, x, y, columns, rows) {
  const box = canvas.getBoundingClientRect();
  const column = Math.floor(((x - PHASE.left) / (box.width - PHASE.left - PHASE.right)) * columns);
  const up = box.height - PHASE.bottom - y;
  const row = Math.floor((up / (box.height - PHASE.top - PHASE.bottom)) * rows);
  return column >= 0 && column < columns && row >= 0 && row < rows ? [row, column] : null;
}
