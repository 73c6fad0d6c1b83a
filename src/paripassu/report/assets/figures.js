// Draws every figure of the page in the page's own colours, and again when light turns to dark.
(() => {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function themed(layout) {
    const axis = { gridcolor: style("--line"), linecolor: style("--line"), zerolinecolor: style("--line") };
    const themedLayout = {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { ...layout.font, color: style("--ink"), family: style("--font"), size: 13 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: style("--soft"), activecolor: style("--ink") },
      hoverlabel: { bgcolor: style("--paper"), bordercolor: style("--line"), font: { color: style("--ink") } },
    };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) themedLayout[key] = { ...layout[key], ...axis };
    }
    return themedLayout;
  }

  function draw() {
    for (const source of document.querySelectorAll("script[data-figure]")) {
      const figure = JSON.parse(source.textContent);
      const target = document.getElementById(source.dataset.figure);
      Plotly.react(target, figure.data, themed(figure.layout), {
        responsive: true,
        displaylogo: false,
        modeBarButtonsToRemove: ["select2d", "lasso2d"],
      });
    }
  }

  if (window.Plotly) {
    draw();
    dark.addEventListener("change", draw);
  }
})();
