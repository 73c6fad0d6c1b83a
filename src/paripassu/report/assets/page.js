// What a page does beside its figures: contents, tables as cards on a phone, pictures enlarged, films.
(() => {
  "use strict";
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // The contents are open where they have a column, and close after a choice where they have not.
  function contents(fold) {
    const wide = window.matchMedia("(min-width: 92rem)");
    const adjust = () => (fold.open = wide.matches);
    adjust();
    wide.addEventListener("change", adjust);
    fold.addEventListener("click", (event) => {
      if (event.target.matches("a") && !wide.matches) fold.open = false;
    });
  }

  // A link to a folded section opens it.
  function unfold() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const fold = target && target.querySelector(":scope > details");
    if (fold) fold.open = true;
  }

  function cards(table) {
    const names = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
    if (names.length < 4) return;
    table.classList.add("cards");
    table.setAttribute("role", "table"); // or a table that is no block would lose what it is
    for (const row of table.tBodies[0].rows) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((cell, place) => {
        cell.setAttribute("role", place ? "cell" : "rowheader");
        if (place && names[place]) cell.dataset.label = names[place];
      });
    }
  }

  // By a whole number, so that a pixel stays a square, as far as there is room.
  function enlarge(link) {
    const { naturalWidth: width, naturalHeight: height } = link.querySelector("img");
    const room = Math.min((0.92 * innerWidth) / width, (0.85 * innerHeight) / height);
    const times = room > 1 ? Math.floor(room) : room;
    const words = link.querySelector("img").alt;
    const image = make("img", { src: link.href, alt: words, width: times * width, height: times * height });
    const close = make("button", { type: "button", textContent: "Close" });
    const dialog = make("dialog", {}, image, make("p", { textContent: words }), close);
    document.body.append(dialog);
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    dialog.showModal();
  }

  function film(figure) {
    const frames = [...figure.querySelectorAll("li:not(.real)")];
    if (frames.length < 2) return;
    const last = frames.length - 1;
    const range = make("input", { type: "range", min: 0, max: last, value: last, step: 1 });
    const said = make("output");
    const play = make("button", { type: "button", textContent: "Play" });
    let playing = null;
    range.setAttribute("aria-label", "place in the training");

    function show(place) {
      range.value = place;
      frames.forEach((frame, number) => frame.classList.toggle("shown", number === Number(place)));
      said.textContent = frames[place].querySelector("span").textContent;
      range.setAttribute("aria-valuetext", said.textContent);
    }

    function stop() {
      clearInterval(playing);
      playing = null;
      play.textContent = "Play";
    }

    play.addEventListener("click", () => {
      if (playing) return stop();
      play.textContent = "Stop";
      if (Number(range.value) === last) show(0);
      playing = setInterval(() => {
        show(Number(range.value) + 1);
        if (Number(range.value) === last) stop();
      }, 500);
    });
    range.addEventListener("input", () => {
      stop();
      show(range.value);
    });
    figure.querySelectorAll("img").forEach((image) => (image.loading = "eager"));
    figure.classList.add("scrubbed");
    figure.querySelector("ul").after(make("div", { className: "slider" }, play, range, said));
    show(last);
  }

  document.querySelectorAll("nav details").forEach(contents);
  document.querySelectorAll("table:not(.pictures)").forEach(cards);
  document.querySelectorAll("figure.film").forEach(film);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.picture");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    enlarge(link);
  });
  window.addEventListener("hashchange", unfold);
  unfold();
})();
