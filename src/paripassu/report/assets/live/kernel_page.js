"use strict";
/* The page of the kernel game: one run, its portrait, and a diagram of both learning rates. */
(() => {
  /* Every setting: its range, its slider's scale, its words. In this order they are in the address. */
  const SETTINGS = {
    method: { label: "Method", choices: Object.fromEntries(Object.entries(METHODS).map(([name, m]) => [name, m.label])), value: "gradient" },
    updates: { label: "Updates", choices: { simultaneous: "both players at once", alternating: "discriminator first" }, value: "simultaneous" },
    lrD: { label: "Discriminator's rate", min: 1e-3, max: 10, log: true, value: 0.1 },
    lrG: { label: "Generator's rate", min: 1e-3, max: 100, log: true, value: 0.5 },
    momentum: { label: "Momentum", min: -0.9, max: 0.9, step: 0.05, value: 0, hint: "may be below zero; nSGDA normalises the buffer" },
    lambda: { label: "Regularisation λ", min: 0, max: 4, step: 0.05, value: 1, hint: "pulls the discriminator to zero" },
    width: { label: "Width σ of the kernel", min: 0.2, max: 4, log: true, value: 1 },
    mass: { label: "Mass p of both points", min: 0.1, max: 4, log: true, value: 1 },
    offset: { label: "First offset", min: 1e-4, max: 2, log: true, value: 0.8, hint: "of the generated point, in widths" },
    side: { label: "First side", choices: { right: "right", left: "left" }, value: "right" },
    steps: { label: "Steps of a run", min: 50, max: 1e4, log: true, whole: true, value: 300, hint: "the run pauses there" },
  };

  const LEAVING = { lrG: 1.5 };
  const PRESETS = [
    ["Stable", { lrD: 0.4, lrG: 0.08 }, "Slow generator, quick discriminator: the point comes to the true one without turning back."],
    ["Oscillates", {}, "A quicker generator overshoots. It turns around the true point, in ever smaller circles."],
    ["Leaves", LEAVING, "The generator is too quick for the regularisation: the circles grow until the kernel's width bounds them."],
    ["Alternating cures it", { ...LEAVING, updates: "alternating" }, "The same rates, one player after the other: the point comes to rest."],
    ["Momentum below zero", { ...LEAVING, momentum: -0.5 }, "The same rates, both at once, each step less half of what came before: the point comes to rest."],
    ["Normalised steps never rest", { method: "nsgda", lrD: 0.02, lrG: 0.02 }, "Steps of constant length cannot shrink, so the point circles at about the length of its step."],
  ];

  const TRAIL = 60, PORTRAIT = 300; // shown positions of the point, and of the portrait
  let run = null;

  const settings = () => ({
    mass: values.mass, width: values.width, regularization: values.lambda, lrD: values.lrD, lrG: values.lrG,
    momentum: METHODS[values.method].momentum ? values.momentum : 0, method: values.method, updates: values.updates,
  });

  // The run.

  const chips = ["radius", "outcome", "distance"].map((kind) => make("span", { className: `chip ${kind}` }));
  const state = make("p", { className: "state" });
  const canvases = {
    f: drawn("line", "Discriminator's function and both points"),
    portrait: drawn("portrait", "Offset and slope"),
    both: drawn("chart", "Offset and slope over steps"),
    distance: drawn("chart", "Distance over steps"),
    value: drawn("chart", "Value of the game over steps"),
  };
  byId("stage").append(
    make("section", { className: "game" }, make("div", { className: "chips" }, ...chips), state,
      figure(canvases.f, "Purple is the discriminator's function f, which the generated point, the dot, climbs. The blue mark is the true point. f has its own scale at every step."),
      figure(canvases.portrait, "Phase portrait: the point's offset, and the slope of f at the true point. Rest is in the middle.")),
    make("section", { className: "game" },
      figure(canvases.both, "The same two numbers over the steps."),
      figure(canvases.distance, "Distance from the true point in widths. The dashed line falls or grows by the spectral radius at each step."),
      figure(canvases.value, "The value V that the discriminator raises and the generator lowers.")),
  );

  function begin() {
    const sign = values.side === "left" ? -1 : 1;
    run = { game: new KernelGame(settings(), sign * values.offset), eigen: eigenvalues(settings()) };
    run.log = new Log("offset", "slope", "value", "distance", "theory");
    run.recent = [];
    run.radius = run.eigen ? radiusOf(run.eigen) : NaN;
    note();
    showDiagram();
    restartDiagram();
  }

  function note() {
    const { game, log } = run, seen = game.see();
    log.add(game.at, { ...seen, distance: Math.abs(seen.offset), theory: values.offset * run.radius ** game.at });
  }

  function advance() {
    const { game, log, recent } = run;
    if (ended() || !game.step()) return;
    const { offset, slope } = game.see();
    recent.push([offset, slope]);
    if (recent.length > PORTRAIT) recent.shift();
    if (game.at % log.gap === 0) note();
  }

  const ended = () => !run.game.finite || run.game.at >= values.steps;

  const OUTCOMES = {
    converges: "comes to rest", oscillates: "comes to rest, turning around the point", leaves: "does not come to rest",
  };

  function sentence() {
    const { game, log, radius, eigen } = run, at = `Step ${words(game.at)}`;
    if (!game.finite) return `${at}: the numbers are no longer finite. The run has diverged.`;
    const offset = Math.abs(game.x / game.width), where = `${at}: ${short(offset)} widths from the true point.`;
    if (offset > 3) return `${where} It is beyond the reach of the kernel, and of the page's 32 coefficients.`;
    if (eigen) return `${where} By its eigenvalues the game ${OUTCOMES[phaseOf(eigen)]}: in the long run a step multiplies the distance by ${radius.toFixed(4)}.`;
    const late = log.offset.slice(-Math.ceil(log.offset.length / 3)), size = Math.sqrt(late.reduce((sum, x) => sum + x * x, 0) / late.length);
    return game.at < 3 ? `${where} Steps of constant length do not come to rest.` : `${where} Lately it was ${short(size)} widths away, as a root mean square.`;
  }

  function draw() {
    const { game, log, eigen, radius, recent } = run;
    const portrait = recent.length ? recent : [[log.offset[0], log.slope[0]]];
    drawFunction(canvases.f, { valueAt: (u) => game.valueAt(u * game.width), offset: game.x / game.width, trail: recent.slice(-TRAIL).map(([u]) => u) });
    drawPortrait(canvases.portrait, { offsets: portrait.map(([u]) => u), slopes: portrait.map(([, w]) => w) });
    drawChart(canvases.both, {
      steps: log.steps, least: 1e-6,
      lines: [
        { values: log.offset, colour: "second", label: "offset" },
        { values: log.slope, colour: "discriminator", label: "slope", dash: [7, 3] },
      ],
    });
    const floor = log.theory.map((x) => (x > 1e-15 && x < 1e3 ? x : NaN));
    drawChart(canvases.distance, {
      steps: log.steps, log: true,
      lines: [
        { values: log.distance.map((x) => (x > 1e-15 ? x : NaN)), colour: "second", label: "distance" },
        ...(eigen ? [{ values: floor, colour: "soft", label: "by its eigenvalues", dash: [3, 4] }] : []),
      ],
    });
    drawChart(canvases.value, { steps: log.steps, lines: [{ values: log.value, colour: "link", label: "value" }], least: 1e-6 });
    chips[0].textContent = eigen ? `spectral radius: ${radius.toFixed(4)}` : "no spectral radius";
    chips[1].textContent = eigen ? phaseOf(eigen) : "circles";
    chips[2].textContent = `distance: ${short(Math.abs(game.x / game.width))} σ`;
    chips[1].classList.toggle("yes", Boolean(eigen) && radius < 1);
    state.textContent = sentence();
  }

  const page = livePage({
    settings: SETTINGS, presets: PRESETS, begin, advance, draw, ended,
    shows: (name, { method }) => name !== "momentum" || Boolean(METHODS[method].momentum),
    repair: (now) => {
      if (!METHODS[now.method].together || now.updates === "simultaneous") return "";
      now.updates = "simultaneous";
      return "Extragradient steps are of both players at once, so the updates are too.";
    },
    settle: () => { if (run.log.last !== run.game.at) note(); },
    say: () => canvases.f.setAttribute("aria-label", `Discriminator's function and both points. ${sentence()}`),
    redraw: () => { draw(); showDiagram(); showRadii(); },
    other: ({ side }) => ({ side: side === "left" ? "right" : "left" }),
    pace: () => 0.2,
  });
  const { values, change } = page;

  // The diagram: what the eigenvalues say at each pair of rates, or how large a circle of constant steps is.

  const CELLS = 32, PLAYED = 300;
  const BY_EIGENVALUES = {
    d: [-2, 1], g: [-2, 2],
    words: "By the eigenvalues of the linearised game at each pair of rates, with the other settings above. The outlined pair is played.",
    fills: [["both", "comes to rest, straight", (c) => c === "converges"], ["one", "comes to rest, turning", (c) => c === "oscillates"], ["bad", "leaves", (c) => c === "leaves"]],
  };
  const BY_PLAY = {
    d: [-3, 1], g: [-3, 1],
    words: `Steps of constant length come to rest at no pair of rates. Each cell plays ${PLAYED} steps from near the true point and shows how far away the last third is, as a root mean square.`,
    fills: [["both", "circles within 0.01 σ", (c) => c < 0.01], ["one", "within 0.1 σ", (c) => c < 0.1], ["average", "within 1 σ", (c) => c < 1], ["bad", "beyond", () => true]],
  };
  const diagram = { kind: BY_EIGENVALUES, cells: [], key: "", waiting: 0, cursor: null };
  const rates = () => ({ ratesD: rateGrid(CELLS, diagram.kind.d), ratesG: rateGrid(CELLS, diagram.kind.g) });

  /* Begun as near as a few steps lead, on no multiple of a step. */
  const circleOf = (own, steps) => circle(own, Math.min(0.5, (1.37 * own.lrG) / own.width), steps);
  const cellOf = (own) => (METHODS[own.method].normalised ? circleOf(own, PLAYED) : phaseOf(eigenvalues(own)));

  /* Anew if something that decides it changed; a row at a time, so that the page goes on. */
  function restartDiagram() {
    const own = settings(), key = JSON.stringify({ ...own, lrD: 0, lrG: 0 });
    if (key === diagram.key) { showRadii(); return; }
    clearTimeout(diagram.waiting);
    Object.assign(diagram, { key, kind: METHODS[own.method].normalised ? BY_PLAY : BY_EIGENVALUES, cursor: null });
    const { ratesD, ratesG } = rates();
    diagram.cells = ratesG.map(() => ratesD.map(() => null));
    showLegend(diagram.kind.fills);
    byId("phase-words").textContent = diagram.kind.words;
    const row = (n) => {
      diagram.cells[n] = ratesD.map((lrD) => cellOf({ ...own, lrD, lrG: ratesG[n] }));
      showDiagram();
      if (n + 1 < CELLS) diagram.waiting = setTimeout(row, 0, n + 1);
    };
    diagram.waiting = setTimeout(row, 100, 0);
    showDiagram();
    showRadii();
  }

  function showDiagram() {
    if (!diagram.cells.length) return;
    const { ratesD, ratesG } = rates(), { kind, cells, cursor } = diagram;
    const kindOf = (cell) => kind.fills.find(([, , is]) => is(cell));
    const row = nearestRate(ratesG, values.lrG), column = nearestRate(ratesD, values.lrD);
    drawPhase(byId("phase"), {
      cells, decadesD: kind.d, decadesG: kind.g, fill: (cell) => colour(cell === null ? "paper" : kindOf(cell)[0]),
      chosen: row === null || column === null ? null : [row, column], cursor,
    });
    const [r, c] = cursor || [row, column], inside = r !== null && c !== null, cell = inside ? cells[r][c] : null;
    const pair = cursor ? `Rates ${short(ratesD[c])} and ${short(ratesG[r])}` : `Rates ${short(values.lrD)} and ${short(values.lrG)}, played above`;
    byId("phase-readout").textContent = !inside ? `${pair}: outside of the diagram.` : `${pair}: ${cell === null ? "not computed yet" : kindOf(cell)[1]}.`;
    byId("phase").dataset.done = String(cells.filter((own) => own[0] !== null).length);
  }

  function showRadii() {
    const own = settings(), shown = Boolean(METHODS[own.method].normalised);
    byId("radii").hidden = !shown;
    if (!shown) return;
    const points = Array.from({ length: 13 }, (_, n) => 10 ** ((n - 6) / 4)).map((factor) => {
      const lrG = own.lrG * factor;
      return [lrG, circleOf({ ...own, lrD: own.lrD * factor, lrG }, 600)];
    });
    drawRadii(byId("radius"), { points, own: own.lrG });
  }

  chooseCells(byId("phase"), CELLS, {
    cursor: () => diagram.cursor,
    point: (cell) => { diagram.cursor = cell; showDiagram(); },
    choose: ([row, column]) => {
      const { ratesD, ratesG } = rates();
      change({ lrD: +ratesD[column].toPrecision(2), lrG: +ratesG[row].toPrecision(2) });
      page.play();
    },
  });
  page.start();
})();
