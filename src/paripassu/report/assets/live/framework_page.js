"use strict";
/* The page of the framework: two games side by side, and a diagram from workers. */
(() => {
  /* Every setting: its range, its slider's scale, its words. In this order they are in the address. */
  const SETTINGS = {
    method: { label: "Method", choices: { both: "side by side", nsgda: "nSGDA", sgda: "SGDA" }, value: "both" },
    d: { label: "Dimension d", min: 1e2, max: 1e9, log: true, whole: true, value: 1e5, hint: "of the data" },
    lrD: { label: "nSGDA: discriminator's rate", min: 1e-4, max: 1e2, log: true, value: 1, of: "nsgda", hint: "the length of its step" },
    lrG: { label: "nSGDA: generator's rate", min: 1e-4, max: 1e2, log: true, value: 0.01, of: "nsgda", hint: "the length of its step" },
    sgdaD: { label: "SGDA: discriminator's rate", min: 1e-4, max: 1e6, log: true, value: 1, of: "sgda", hint: "times its gradient" },
    sgdaG: { label: "SGDA: generator's rate", min: 1e-4, max: 1e6, log: true, value: 0.01, of: "sgda", hint: "times its gradient" },
    gamma: { label: "Overlap γ of the modes", min: 0, max: 0.9, step: 0.01, value: 0.1, hint: "their inner product" },
    momentum: { label: "Momentum", min: 0, max: 0.95, step: 0.05, value: 0, hint: "nSGDA normalises the buffer" },
    decay: { label: "Rates fall", choices: { constant: "never", linear: "linearly to 0", cosine: "along a cosine to 0" }, value: "constant" },
    steps: { label: "Steps of a run", min: 100, max: 1e5, log: true, whole: true, value: 3000, hint: "the run pauses there" },
    neuronsD: { label: "Discriminator's neurons", min: 1, max: 32, step: 1, value: 10 },
    neuronsG: { label: "Generator's neurons", min: 1, max: 32, step: 1, value: 8 },
    pairs: { label: "Outputs of two neurons", min: 0, max: 1, step: 0.05, value: 0.05, hint: "probability that the generator adds two" },
    seed: { label: "Start", min: 0, max: 999999, step: 1, value: 1, hint: "a number that decides all first weights" },
  };

  const PRESETS = [
    ["Side by side", { }, "The same rates for both: nSGDA finds both modes, and SGDA's generator has hardly moved."],
    ["SGDA, larger rates", { sgdaD: 100, sgdaG: 1000 }, "With rates that suit its gradients SGDA moves too, and finds one mode of two."],
    ["A billion dimensions", { d: 1e9 }, "nSGDA's time hardly depends on d. SGDA's gradients vanish as d grows."],
    ["Found and lost again", { method: "nsgda", d: 1000, lrD: 0.1, steps: 20000, seed: 3 }, "Both modes are there after some hundred steps. At constant rates the players then chase each other, and a mode is lost."],
    ["Falling rates", { method: "nsgda", d: 1000, lrD: 0.1, steps: 20000, seed: 3, decay: "linear" }, "The same run with rates that fall to zero: both modes stay."],
    ["Neurons to spare", { method: "nsgda", d: 1000, lrD: 0.1, steps: 20000, seed: 3, neuronsG: 24 }, "The same constant rates with 24 generator neurons: while some wander, others stay at each mode."],
  ];

  const TRAIL = 60; // kept positions of each neuron
  let games = [];

  const methods = () => (values.method === "both" ? ["nsgda", "sgda"] : [values.method]);
  const settingsOf = (method) => ({
    d: values.d, gamma: values.gamma, neuronsD: values.neuronsD, neuronsG: values.neuronsG, pairs: values.pairs,
    momentum: values.momentum, decay: values.decay, steps: values.steps, method,
    lrD: method === "nsgda" ? values.lrD : values.sgdaD, lrG: method === "nsgda" ? values.lrG : values.sgdaG,
  });

  // Games.

  function panel(method) {
    const chip = (kind) => make("span", { className: `chip ${kind}` });
    const parts = {
      state: make("p", { className: "state" }),
      chips: ["first", "second", "average"].map(chip),
      plane: drawn("plane", `Plane of the modes, ${METHODS[method].label}`),
      mass: drawn("chart", "Share of outputs at each mode"),
      pace: drawn("chart", "Step over weights of both players"),
      value: drawn("chart", "Value of the game"),
    };
    parts.root = make(
      "section", { className: "game method" }, make("h3", { textContent: METHODS[method].label }),
      make("div", { className: "chips" }, ...parts.chips), parts.state, figure(parts.plane, ""),
      figure(parts.mass, "How much of the generator's output is at each mode, and at their average."),
      figure(parts.pace, "Pace: the length of a player's step over the length of its weights."),
      figure(parts.value, "The value that the discriminator raises and the generator lowers. At −log 4 the discriminator cannot separate real from generated."),
    );
    return parts;
  }

  function begin() {
    const wanted = methods(), now = games.map((g) => g.method);
    if (wanted.join() !== now.join()) {
      games = wanted.map((method) => ({ method, parts: panel(method) }));
      byId("stage").replaceChildren(...games.map((g) => g.parts.root));
    }
    const start = drawStart(values, values.seed);
    for (const g of games) {
      g.game = new Game(settingsOf(g.method), start);
      g.trails = [];
      g.log = new Log("first", "second", "average", "d", "g", "value");
      g.firstBoth = -1;
      note(g);
    }
    restartPhase();
  }

  const ended = (g) => !g.game.finite || g.game.at >= values.steps;

  /* One step of a game; what is recorded is thinned as the run grows. */
  function advance(g) {
    const moved = g.game.step();
    if (moved && g.game.at % g.log.gap === 0) note(g);
    return moved;
  }

  function note(g) {
    const seen = g.game.see(), { log } = g, pace = g.game.at ? g.game.pace() : { d: NaN, g: NaN };
    g.seen = seen;
    if (seen.found === MODES && g.firstBoth < 0) g.firstBoth = g.game.at;
    log.add(g.game.at, {
      first: seen.mass[0], second: seen.mass[1], average: seen.average, d: pace.d, g: pace.g,
      value: g.game.at ? g.game.value : NaN,
    });
    g.trails.push(g.game.inPlane(g.game.V, g.game.neuronsG));
    if (g.trails.length > TRAIL) g.trails.shift();
  }

  function draw() {
    for (const g of games) {
      const { game, parts, log } = g, { neuronsD, neuronsG } = game;
      g.seen = game.see();
      drawPlane(parts.plane, {
        modes: game.modes, neurons: game.inPlane(game.V, neuronsG), others: game.inPlane(game.W, neuronsD), trails: g.trails,
      });
      drawChart(parts.mass, {
        steps: log.steps, range: [0, 1],
        lines: [
          { values: log.first, colour: "first", label: "mode 1" },
          { values: log.second, colour: "second", label: "mode 2", dash: [7, 3] },
          { values: log.average, colour: "average", label: "average", dash: [2, 3] },
        ],
      });
      drawChart(parts.pace, {
        steps: log.steps, log: true,
        lines: [
          { values: log.d, colour: "discriminator", label: "discriminator" },
          { values: log.g, colour: "ink", label: "generator", dash: [7, 3] },
        ],
      });
      drawChart(parts.value, { steps: log.steps, lines: [{ values: log.value, colour: "link", label: "value" }] });
      const { mass, average } = g.seen, percent = (x) => `${Math.round(100 * x)} %`;
      [["mode 1", mass[0]], ["mode 2", mass[1]], ["average", average]].forEach(([label, share], n) => {
        parts.chips[n].textContent = `${share > 0 && n < MODES ? "✓ " : ""}${label}: ${percent(share)}`;
        parts.chips[n].classList.toggle("yes", share > 0);
      });
      parts.state.textContent = sentence(g);
    }
  }

  function sentence(g) {
    const { game, seen } = g, at = `Step ${words(game.at)}`;
    if (!game.finite) return `${at}: the weights are no longer finite. The run has diverged.`;
    const when = g.firstBoth > 0 ? ` Both were first seen at step ${words(g.firstBoth)}.` : "";
    if (seen.found === MODES) return `${at}: both modes are found.${when}`;
    const lost = g.firstBoth >= 0 ? `${when} One was lost again.` : "";
    if (seen.found === 1) return `${at}: one mode of two is found.${lost}`;
    if (seen.average > 0.5) return `${at}: collapsed to the average of the modes.${when}`;
    return `${at}: no mode is found.${when}`;
  }

  const page = livePage({
    settings: SETTINGS, presets: PRESETS, begin, draw,
    shows: (name, { method }) => !SETTINGS[name].of || method === "both" || method === SETTINGS[name].of,
    advance: () => { for (const g of games) if (!ended(g)) advance(g); },
    settle: () => { for (const g of games) if (g.log.last !== g.game.at) note(g); },
    ended: () => games.every(ended),
    say: () => { for (const g of games) g.parts.plane.setAttribute("aria-label", `Plane of the modes, ${METHODS[g.method].label}. ${sentence(g)}`); },
    redraw: () => { draw(); showPhase(); },
    other: ({ seed }) => ({ seed: (seed + 1) % 1000000 }),
    pace: ({ steps }) => (steps > 5000 ? 0.75 : 0.5),
  });
  const { values, change } = page;

  // The phase diagram: rows of cells come from workers while one watches.

  const CELLS = 24, PHASE_STEPS = 500;
  const GRIDS = {
    nsgda: { d: [-3, 1], g: [-4, 0] },
    sgda: { d: [-1, 4], g: [-1, 6] },
  };
  const FILLS = [
    ["both", "both modes", (c) => c.found === 2], ["one", "one mode", (c) => c.found === 1],
    ["average", "their average", (c) => c.found === 0 && c.average > 0.5], ["none", "no mode", (c) => c.found === 0],
    ["bad", "diverged", (c) => c.found < 0],
  ];
  const phase = { method: "nsgda", cells: [], workers: [], waiting: 0, cursor: null, key: "" };
  const workerText = `${byId("framework").textContent}
    onmessage = ({ data }) => {
      let row = data.first;
      for (const cells of phaseRows(data.settings, data.ratesD, data.ratesG, data.steps, data.seed)) {
        postMessage({ row, cells });
        row += data.gap;
      }
    };`;
  const workerAddress = URL.createObjectURL(new Blob([workerText], { type: "text/javascript" }));

  const phaseRates = () => {
    const { d, g } = GRIDS[phase.method];
    return { ratesD: rateGrid(CELLS, d), ratesG: rateGrid(CELLS, g) };
  };

  /* Anew if something that decides the diagram changed, once the sliders rest. */
  function restartPhase() {
    const settings = settingsOf(phase.method), { ratesD, ratesG } = phaseRates();
    const steps = Math.min(PHASE_STEPS, values.steps);
    const key = JSON.stringify({ ...settings, lrD: 0, lrG: 0, steps, seed: values.seed });
    if (key !== phase.key) {
      phase.key = key;
      phase.workers.forEach((worker) => worker.terminate());
      phase.workers = [];
      phase.cells = ratesG.map(() => ratesD.map(() => null));
      clearTimeout(phase.waiting);
      phase.waiting = setTimeout(() => startWorkers({ settings, ratesD, ratesG, steps, seed: values.seed }), 250);
    }
    byId("phase-steps").textContent = words(steps);
    showPhase();
  }

  function startWorkers(task) {
    const gap = Math.max(1, Math.min(4, (navigator.hardwareConcurrency || 2) - 1));
    for (let first = 0; first < gap; first++) {
      const worker = new Worker(workerAddress);
      worker.onmessage = ({ data }) => {
        phase.cells[data.row] = data.cells;
        showPhase();
      };
      worker.onerror = () => (byId("phase-readout").textContent = "The diagram could not be computed in this browser.");
      worker.postMessage({ ...task, ratesG: task.ratesG.filter((_, n) => n % gap === first), first, gap });
      phase.workers.push(worker);
    }
  }

  const kind = (cell) => FILLS.find(([, , is]) => is(cell));

  function showPhase() {
    const { ratesD, ratesG } = phaseRates(), own = settingsOf(phase.method);
    const row = nearestRate(ratesG, own.lrG), column = nearestRate(ratesD, own.lrD);
    drawPhase(byId("phase"), {
      cells: phase.cells, decadesD: GRIDS[phase.method].d, decadesG: GRIDS[phase.method].g, fill: (cell) => colour(cell ? kind(cell)[0] : "paper"),
      chosen: row === null || column === null ? null : [row, column], cursor: phase.cursor,
    });
    const done = phase.cells.filter((cells) => cells[0]).length;
    if (phase.cursor) {
      const [r, c] = phase.cursor, cell = phase.cells[r][c];
      byId("phase-readout").textContent = `Rates ${short(ratesD[c])} and ${short(ratesG[r])}: ${cell ? kind(cell)[1] : "not computed yet"}.`;
    } else {
      const share = phase.cells.flat().filter((cell) => cell && cell.found === 2).length / (done * CELLS || 1);
      byId("phase-readout").textContent = done < CELLS ? `${done} of ${CELLS} rows.` : `Both modes in ${Math.round(100 * share)} % of the cells.`;
    }
    byId("phase").dataset.done = String(done);
    for (const button of byId("phase-choice").children) button.setAttribute("aria-pressed", String(button.value === phase.method));
  }

  function playCell([row, column]) {
    const { ratesD, ratesG } = phaseRates(), names = phase.method === "nsgda" ? ["lrD", "lrG"] : ["sgdaD", "sgdaG"];
    const rates = { [names[0]]: +ratesD[column].toPrecision(2), [names[1]]: +ratesG[row].toPrecision(2) };
    change({ ...rates, ...(values.method === "both" ? {} : { method: phase.method }) });
    page.play();
  }

  function makePhase() {
    showLegend(FILLS);
    byId("phase-choice").append(...Object.entries(METHODS).map(([value, { label }]) => {
      const button = make("button", { value, textContent: label });
      button.addEventListener("click", () => {
        Object.assign(phase, { method: value, cursor: null });
        restartPhase();
      });
      return button;
    }));
    chooseCells(byId("phase"), CELLS, {
      cursor: () => phase.cursor,
      point: (cell) => { phase.cursor = cell; showPhase(); },
      choose: playCell,
    });
  }

  makePhase();
  page.start();
})();
