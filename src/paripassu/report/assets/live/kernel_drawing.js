"use strict";
/* The discriminator's function and both points, the phase portrait, and circles against rates. No state of the game. */

const REACH = 3.5; // widths to both sides of the true point
const LEAST = 1e-300; // stands for the scale of what is zero

function axis(context, from, to) {
  context.strokeStyle = colour("line");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

/* valueAt(u): the function at u widths; offset: of the generated point, in widths; trail: earlier offsets. */
function drawFunction(canvas, { valueAt, offset, trail }) {
  const { context, width, height } = cleared(canvas), left = 12, top = 22, bottom = 40, samples = 141;
  const at = Array.from({ length: samples }, (_, n) => REACH * ((2 * n) / (samples - 1) - 1)), f = at.map(valueAt);
  const most = Math.max(...f.map(Math.abs).filter(Number.isFinite), LEAST);
  const middle = (top + height - bottom) / 2, tall = (height - bottom - top) / 2;
  const X = (u) => left + ((u + REACH) / (2 * REACH)) * (width - 2 * left), Y = (v) => middle - (v / most) * tall;
  axis(context, [left, middle], [width - left, middle]);
  axis(context, [left, height - bottom], [width - left, height - bottom]);
  context.fillStyle = colour("soft");
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(most > LEAST ? `f, up to ${short(most)}` : "f = 0", left, 10);
  context.textAlign = "center";
  context.textBaseline = "bottom";
  for (let u = -3; u <= 3; u++) context.fillText(u ? `${u < 0 ? "−" : ""}${Math.abs(u)}σ` : "0", X(u), height - 4);
  context.strokeStyle = colour("discriminator");
  context.lineWidth = 2;
  context.beginPath();
  f.forEach((v, n) => (n ? context.lineTo(X(at[n]), Y(v)) : context.moveTo(X(at[n]), Y(v))));
  context.stroke();
  // The points are on a line below the function; a thread leads up to where it is climbed.
  const ground = height - bottom, seen = Math.max(-REACH, Math.min(REACH, offset));
  context.strokeStyle = colour("first");
  context.lineWidth = 3;
  context.beginPath();
  context.moveTo(X(0), ground - 10);
  context.lineTo(X(0), ground + 10);
  context.stroke();
  context.fillStyle = colour("second");
  context.globalAlpha = 0.12;
  for (const u of trail) {
    if (Math.abs(u) > REACH) continue;
    context.beginPath();
    context.arc(X(u), ground, 4, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  context.strokeStyle = colour("second");
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(X(seen), ground);
  context.lineTo(X(seen), Y(valueAt(seen)));
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  // An arrowhead where the point is beyond what is shown.
  if (seen === offset) context.arc(X(seen), ground, 7, 0, 2 * Math.PI);
  else for (const [dx, dy] of [[0, -7], [Math.sign(seen) * 9, 0], [0, 7]]) context.lineTo(X(seen) + dx, ground + dy);
  context.closePath();
  context.fill();
  context.strokeStyle = colour("paper");
  context.stroke();
}

/* offsets, slopes: recorded of a run, oldest first. The scales are those of what is shown. */
function drawPortrait(canvas, { offsets, slopes }) {
  const { context, width, height } = cleared(canvas), room = 34;
  const most = (all) => Math.max(...all.map(Math.abs), LEAST);
  const wide = most(offsets), tall = most(slopes), half = [(width - 2 * room) / 2, (height - 2 * room) / 2];
  const X = (u) => width / 2 + (u / wide) * half[0], Y = (w) => height / 2 - (w / tall) * half[1];
  axis(context, [room / 2, height / 2], [width - room / 2, height / 2]);
  axis(context, [width / 2, room / 2], [width / 2, height - room / 2]);
  context.fillStyle = colour("soft");
  context.textBaseline = "bottom";
  context.textAlign = "right";
  context.fillText(`offset ${short(wide)} σ`, width - 6, height / 2 - 4);
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(tall > LEAST ? `slope ${short(tall)}/σ` : "slope", width / 2 + 6, 4);
  context.strokeStyle = colour("discriminator");
  context.lineWidth = 1.5;
  for (let n = 1; n < offsets.length; n++) {
    context.globalAlpha = 0.15 + (0.85 * n) / offsets.length;
    context.beginPath();
    context.moveTo(X(offsets[n - 1]), Y(slopes[n - 1]));
    context.lineTo(X(offsets[n]), Y(slopes[n]));
    context.stroke();
  }
  context.globalAlpha = 1;
  const last = offsets.length - 1;
  context.fillStyle = colour("second");
  context.beginPath();
  context.arc(X(offsets[last]), Y(slopes[last]), 6, 0, 2 * Math.PI);
  context.fill();
}

/* points: [rate, size] of circles; own: the rate that is played. Both axes are logarithmic. */
function drawRadii(canvas, { points, own }) {
  const { context, width, height } = cleared(canvas), left = 62, right = 16, top = 12, bottom = 40;
  const decades = (all) => [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
  const seen = points.filter(([, size]) => size > 0 && Number.isFinite(size));
  if (!seen.length) return;
  const [x0, x1] = decades(points.map(([rate]) => rate)), [y0, y1] = decades(seen.map(([, size]) => size));
  const X = (rate) => left + ((Math.log10(rate) - x0) / (x1 - x0)) * (width - left - right);
  const Y = (size) => height - bottom - ((Math.log10(size) - y0) / Math.max(1, y1 - y0)) * (height - top - bottom);
  context.fillStyle = colour("soft");
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let n = y0; n <= y1; n++) {
    axis(context, [left, Y(10 ** n)], [width - right, Y(10 ** n)]);
    context.fillText(`${power(10 ** n)} σ`, left - 6, Y(10 ** n));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (let n = x0; n <= x1; n++) context.fillText(power(10 ** n), X(10 ** n), height - bottom + 5);
  context.fillText("generator's learning rate", left + (width - left - right) / 2, height - 16);
  for (const [rate, size] of seen) {
    context.fillStyle = colour(rate === own ? "second" : "discriminator");
    context.beginPath();
    context.arc(X(rate), Y(size), rate === own ? 7 : 4, 0, 2 * Math.PI);
    context.fill();
  }
}
