"use strict";
/* What every live page does: settings in its address, sliders, examples, playback. */

document.documentElement.classList.toggle("embedded", window.self !== window.top);

const byId = (id) => document.getElementById(id);
const words = (x) => x.toLocaleString("en");
const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};
const drawn = (kind, label) => {
  const canvas = make("canvas", { className: kind });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  return canvas;
};
const figure = (canvas, caption) => make("figure", {}, canvas, make("figcaption", { textContent: caption }));

/* A page of `own`:
     settings: by name {label, hint, value} and {choices: {value: words}} or {min, max, step or log, whole}; the
       address has them in this order;
     presets: [name, changes, story];
     shows(name, values): whether a setting takes effect, and its slider is there; all are without it;
     repair(values): mends settings that exclude each other, and says so in words;
     begin(), advance(), settle(), ended(): a new run from `values`; one step of it; the record of its last
       step; whether none is left;
     draw(), say(), redraw(): the run drawn; the run in words, for screen readers; the run and all else drawn;
     other(values): changes that give another start;
     pace(values): where an example leaves the slider of the speed.
   Returns {values, change, play, start}. */
function livePage(own) {
  const { settings } = own, inputs = {};
  const defaults = Object.fromEntries(Object.entries(settings).map(([name, s]) => [name, s.value]));
  const values = { ...defaults };
  const FRAME = 14, SPOKEN = 2000; // milliseconds: of steps in a frame, and between two sentences for screen readers
  let playing = false, due = 0, last = 0, spoken = 0;

  // Settings, and the address that holds them.

  /* A value within its setting's range, and whether it had to be changed; null if it is none. */
  function within(name, given) {
    const s = settings[name];
    if (s.choices) return Object.hasOwn(s.choices, given) ? { value: given, clamped: false } : null;
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
      if (!Object.hasOwn(settings, name)) { said.push(`there is no setting "${name.slice(0, 20)}"`); continue; }
      const read = within(name, text), { label } = settings[name];
      if (!read) said.push(`${label}: "${text.slice(0, 20)}" is no value, so it is ${shown(name)}`);
      else {
        values[name] = read.value;
        if (read.clamped) said.push(`${label}: ${text.slice(0, 20)} is out of range, so it is ${shown(name)}`);
      }
    }
    const repaired = repair();
    byId("notice").textContent = [said.length ? `From the link: ${said.join("; ")}.` : "", repaired].filter(Boolean).join(" ");
  }

  const repair = () => (own.repair ? own.repair(values) : "");

  function toAddress() {
    const changed = Object.entries(values).filter(([name, value]) => value !== defaults[name]);
    const text = new URLSearchParams(changed.map(([n, v]) => [n, String(v)])).toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  const shown = (name) => {
    const s = settings[name], value = values[name];
    if (s.choices) return s.choices[value];
    return s.whole && value < 1e6 ? words(value) : s.log ? short(value) : String(+value.toFixed(2));
  };

  const toSlider = (s, value) => (s.log ? Math.log(value / s.min) / Math.log(s.max / s.min) : value);
  function fromSlider(s, place) {
    if (!s.log) return place;
    const value = s.min * Math.pow(s.max / s.min, place);
    return s.whole ? Math.round(+value.toPrecision(2)) : +value.toPrecision(2);
  }

  function makeSettings() {
    for (const [name, s] of Object.entries(settings)) {
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
      const s = settings[name];
      if (s.choices) input.value = values[name];
      else {
        input.value = toSlider(s, values[name]);
        input.setAttribute("aria-valuetext", shown(name));
      }
      output.textContent = shown(name);
      box.hidden = Boolean(own.shows) && !own.shows(name, values);
    }
    for (const button of byId("presets").children) {
      const wanted = { ...defaults, ...button.changes };
      button.setAttribute("aria-pressed", String(Object.keys(settings).every((n) => wanted[n] === values[n])));
    }
  }

  /* New settings begin a new run. One that played goes on playing. */
  function change(changes, story = "") {
    Object.assign(values, changes);
    byId("story").textContent = story;
    byId("notice").textContent = repair();
    toAddress();
    begin();
  }

  function begin() {
    own.begin();
    due = 0;
    showSettings();
    draw();
    speak(true);
  }

  // Playback.

  function draw() {
    own.draw();
    byId("play").textContent = playing ? "Pause" : own.ended() ? "Play again" : "Play";
  }

  /* For screen readers: not sixty times a second. */
  function speak(now) {
    const time = performance.now();
    if (!now && time - spoken < SPOKEN) return;
    spoken = time;
    own.say();
  }

  function frame(time) {
    if (!playing) return;
    const rate = speed();
    due = Math.min(due + (rate * Math.min(100, time - last)) / 1000, rate / 4 + 1);
    last = time;
    const until = performance.now() + FRAME;
    while (due >= 1 && performance.now() < until) {
      own.advance();
      due -= 1;
      if (own.ended()) { pause(); return; }
    }
    draw();
    speak(false);
    requestAnimationFrame(frame);
  }

  function play() {
    if (playing) return;
    if (own.ended()) begin();
    playing = true;
    last = performance.now();
    due = 1;
    byId("play").textContent = "Pause";
    requestAnimationFrame(frame);
  }

  function pause() {
    playing = false;
    own.settle();
    draw();
    speak(true);
  }

  const speed = () => Math.round(10 ** (1 + 4 * Number(byId("speed").value)));
  function showSpeed() {
    byId("speed-shown").textContent = `${words(speed())} steps/s`;
  }
  function setSpeed(place) {
    byId("speed").value = place;
    showSpeed();
  }

  function oneStep() {
    if (playing) pause();
    if (!own.ended()) own.advance();
    own.settle();
    draw();
    speak(true);
  }

  function makePresets() {
    for (const [name, changes, story] of own.presets) {
      const button = make("button", { textContent: name, changes });
      button.addEventListener("click", () => {
        change({ ...defaults, ...changes }, story);
        setSpeed(own.pace(values));
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

  /* Once all that `own` needs is there. */
  function start() {
    const toggle = () => (playing ? pause() : play()), other = () => change(own.other(values));
    makePresets();
    makeSettings();
    setSpeed(own.pace(defaults));
    byId("speed").addEventListener("input", showSpeed);
    for (const [id, act] of [["play", toggle], ["one", oneStep], ["restart", begin], ["other", other], ["link", copyLink]])
      byId(id).addEventListener("click", act);
    const keys = { " ": toggle, ".": oneStep, r: begin, n: other };
    document.addEventListener("keydown", (event) => {
      // Letters on a list of choices and space on a control are theirs, and with a modifier a key is the browser's.
      if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
      if (event.target.closest("select") || (event.key === " " && event.target.closest("button, input"))) return;
      event.preventDefault();
      keys[event.key]();
    });
    window.addEventListener("resize", own.redraw);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", own.redraw);
    window.addEventListener("hashchange", () => { fromAddress(); begin(); });
    fromAddress();
    begin();
  }

  return { values, change, play, start };
}

/* What is recorded of a run: numbers by name over its steps, thinned to at most 800 records as it grows. */
class Log {
  constructor(...names) {
    this.steps = [];
    this.gap = 1;
    for (const name of names) this[name] = [];
    this.names = ["steps", ...names];
  }

  get last() { return this.steps[this.steps.length - 1]; }

  add(at, numbers) {
    this.steps.push(at);
    for (const [name, number] of Object.entries(numbers)) this[name].push(number);
    if (this.steps.length <= 800) return;
    for (const name of this.names) this[name] = this[name].filter((_, n) => n % 2 === 0);
    this.gap *= 2;
  }
}
