"use strict";
/* The synthetic framework in its exact reduction, for a page and for its worker.

   The same game as paripassu.theory.simulate: law "modes" with two modes, exact expectations, simultaneous
   updates. Tests compare the two on the same start. A run lives in k = 2 + m_D + m_G dimensions at any d. */

const MODES = 2, RECOVERED_COSINE = 0.95;
const METHODS = {
  nsgda: { label: "nSGDA", normalised: true },
  sgda: { label: "SGDA", normalised: false },
};

/* Factor on both learning rates after a share of the run's steps. */
const DECAYS = {
  constant: () => 1,
  linear: (done) => 1 - done,
  cosine: (done) => (1 + Math.cos(Math.PI * done)) / 2,
};

/* Uniform numbers in (0, 1]: mulberry32, a public-domain generator of 32 bits. */
function uniforms(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return (((bits ^ (bits >>> 14)) >>> 0) + 1) / 4294967296;
  };
}

function normals(seed) {
  const uniform = uniforms(seed);
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/* w_i ~ N(0, I/d) and v_j ~ N(0, I/d^2) in the reduced coordinates: a Bartlett factor beyond the modes.

   The diagonal is chi(n), drawn as sqrt(n - 1/2) + N(0, 1/2), which is exact to O(1/n). */
function drawStart({ d, neuronsD, neuronsG }, seed) {
  const k = MODES + neuronsD + neuronsG, normal = normals(seed + 1);
  const W = new Float64Array(neuronsD * k), V = new Float64Array(neuronsG * k);
  for (let i = 0; i < neuronsD + neuronsG; i++) {
    const ofD = i < neuronsD, to = ofD ? W : V, row = (ofD ? i : i - neuronsD) * k;
    const scale = ofD ? 1 / Math.sqrt(d) : 1 / d;
    for (let c = 0; c < MODES + i; c++) to[row + c] = scale * normal();
    to[row + MODES + i] = scale * (Math.sqrt(Math.max(d - MODES - i - 0.5, 0.5)) + normal() * Math.SQRT1_2);
  }
  return { W, V };
}

function square(A) {
  let sum = 0;
  for (let n = 0; n < A.length; n++) sum += A[n] * A[n];
  return sum;
}

/* One run. `step` plays one update of both players; `see` says where the run is. */
class Game {
  /* settings: d, gamma, neuronsD, neuronsG, pairs (probability of two ones in z), method, lrD, lrG, momentum,
     decay, steps. start: {W [m_D k], V [m_G k]}, row by row. */
  constructor(settings, start) {
    Object.assign(this, settings);
    this.k = MODES + this.neuronsD + this.neuronsG;
    this.W = Float64Array.from(start.W);
    this.V = Float64Array.from(start.V);
    this.gradientW = new Float64Array(this.W.length);
    this.gradientV = new Float64Array(this.V.length);
    this.bufferW = this.momentum > 0 ? new Float64Array(this.W.length) : this.gradientW;
    this.bufferV = this.momentum > 0 ? new Float64Array(this.V.length) : this.gradientV;
    this.inner = new Float64Array(this.neuronsD * this.neuronsG);
    this.pull = new Float64Array(this.inner.length);
    this.slope = new Float64Array(this.neuronsD);
    this.modes = [[1, 0], [this.gamma, Math.sqrt(1 - this.gamma * this.gamma)]];
    this.bend = Math.pow(this.d, 0.2);
    // The neurons that each latent switches on (-1 for no second), and its probability.
    const m = this.neuronsG, pairs = m > 1 ? this.pairs : 0, count = (m * (m - 1)) / 2, latents = [];
    for (let j = 0; j < m && pairs < 1; j++) latents.push([j, -1, (1 - pairs) / m]);
    for (let j = 0; j < m && pairs > 0; j++)
      for (let other = j + 1; other < m; other++) latents.push([j, other, pairs / count]);
    this.first = Int32Array.from(latents, (z) => z[0]);
    this.second = Int32Array.from(latents, (z) => z[1]);
    this.rates = Float64Array.from(latents, (z) => z[2]);
    this.at = 0;
    this.finite = true;
    this.lengthW = this.lengthV = 0;
  }

  /* Gradients of the value E log D(X) + E log(1 - D(G(z))), and the value itself.

     The generator's outputs are sums of one or two neurons, so the discriminator depends on them through the
     inner products of w_i and v_j alone. Plain loops over typed arrays: they take most of the time. */
  gradients() {
    const { W, V, gradientW, gradientV, inner, pull, slope, first, second, rates, modes, bend } = this;
    const k = this.k, rowsD = this.neuronsD, rowsG = this.neuronsG;
    let value = 0;
    for (let i = 0; i < rowsD; i++)
      for (let j = 0; j < rowsG; j++) {
        let sum = 0;
        for (let c = 0, w = i * k, v = j * k; c < k; c++) sum += W[w + c] * V[v + c];
        inner[i * rowsG + j] = sum;
      }
    pull.fill(0);
    for (let z = 0; z < rates.length; z++) {
      const j = first[z], other = second[z];
      let total = 0;
      for (let i = 0; i < rowsD; i++) {
        const row = i * rowsG, x = inner[row + j] + (other < 0 ? 0 : inner[row + other]);
        // The cubic with tangents beyond the bend, and a third of its slope.
        const c = x > bend ? bend : x < -bend ? -bend : x;
        slope[i] = c * c;
        total += c * c * (x + 2 * (x - c));
      }
      value -= rates[z] * softplus(total);
      const weight = (3 * rates[z]) / (1 + Math.exp(-total));
      for (let i = 0; i < rowsD; i++) {
        const force = weight * slope[i], row = i * rowsG;
        pull[row + j] += force;
        if (other >= 0) pull[row + other] += force;
      }
    }
    gradientW.fill(0);
    gradientV.fill(0);
    for (let i = 0; i < rowsD; i++)
      for (let j = 0; j < rowsG; j++) {
        const force = pull[i * rowsG + j];
        for (let c = 0, w = i * k, v = j * k; c < k; c++) {
          gradientW[w + c] -= force * V[v + c];
          gradientV[v + c] -= force * W[w + c];
        }
      }
    for (let mode = 0; mode < MODES; mode++) {
      const x0 = modes[mode][0], x1 = modes[mode][1];
      let total = 0;
      for (let i = 0; i < rowsD; i++) {
        const x = W[i * k] * x0 + W[i * k + 1] * x1;
        const c = x > bend ? bend : x < -bend ? -bend : x;
        slope[i] = c * c;
        total += c * c * (x + 2 * (x - c));
      }
      value -= softplus(-total) / MODES;
      const weight = 3 / MODES / (1 + Math.exp(total));
      for (let i = 0; i < rowsD; i++) {
        gradientW[i * k] += weight * slope[i] * x0;
        gradientW[i * k + 1] += weight * slope[i] * x1;
      }
    }
    this.value = value;
  }

  /* One update of both players at once. Returns false, and changes nothing, once a run is not finite. */
  step() {
    if (!this.finite) return false;
    this.gradients();
    const { momentum, bufferW, bufferV, gradientW, gradientV } = this;
    if (momentum > 0) {
      for (let n = 0; n < bufferW.length; n++) bufferW[n] = momentum * bufferW[n] + gradientW[n];
      for (let n = 0; n < bufferV.length; n++) bufferV[n] = momentum * bufferV[n] + gradientV[n];
    }
    const squareW = square(bufferW), squareV = square(bufferV);
    if (!(Number.isFinite(squareW) && Number.isFinite(squareV))) return (this.finite = false);
    const factor = DECAYS[this.decay](Math.min(1, this.at / Math.max(1, this.steps)));
    const scaleW = this.scale(this.lrD * factor, squareW), scaleV = this.scale(this.lrG * factor, squareV);
    this.lengthW = scaleW * Math.sqrt(squareW);
    this.lengthV = scaleV * Math.sqrt(squareV);
    for (let n = 0; n < this.W.length; n++) this.W[n] += scaleW * bufferW[n];
    for (let n = 0; n < this.V.length; n++) this.V[n] -= scaleV * bufferV[n];
    this.at++;
    return true;
  }

  /* Where there is no gradient there is no direction. */
  scale(rate, sum) {
    if (!METHODS[this.method].normalised) return rate;
    return sum > 0 ? rate / Math.sqrt(sum) : 0;
  }

  /* mass: probability of the latents that output each mode, and of those that output the modes' average. */
  see() {
    const { V, k, modes } = this, mass = [0, 0], output = new Float64Array(k);
    const sum = [modes[0][0] + modes[1][0], modes[0][1] + modes[1][1]], length = Math.hypot(...sum);
    let average = 0;
    for (let z = 0; z < this.rates.length; z++) {
      const j = this.first[z], other = this.second[z], rate = this.rates[z];
      let all = 0;
      for (let c = 0; c < k; c++) {
        output[c] = V[j * k + c] + (other < 0 ? 0 : V[other * k + c]);
        all += output[c] * output[c];
      }
      const norm = Math.sqrt(all);
      if (!(norm > 0)) continue;
      let hit = false;
      modes.forEach((mode, number) => {
        if (output[0] * mode[0] + output[1] * mode[1] >= RECOVERED_COSINE * norm) {
          mass[number] += rate;
          hit = true;
        }
      });
      if (!hit && output[0] * sum[0] + output[1] * sum[1] >= RECOVERED_COSINE * norm * length) average += rate;
    }
    return { mass, average, found: mass.filter((m) => m > 0).length };
  }

  /* Unit vectors of a player's neurons, projected on the plane of the modes: [x, y] each. */
  inPlane(A, neurons) {
    return Array.from({ length: neurons }, (_, n) => {
      let all = 0;
      for (let c = 0; c < this.k; c++) all += A[n * this.k + c] ** 2;
      const norm = Math.sqrt(all) || 1;
      return [A[n * this.k] / norm, A[n * this.k + 1] / norm];
    });
  }

  /* Each player's coming step over its weights, once `step` was called. */
  pace() {
    return { d: this.lengthW / Math.sqrt(square(this.W)), g: this.lengthV / Math.sqrt(square(this.V)) };
  }
}

/* log(1 + e^x) without overflow. */
function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/* Modes found at the end of each run of a grid of rates, as a worker sends them, row by row. */
function* phaseRows(settings, ratesD, ratesG, steps, seed) {
  const start = drawStart(settings, seed);
  for (const lrG of ratesG)
    yield ratesD.map((lrD) => {
      const game = new Game({ ...settings, lrD, lrG, steps }, start);
      for (let n = 0; n < steps && game.step(); n++);
      if (!game.finite) return { found: -1, average: 0 };
      const { found, average } = game.see();
      return { found, average };
    });
}
