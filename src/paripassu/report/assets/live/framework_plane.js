"use strict";
/* The plane of the modes. No state of the game. */

/* The part of the disc with a cosine of at least `cosine` to the direction `angle`. */
function cap(context, radius, angle, cosine) {
  const half = Math.acos(cosine);
  context.beginPath();
  context.arc(0, 0, radius, -angle - half, -angle + half);
  context.closePath();
}

/* neurons, others: [x, y] in the plane, within the unit circle; trails: earlier `neurons`, oldest first. */
function drawPlane(canvas, { modes, neurons, others, trails }) {
  const { context, width, height } = cleared(canvas);
  const radius = Math.min(width, height) / 2 - 30;
  context.save();
  context.translate(width / 2, height / 2);
  context.lineWidth = 1;
  context.strokeStyle = colour("line");
  context.beginPath();
  context.arc(0, 0, radius, 0, 2 * Math.PI);
  context.stroke();
  const angles = modes.map(([x, y]) => Math.atan2(y, x)), names = ["first", "second"];
  angles.forEach((angle, n) => {
    cap(context, radius, angle, RECOVERED_COSINE);
    context.globalAlpha = 0.22;
    context.fillStyle = colour(names[n]);
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = colour(names[n]);
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(0, 0);
    context.lineTo(radius * Math.cos(angle), -radius * Math.sin(angle));
    context.stroke();
    context.fillStyle = colour(names[n]);
    context.textAlign = Math.abs(Math.cos(angle)) < 0.5 ? "center" : "left";
    context.textBaseline = "middle";
    const away = radius + (context.textAlign === "left" ? 6 : 14);
    context.fillText(n ? "u₂" : "u₁", away * Math.cos(angle), -away * Math.sin(angle));
  });
  const middle = (angles[0] + angles[1]) / 2;
  cap(context, radius, middle, RECOVERED_COSINE);
  context.setLineDash([4, 4]);
  context.lineWidth = 1;
  context.strokeStyle = colour("average");
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = colour("soft");
  context.textAlign = "left";
  const edge = width / 2 - context.measureText("average").width;
  context.fillText("average", Math.min((radius + 4) * Math.cos(middle), edge), -(radius + 4) * Math.sin(middle));
  context.strokeStyle = colour("ink");
  neurons.forEach((_, n) => {
    context.globalAlpha = 0.3;
    context.beginPath();
    trails.forEach((points, at) => {
      const [x, y] = points[n];
      if (at) context.lineTo(radius * x, -radius * y);
      else context.moveTo(radius * x, -radius * y);
    });
    context.stroke();
    context.globalAlpha = 1;
  });
  context.strokeStyle = colour("discriminator");
  context.lineWidth = 1.5;
  for (const [x, y] of others) {
    context.beginPath();
    for (const [dx, dy] of [[0, -5], [4.5, 3.5], [-4.5, 3.5]]) context.lineTo(radius * x + dx, -radius * y + dy);
    context.closePath();
    context.stroke();
  }
  for (const [x, y] of neurons) {
    context.beginPath();
    context.arc(radius * x, -radius * y, 5, 0, 2 * Math.PI);
    context.fillStyle = colour("ink");
    context.fill();
    context.strokeStyle = colour("paper");
    context.lineWidth = 1;
    context.stroke();
  }
  context.restore();
}
