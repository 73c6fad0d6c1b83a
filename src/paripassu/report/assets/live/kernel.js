"use strict";
/* The kernel game of one true point and one generated point on a line, and what its eigenvalues say.

   The same game as paripassu.theory.KernelGame() of one point, played as paripassu.theory.play does, and the same
   matrices as paripassu.theory.jacobian. Tests compare them. */

const DEGREE = 32;
const ROOTS = Float64Array.from({ length: DEGREE }, (_, n) => Math.sqrt(n));
const METHODS = {
  gradient: { label: "gradient", momentum: true },
  nsgda: { label: "nSGDA", momentum: true, normalised: true },
  optimistic: { label: "optimistic" },
  extragradient: { label: "extragradient", together: true },
};

/* An orthonormal basis of the kernel's space at `x`, exp(-u²/2) uⁿ/√n! with u = x/σ, into `values`. */
function basis(x, width, values) {
  const u = x / width;
  values[0] = Math.exp((-u * u) / 2);
  for (let n = 1; n < DEGREE; n++) values[n] = values[n - 1] * (u / ROOTS[n]);
}

/* What a method makes of one player's gradients, without the learning rate. Plain loops over typed arrays: the
   diagram of nSGDA plays half a million steps. */
class Rule {
  constructor({ method, momentum }, size) {
    this.optimistic = method === "optimistic";
    this.normalised = Boolean(METHODS[method].normalised);
    this.momentum = METHODS[method].momentum ? momentum : 0;
    this.memory = new Float64Array(size);
    this.step = new Float64Array(size);
    this.first = true;
  }

  update(gradient) {
    const { memory, step, momentum } = this, size = step.length;
    if (this.optimistic) {
      for (let n = 0; n < size; n++) {
        step[n] = this.first ? gradient[n] : gradient[n] + (gradient[n] - memory[n]);
        memory[n] = gradient[n];
      }
      this.first = false;
      return step;
    }
    let square = 0;
    for (let n = 0; n < size; n++) {
      memory[n] = momentum * memory[n] + gradient[n];
      square += memory[n] * memory[n];
    }
    const scale = this.normalised ? 1 / Math.sqrt(square) : 1;
    // Where there is no gradient there is no direction.
    for (let n = 0; n < size; n++) step[n] = square > 0 ? memory[n] * scale : 0;
    return step;
  }
}

/* One run. `step` plays one update of both players. */
class KernelGame {
  /* settings: mass, width, regularization, lrD, lrG, momentum, method, updates ("simultaneous" or "alternating").
     offset: first, of the generated point from the true one, in widths. The discriminator begins at zero. */
  constructor(settings, offset) {
    Object.assign(this, settings);
    this.f = new Float64Array(DEGREE);
    this.ahead = new Float64Array(DEGREE);
    this.x = offset * this.width;
    this.ofD = new Rule(settings, DEGREE);
    this.ofG = new Rule(settings, 1);
    this.values = new Float64Array(DEGREE);
    this.gradient = new Float64Array(DEGREE);
    this.slope = new Float64Array(1);
    this.at = 0;
    this.finite = true;
  }

  /* Of the negative of V, for the discriminator. At the true point all of the basis but its first is zero. */
  gradientD(f, x) {
    const { values, gradient, mass, regularization } = this;
    basis(x, this.width, values);
    for (let n = 0; n < DEGREE; n++) gradient[n] = mass * values[n] + regularization * f[n];
    gradient[0] -= mass;
    return gradient;
  }

  /* Of V, for the generated point. */
  gradientG(f, x) {
    const { values, slope, width } = this, u = x / width;
    basis(x, width, values);
    let sum = -u * values[0] * f[0];
    for (let n = 1; n < DEGREE; n++) sum += (ROOTS[n] * values[n - 1] - u * values[n]) * f[n];
    slope[0] = (-this.mass * sum) / width;
    return slope;
  }

  /* Returns false once a run is not finite. */
  step() {
    if (!this.finite) return false;
    if (this.method === "extragradient") this.lookAhead();
    else this.move();
    // Whatever is not finite makes the sum so.
    let sum = this.x;
    for (let n = 0; n < DEGREE; n++) sum += Math.abs(this.f[n]);
    if (!Number.isFinite(sum)) return (this.finite = false);
    this.at++;
    return true;
  }

  move() {
    const { f, x, lrD, lrG } = this, alternating = this.updates === "alternating";
    const early = alternating ? 0 : this.ofG.update(this.gradientG(f, x))[0];
    const step = this.ofD.update(this.gradientD(f, x));
    for (let n = 0; n < DEGREE; n++) f[n] -= lrD * step[n];
    this.x = x - lrG * (alternating ? this.ofG.update(this.gradientG(f, x))[0] : early);
  }

  /* A step from here along the gradients where a gradient step would lead. */
  lookAhead() {
    const { f, x, ahead, lrD, lrG } = this, step = this.gradientD(f, x);
    for (let n = 0; n < DEGREE; n++) ahead[n] = f[n] - lrD * step[n];
    const there = x - lrG * this.gradientG(f, x)[0];
    this.gradientD(ahead, there);
    for (let n = 0; n < DEGREE; n++) f[n] -= lrD * step[n];
    this.x = x - lrG * this.gradientG(ahead, there)[0];
  }

  /* The discriminator's function at x. */
  valueAt(x) {
    const { f, values } = this;
    basis(x, this.width, values);
    let sum = 0;
    for (let n = 0; n < DEGREE; n++) sum += values[n] * f[n];
    return sum;
  }

  /* In widths, as KernelGame.observe has them, and the value V of the game. */
  see() {
    const { f, mass } = this;
    let square = 0;
    for (let n = 0; n < DEGREE; n++) square += f[n] * f[n];
    const value = mass * f[0] - mass * this.valueAt(this.x) - (this.regularization / 2) * square;
    return { offset: this.x / this.width, slope: f[1], value };
  }
}

// Near the true point.

/* Roots [re, im] of zⁿ + c₁ zⁿ⁻¹ + ... + cₙ for real [1, c₁, ..., cₙ], by the method of Durand and Kerner. */
function roots(coefficients) {
  const degree = coefficients.length - 1, re = new Float64Array(degree), im = new Float64Array(degree);
  let size = 1;
  for (let n = 1; n <= degree; n++) size = Math.max(size, Math.abs(coefficients[n]) ** (1 / n));
  for (let n = 0; n < degree; n++) {
    re[n] = size * Math.cos((2 * Math.PI * n) / degree + 0.4);
    im[n] = size * Math.sin((2 * Math.PI * n) / degree + 0.4);
  }
  for (let round = 0; round < 300; round++) {
    let moved = 0;
    for (let n = 0; n < degree; n++) {
      const x = re[n], y = im[n];
      let p = 1, q = 0, r = 1, s = 0;
      for (let k = 1; k <= degree; k++) {
        const next = p * x - q * y + coefficients[k];
        q = p * y + q * x;
        p = next;
      }
      for (let k = 0; k < degree; k++) {
        if (k === n) continue;
        const a = x - re[k], b = y - im[k], next = r * a - s * b;
        s = r * b + s * a;
        r = next;
      }
      const square = r * r + s * s;
      if (!(square > 0)) continue;
      const dx = (p * r + q * s) / square, dy = (q * r - p * s) / square;
      re[n] = x - dx;
      im[n] = y - dy;
      moved = Math.max(moved, Math.abs(dx) + Math.abs(dy));
    }
    if (moved < 1e-15 * size) break;
  }
  return Array.from(re, (x, n) => [x, im[n]]);
}

/* Roots of q² + a q + b, [re, im] each. */
function quadratic(a, b) {
  const square = a * a - 4 * b, root = Math.sqrt(Math.abs(square)) / 2;
  return square < 0 ? [[-a / 2, root], [-a / 2, -root]] : [[-a / 2 - root, 0], [-a / 2 + root, 0]];
}

const times = (p, q) => {
  const result = new Array(p.length + q.length - 1).fill(0);
  p.forEach((a, m) => q.forEach((b, n) => (result[m + n] += a * b)));
  return result;
};
const plus = (...all) => {
  const length = Math.max(...all.map((p) => p.length)), result = new Array(length).fill(0);
  for (const p of all) p.forEach((c, n) => (result[n + length - p.length] += c));
  return result;
};

/* Eigenvalues [re, im] of one step near the true point; null for steps of constant length, which have none.

   A player moves by P(z) Δ = Q(z) g for its gradient g, so that P (P + a Q) + b Q² = 0 for both at once, and the
   last term times z for one after the other, whose generator sees the discriminator's next state. */
function eigenvalues({ mass, width, regularization, lrD, lrG, momentum, method, updates }) {
  const a = lrD * regularization, b = (lrG * lrD * mass * mass) / (width * width);
  if (METHODS[method].normalised) return null;
  if (method === "extragradient")
    return quadratic(a, b).map(([re, im]) => [1 + re + re * re - im * im, im + 2 * re * im]);
  const P = method === "optimistic" ? [1, -1, 0] : momentum ? [1, -1 - momentum, momentum] : [1, -1];
  const Q = method === "optimistic" ? [2, -1] : momentum ? [1, 0] : [1];
  const last = times([b], times(Q, Q));
  const whole = plus(times(P, plus(P, times([a], Q))), updates === "alternating" ? times(last, [1, 0]) : last);
  return whole.length === 3 ? quadratic(whole[1], whole[2]) : roots(whole);
}

const radiusOf = (values) => Math.max(...values.map(([re, im]) => Math.hypot(re, im)));

/* "converges", "oscillates" or "leaves", as paripassu.theory.predicted_phases says it of a thousand steps. */
function phaseOf(values) {
  const radius = radiusOf(values);
  // A circle of constant size never comes to rest; its radius is 1, more or less by rounding.
  if (radius > 1 - 1e-11) return "leaves";
  const turns = values.some(([re, im]) => {
    const lasts = (Math.hypot(re, im) / Math.max(radius, 1e-300)) ** (1000 / 3) > 1e-3;
    return lasts && Math.abs(Math.atan2(im, re)) >= 1e-6;
  });
  return turns ? "oscillates" : "converges";
}

/* How far from the true point a run stays: root mean square of the offset over its last third, in widths. */
function circle(settings, offset, steps) {
  const game = new KernelGame(settings, offset);
  let sum = 0, count = 0;
  for (let n = 0; n < steps && game.step(); n++)
    if (3 * game.at > 2 * steps) {
      sum += (game.x / game.width) ** 2;
      count++;
    }
  return game.finite && count ? Math.sqrt(sum / count) : Infinity;
}
