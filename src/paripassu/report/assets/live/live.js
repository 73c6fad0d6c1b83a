"use strict";
/* The page: settings in its address, two games side by side, and a phase diagram from workers. */
(() => {
  const byId = (id) => document.getElementById(id);
  const words = (x) => x.toLocaleString("en");
  const make = (tag, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...children);
    return element;
  };

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

  const defaults = Object.fromEntries(Object.entries(SETTINGS).map(([name, s]) => [name, s.value]));
  const values = { ...defaults };
  const POINTS = 800, TRAIL = 60, FRAME = 14; // kept points of a chart and a trail, milliseconds of a frame
  let games = [], playing = false, due = 0, last = 0, spoken = 0;

  /* A value within its setting's range, and whether it had to be changed; null if it is none. */
  function within(name, given) {
    const s = SETTINGS[name];
    if (s.choices) return given in s.choices ? { value: given, clamped: false } : null;
    const number = typeof given === "string" && given.trim() === "" ? NaN : Number(given);
    if (!Number.isFinite(number)) return null;
    let value = Math.min(s.max, Math.max(s.min, number));
    if (s.whole || s.step === 1) value = Math.round(value);
    return { value, clamped: value !== number };
  }

  function fromAddress() {
    const said = [];
    Object.assign(values, defaults);
    for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
      if (!(name in SETTINGS)) { said.push(`there is no setting "${name.slice(0, 20)}"`); continue; }
      const read = within(name, text), { label } = SETTINGS[name];
      if (!read) said.push(`${label}: "${text.slice(0, 20)}" is no value, so it is ${shown(name)}`);
      else {
        values[name] = read.value;
        if (read.clamped) said.push(`${label}: ${text.slice(0, 20)} is out of range, so it is ${shown(name)}`);
      }
    }
    byId("notice").textContent = said.length ? `From the link: ${said.join("; ")}.` : "";
  }

  function toAddress() {
    const changed = Object.entries(values).filter(([name, value]) => value !== defaults[name]);
    const text = new URLSearchParams(changed.map(([n, v]) => [n, String(v)])).toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  const shown = (name) => {
    const s = SETTINGS[name], value = values[name];
    if (s.choices) return s.choices[value];
    return s.whole && value < 1e6 ? words(value) : s.log ? short(value) : String(+value.toFixed(2));
  };

  // Settings and their sliders.

  const toSlider = (s, value) => (s.log ? Math.log(value / s.min) / Math.log(s.max / s.min) : value);
  function fromSlider(s, place) {
    if (!s.log) return place;
    const value = s.min * Math.pow(s.max / s.min, place);
    return s.whole ? Math.round(+value.toPrecision(2)) : +value.toPrecision(2);
  }

  const inputs = {};
  function makeSettings() {
    for (const [name, s] of Object.entries(SETTINGS)) {
      const label = make("label", { htmlFor: `set-${name}`, textContent: s.label });
      const output = make("output", { htmlFor: `set-${name}` });
      const box = make("div", { className: "setting" }, label, output);
      let input;
      if (s.choices) {
        input = make("select", {}, ...Object.entries(s.choices).map(([value, text]) => make("option", { value, textContent: text })));
        output.hidden = true;
      } else {
        input = make("input", { type: "range", min: s.log ? 0 : s.min, max: s.log ? 1 : s.max, step: s.log ? 0.005 : s.step });
      }
      input.id = `set-${name}`;
      input.addEventListener("input", () => {
        const value = s.choices ? input.value : within(name, fromSlider(s, Number(input.value))).value;
        change({ [name]: value });
      });
      box.append(input);
      if (s.hint) box.append(make("p", { className: "hint", textContent: s.hint }));
      byId("settings").append(box);
      inputs[name] = { input, output, box };
    }
  }

  function showSettings() {
    for (const [name, { input, output, box }] of Object.entries(inputs)) {
      const s = SETTINGS[name];
      if (s.choices) input.value = values[name];
      else {
        input.value = toSlider(s, values[name]);
        input.setAttribute("aria-valuetext", shown(name));
      }
      output.textContent = shown(name);
      box.hidden = Boolean(s.of) && values.method !== "both" && values.method !== s.of;
    }
    for (const button of byId("presets").children) {
      const wanted = { ...defaults, ...button.changes };
      button.setAttribute("aria-pressed", String(Object.keys(SETTINGS).every((n) => wanted[n] === values[n])));
    }
  }

  /* New settings begin a new run. One that played goes on playing. */
  function change(changes, story = "") {
    Object.assign(values, changes);
    byId("story").textContent = story;
    byId("notice").textContent = "";
    toAddress();
    begin();
  }

  const methods = () => (values.method === "both" ? ["nsgda", "sgda"] : [values.method]);
  const settingsOf = (method) => ({
    d: values.d, gamma: values.gamma, neuronsD: values.neuronsD, neuronsG: values.neuronsG, pairs: values.pairs,
    momentum: values.momentum, decay: values.decay, steps: values.steps, method,
    lrD: method === "nsgda" ? values.lrD : values.sgdaD, lrG: method === "nsgda" ? values.lrG : values.sgdaG,
  });

  // Games.

  function panel(method) {
    const chip = (kind) => make("span", { className: `chip ${kind}` });
    const canvas = (kind, label) => {
      const made = make("canvas", { className: kind });
      made.setAttribute("role", "img");
      made.setAttribute("aria-label", label);
      return made;
    };
    const figure = (drawn, caption) => make("figure", {}, drawn, make("figcaption", { textContent: caption }));
    const parts = {
      state: make("p", { className: "state" }),
      chips: ["first", "second", "average"].map(chip),
      plane: canvas("plane", `Plane of the modes, ${METHODS[method].label}`),
      mass: canvas("chart", "Share of outputs at each mode"),
      pace: canvas("chart", "Step over weights of both players"),
      value: canvas("chart", "Value of the game"),
    };
    parts.root = make(
      "section", { className: "game" }, make("h3", { textContent: METHODS[method].label }),
      make("div", { className: "chips" }, ...parts.chips), parts.state, figure(parts.plane, ""),
      figure(parts.mass, "How much of the generator's output is at each mode, and at their average."),
      figure(parts.pace, "Pace: the length of a player's step over the length of its weights."),
      figure(parts.value, "The value that the discriminator raises and the generator lowers. At −log 4 nothing is told apart."),
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
      g.gap = 1;
      g.log = { steps: [], first: [], second: [], average: [], d: [], g: [], value: [] };
      g.firstBoth = -1;
      note(g);
    }
    due = 0;
    showSettings();
    draw();
    speak(true);
    restartPhase();
  }

  const ended = (g) => !g.game.finite || g.game.at >= values.steps;

  /* One step of a game; what is recorded is thinned as the run grows. */
  function advance(g) {
    const moved = g.game.step();
    if (moved && g.game.at % g.gap === 0) note(g);
    return moved;
  }

  function note(g) {
    const seen = g.game.see(), { log } = g, pace = g.game.at ? g.game.pace() : { d: NaN, g: NaN };
    g.seen = seen;
    if (seen.found === MODES && g.firstBoth < 0) g.firstBoth = g.game.at;
    log.steps.push(g.game.at);
    log.first.push(seen.mass[0]);
    log.second.push(seen.mass[1]);
    log.average.push(seen.average);
    log.d.push(pace.d);
    log.g.push(pace.g);
    log.value.push(g.game.at ? g.game.value : NaN);
    g.trails.push(g.game.inPlane(g.game.V, g.game.neuronsG));
    if (g.trails.length > TRAIL) g.trails.shift();
    if (log.steps.length > POINTS) {
      for (const name of Object.keys(log)) log[name] = log[name].filter((_, n) => n % 2 === 0);
      g.gap *= 2;
    }
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
    byId("play").textContent = playing ? "Pause" : games.every(ended) ? "Play again" : "Play";
  }

  function sentence(g) {
    const { game, seen } = g, at = `Step ${words(game.at)}`;
    if (!game.finite) return `${at}: the weights are no longer finite. The run has diverged.`;
    const when = g.firstBoth > 0 ? ` Both were there first at step ${words(g.firstBoth)}.` : "";
    if (seen.found === MODES) return `${at}: both modes are found.${when}`;
    const lost = g.firstBoth >= 0 ? `${when} One was lost again.` : "";
    if (seen.found === 1) return `${at}: one mode of two is found.${lost}`;
    if (seen.average > 0.5) return `${at}: collapsed to the average of the modes.${when}`;
    return `${at}: no mode is found.${when}`;
  }

  /* For screen readers: not sixty times a second. */
  function speak(now) {
    const time = performance.now();
    if (!now && time - spoken < 2000) return;
    spoken = time;
    for (const g of games) g.parts.plane.setAttribute("aria-label", `Plane of the modes, ${METHODS[g.method].label}. ${sentence(g)}`);
  }

  function frame(time) {
    if (!playing) return;
    const rate = speed();
    due = Math.min(due + (rate * Math.min(100, time - last)) / 1000, rate / 4 + 1);
    last = time;
    const until = performance.now() + FRAME;
    while (due >= 1 && performance.now() < until) {
      for (const g of games) if (!ended(g)) advance(g);
      due -= 1;
      if (games.every(ended)) { pause(); return; }
    }
    draw();
    speak(false);
    requestAnimationFrame(frame);
  }

  function play() {
    if (games.every(ended)) begin();
    playing = true;
    last = performance.now();
    due = 1;
    byId("play").textContent = "Pause";
    requestAnimationFrame(frame);
  }

  function pause() {
    playing = false;
    for (const g of games) if (g.log.steps[g.log.steps.length - 1] !== g.game.at) note(g);
    draw();
    speak(true);
  }

  const speed = () => Math.round(10 ** (1 + 4 * Number(byId("speed").value)));
  function showSpeed() {
    byId("speed-shown").textContent = `${words(speed())} steps/s`;
  }

  // The phase diagram: rows of cells come from workers while one watches.

  const CELLS = 24, PHASE_STEPS = 500;
  const grid = (low, high) => Array.from({ length: CELLS }, (_, n) => 10 ** (low + ((n + 0.5) / CELLS) * (high - low)));
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
    return { ratesD: grid(...d), ratesG: grid(...g) };
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
  const nearest = (rates, rate) => {
    const gap = Math.log(rates[1] / rates[0]), n = Math.round(Math.log(rate / rates[0]) / gap);
    return n >= 0 && n < rates.length ? n : null;
  };

  function showPhase() {
    const { ratesD, ratesG } = phaseRates(), own = settingsOf(phase.method);
    const row = nearest(ratesG, own.lrG), column = nearest(ratesD, own.lrD);
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
    if (!playing) play();
  }

  function makePhase() {
    byId("phase-legend").append(...FILLS.map(([name, label]) => {
      const swatch = make("span", { className: "swatch" });
      swatch.style.background = `var(--${name})`;
      return make("li", {}, swatch, label);
    }));
    byId("phase-choice").append(...Object.entries(METHODS).map(([value, { label }]) => {
      const button = make("button", { value, textContent: label });
      button.addEventListener("click", () => {
        Object.assign(phase, { method: value, cursor: null });
        restartPhase();
      });
      return button;
    }));
    const canvas = byId("phase");
    const at = (event) => phaseCell(canvas, event.offsetX, event.offsetY, CELLS, CELLS);
    canvas.addEventListener("mousemove", (event) => { phase.cursor = at(event); showPhase(); });
    canvas.addEventListener("mouseleave", () => { phase.cursor = null; showPhase(); });
    canvas.addEventListener("click", (event) => { const cell = at(event); if (cell) playCell(cell); });
    const moves = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && phase.cursor) playCell(phase.cursor);
      else if (event.key in moves) {
        const [row, column] = phase.cursor || [CELLS / 2, CELLS / 2], [up, right] = moves[event.key];
        const keep = (n) => Math.min(CELLS - 1, Math.max(0, n));
        phase.cursor = [keep(row + up), keep(column + right)];
        showPhase();
      } else return;
      event.preventDefault();
    });
  }

  // The page.

  function makePresets() {
    for (const [name, changes, story] of PRESETS) {
      const button = make("button", { textContent: name, changes });
      button.addEventListener("click", () => {
        change({ ...defaults, ...changes }, story);
        byId("speed").value = values.steps > 5000 ? 0.75 : 0.5;
        showSpeed();
        play();
      });
      byId("presets").append(button);
    }
  }

  async function copyLink() {
    try {
      await navigator.clipboard.writeText(location.href);
      byId("notice").textContent = "The link is copied. It holds all settings.";
    } catch {
      byId("notice").textContent = "Copy the page's address: it holds all settings.";
    }
  }

  const oneStep = () => {
    if (playing) pause();
    for (const g of games) if (!ended(g)) advance(g);
    for (const g of games) if (g.log.steps[g.log.steps.length - 1] !== g.game.at) note(g);
    draw();
    speak(true);
  };
  const toggle = () => (playing ? pause() : play());
  const reseed = () => change({ seed: (values.seed + 1) % 1000000 });

  makePresets();
  makeSettings();
  makePhase();
  byId("speed").value = 0.5;
  showSpeed();
  byId("speed").addEventListener("input", showSpeed);
  byId("play").addEventListener("click", toggle);
  byId("one").addEventListener("click", oneStep);
  byId("restart").addEventListener("click", begin);
  byId("reseed").addEventListener("click", reseed);
  byId("link").addEventListener("click", copyLink);
  const keys = { " ": toggle, ".": oneStep, r: begin, n: reseed };
  document.addEventListener("keydown", (event) => {
    // Space on a control is the control's, and with a modifier a key is the browser's.
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    if (event.key === " " && event.target.closest("button, select, input")) return;
    event.preventDefault();
    keys[event.key]();
  });
  const redraw = () => { draw(); showPhase(); };
  window.addEventListener("resize", redraw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  window.addEventListener("hashchange", () => { fromAddress(); begin(); });
  fromAddress();
  begin();
})();
