// Draws every figure of the page in the page's own colours, and again when light turns to dark.
(() => {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Pixels that a label on a logarithmic axis needs, along x and along y.
  const ROOM = { x: 48, y: 22 };
  const PAPER = { width: 680, height: 800 }; // pixels; A4 and letter both have room, caption included

  const phone = window.matchMedia("(max-width: 40rem)");
  let chosen = null; // the arm that stands out in every figure

  function themed(layout) {
    const axis = { gridcolor: style("--line"), linecolor: style("--line"), zerolinecolor: style("--line") };
    const themedLayout = {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { ...layout.font, color: style("--ink"), family: style("--font"), size: 13 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: style("--soft"), activecolor: style("--ink") },
      hoverlabel: {
        bgcolor: style("--paper"),
        bordercolor: style("--line"),
        font: { color: style("--ink") },
        namelength: -1,
      },
    };
    // A finger that drags scrolls the page; a box to zoom into is a button away.
    if (window.matchMedia("(pointer: coarse)").matches) themedLayout.dragmode = false;
    if (phone.matches) themedLayout.showlegend = false; // a row of buttons takes less room
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) themedLayout[key] = { ...layout[key], ...axis };
    }
    return themedLayout;
  }

  // Over many decades their powers, over one or two 1, 2, 5 in full, within less whatever Plotly chooses:
  // by itself it labels every digit between powers, one over another.
  function ticks(axis) {
    const decades = Math.abs(axis.range[1] - axis.range[0]);
    const labels = axis._length / ROOM[axis._id[0]];
    if (decades < 0.7) return { dtick: null, tickformat: null, nticks: 1 + Math.floor(labels / 2) };
    if (0.3 * labels >= decades) return { dtick: "D2", tickformat: "~g", nticks: null };
    return { dtick: Math.ceil(decades / labels), tickformat: null, nticks: null };
  }

  function label(target) {
    const changes = {};
    for (const [key, axis] of Object.entries(target._fullLayout)) {
      if (!/^[xy]axis\d*$/.test(key) || axis.type !== "log") continue;
      for (const [name, value] of Object.entries(ticks(axis))) {
        if ((target.layout[key][name] ?? null) !== value) changes[`${key}.${name}`] = value;
      }
    }
    if (Object.keys(changes).length) Plotly.relayout(target, changes);
  }

  // After a zoom or on another width, but not after labels of our own: they leave another length, and on it
  // others might fit, and so on for ever.
  function relabel(target, changes) {
    if (!Object.keys(changes).some((name) => /\.(dtick|tickformat|nticks)$/.test(name))) label(target);
  }

  const armOf = (trace) => trace.legendgroup || trace.name;

  // A figure that has the arm shows the others faintly; one that has not stays as it is.
  function highlight(target) {
    const has = target.data.some((trace) => armOf(trace) === chosen);
    const opacity = target.data.map((trace) => (has && armOf(trace) !== chosen ? 0.12 : 1));
    const now = target.data.map((trace) => trace.opacity ?? 1);
    if (opacity.some((value, place) => value !== now[place])) Plotly.restyle(target, { opacity });
    for (const button of target.parentElement.querySelectorAll(".arms button")) {
      button.setAttribute("aria-pressed", String(button.dataset.arm === chosen));
    }
  }

  function choose(arm) {
    chosen = arm === chosen ? null : arm;
    document.querySelectorAll(".figure.js-plotly-plot").forEach(highlight);
    return false; // the legend's own click would take the arm away
  }

  // The arms as buttons in one row, which a phone shows instead of the legend.
  function addLegend(target) {
    target.parentElement.querySelector(".arms")?.remove();
    const shown = target.data.filter((trace) => trace.name && trace.showlegend !== false && trace.type === "scatter");
    if (shown.length < 2) return;
    const row = document.createElement("div");
    row.className = "arms";
    for (const trace of shown) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.arm = armOf(trace);
      button.textContent = trace.name.replaceAll("&lt;", "<").replaceAll("&amp;", "&"); // as Plotly reads it
      button.style.setProperty("--arm", trace.line?.color ?? trace.marker?.color ?? "currentColor");
      button.addEventListener("click", () => choose(button.dataset.arm));
      row.append(button);
    }
    target.before(row);
  }

  function drawOne(source) {
    const figure = JSON.parse(source.textContent);
    const target = document.getElementById(source.dataset.figure);
    target.style.height = `${figure.layout.height}px`; // or a new width would bring another height
    Plotly.react(target, figure.data, themed(figure.layout), {
      responsive: true,
      displaylogo: false,
      showSendToCloud: false, // nothing leaves this machine
      toImageButtonOptions: { format: "svg" },
      modeBarButtonsToRemove: ["select2d", "lasso2d"],
    });
    label(target);
    addLegend(target);
    if (chosen !== null) highlight(target);
    for (const event of ["plotly_relayout", "plotly_legendclick", "plotly_legenddoubleclick"]) target.removeAllListeners(event);
    target.on("plotly_relayout", (changes) => relabel(target, changes));
    target.on("plotly_legendclick", ({ curveNumber }) => choose(armOf(target.data[curveNumber])));
    target.on("plotly_legenddoubleclick", () => false);
  }

  const waiting = []; // what is not drawn yet, from the top of the page down

  // One figure at a time: a page of thousands of runs has hundreds, and its text can be read meanwhile.
  function drawNext() {
    if (!waiting.length) return;
    const source = waiting.shift();
    setTimeout(drawNext); // first: one that fails keeps no other from being drawn
    drawOne(source);
  }

  const figuresIn = (part) => [...part.querySelectorAll("script[data-figure]")];

  // What is folded has no width to be drawn in.
  function draw() {
    waiting.splice(0, waiting.length, ...figuresIn(document).filter((source) => !source.closest("details:not([open])")));
    drawNext();
  }

  function drawAll() {
    while (waiting.length) drawOne(waiting.shift());
  }

  function fit(size) {
    for (const target of document.querySelectorAll(".figure.js-plotly-plot")) {
      const wanted = size(target);
      target.style.height = `${wanted.height ?? target.layout.height}px`;
      Plotly.relayout(target, wanted);
    }
  }

  const onPaper = ({ layout }) => ({ width: PAPER.width, height: Math.min(layout.height, PAPER.height) });

  if (window.Plotly) {
    draw();
    dark.addEventListener("change", draw);
    phone.addEventListener("change", draw);
    for (const fold of document.querySelectorAll("section > details")) {
      fold.addEventListener("toggle", () => fold.open && figuresIn(fold).forEach(drawOne));
    }
    window.addEventListener("beforeprint", () => {
      drawAll();
      fit(onPaper);
    });
    window.addEventListener("afterprint", () => {
      draw();
      drawAll();
      fit(() => ({ width: null, autosize: true }));
    });
  }
})();
