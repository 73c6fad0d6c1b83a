// Reads figures point by point with the keyboard: left and right along a line or a row of a heat
// map, up and down to the next one. A point's label is read aloud and shown under the figure.
(() => {
  "use strict";
  const HELP = "Arrow keys go from point to point, up and down from line to line; Escape leaves.";
  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const there = (value) => value !== null && value !== undefined && !Number.isNaN(value);

  // Every line to go along: its trace's number and subplot, and its points from left to right, each with its
  // place as Plotly wants it.
  function lines(figure) {
    return figure._fullData.flatMap(lined).filter((line) => line.points.length);

    function lined(trace, curveNumber) {
      if (trace.visible !== true || trace.hoverinfo === "skip") return [];
      const rows = trace.type === "heatmap" ? cells(trace, curveNumber) : [marks(trace)];
      return rows.map((points) => ({ curveNumber, points, subplot: `${trace.xaxis}${trace.yaxis}` }));
    }

    function marks(trace) {
      const all = Array.from(trace.x, (x, number) => ({ x, y: trace.y[number], place: { pointNumber: number } }));
      return all.filter(({ x, y }) => there(x) && there(y));
    }

    // From the top down. Plotly finds a cell by the middle between its edges.
    function cells(trace, curveNumber) {
      const [{ x, y, z }] = figure.calcdata[curveNumber];
      const middle = (edges, number) => (edges[number] + edges[number + 1]) / 2;
      const rows = Array.from(z, (row, down) =>
        Array.from(row, (value, along) => ({ x: along, value, place: { xval: middle(x, along), yval: middle(y, down) } }))
          .filter(({ value }) => there(value)));
      const [bottom, top] = figure._fullLayout[trace.yaxis.replace("y", "yaxis")].range;
      return bottom > top ? rows : rows.reverse();
    }
  }

  function nearest(points, x) {
    const far = points.map((point) => Math.abs(point.x - x));
    return far.indexOf(Math.min(...far));
  }

  function words(figure) {
    const parts = figure.querySelectorAll(".hoverlayer .hovertext .name, .hoverlayer .hovertext .nums");
    return [...parts].map((part) => {
      const rows = [...part.querySelectorAll(".line")].map((row) => row.textContent);
      return rows.length ? rows.join(", ") : part.textContent;
    }).filter(Boolean).join(": ");
  }

  function attend(figure) {
    const readout = document.getElementById(figure.getAttribute("aria-details"));
    let place = null; // [line, point] of where the reader is

    function show() {
      const { curveNumber, points, subplot } = lines(figure)[place[0]];
      Plotly.Fx.unhover(figure); // without it Plotly may wait before it shows the next label
      Plotly.Fx.hover(figure, [{ curveNumber, ...points[place[1]].place }], subplot);
      readout.textContent = words(figure);
    }

    function move(key) {
      const all = lines(figure);
      if (!all.length) return;
      if (!place || !all[place[0]]?.points[place[1]]) {
        place = [0, 0]; // at first, and where the legend has taken a line away
      } else if (key === "Home" || key === "End") {
        place = [place[0], key === "Home" ? 0 : all[place[0]].points.length - 1];
      } else {
        const [down, along] = MOVES[key];
        const line = Math.min(Math.max(place[0] + down, 0), all.length - 1);
        const here = all[place[0]].points;
        const point = down ? nearest(all[line].points, here[place[1]].x) : place[1] + along;
        place = [line, Math.min(Math.max(point, 0), all[line].points.length - 1)];
      }
      show();
    }

    function leave() {
      Plotly.Fx.unhover(figure);
      place = null;
      readout.textContent = "";
    }

    figure.setAttribute("role", "application"); // else a screen reader keeps the arrow keys to itself
    figure.setAttribute("aria-roledescription", "figure");
    figure.addEventListener("focus", () => {
      if (figure.matches(":focus-visible")) readout.textContent = HELP;
    });
    figure.addEventListener("blur", leave);
    figure.addEventListener("keydown", (event) => {
      if (event.target !== figure) return; // but one of its tools
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === "Escape") {
        figure.blur();
      } else if (event.key in MOVES || event.key === "Home" || event.key === "End") {
        event.preventDefault(); // the page stays where it is
        move(event.key);
      }
    });
  }

  if (window.Plotly) document.querySelectorAll(".figure").forEach(attend);
})();
