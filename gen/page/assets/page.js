"use strict";
// Makes a stepper of every trace on the page: the state after a step is the one before it, with what the step changed.
(() => {
  const ORDER = ["partitions", "readers", "stores", "groups", "transactions"];
  const TITLES = {
    partitions: "Logs",
    readers: "Readers hold",
    stores: "Stores hold",
    groups: "Consumer groups",
    transactions: "Transaction coordinators",
  };
  const KEYED = { committed: "committed offset of partition", versions: "version of row" };
  const KEYS = { ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last" };

  const cases = new Map();
  let current = null;

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function shown(value) {
    if (value === null || value === undefined) return "none";
    if (Array.isArray(value)) {
      const nested = (v) => (v !== null && typeof v === "object" ? `(${shown(v)})` : shown(v));
      return value.length ? value.map(nested).join(", ") : "none";
    }
    if (typeof value === "object") {
      const pairs = Object.keys(value).map((key) => `${key}: ${shown(value[key])}`);
      return pairs.length ? pairs.join(", ") : "none";
    }
    return String(value);
  }

  const words = (name) => name.replaceAll("_", " ");
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  // Observations are maps of maps of maps, since a name may be anything, also "__proto__".
  function mapped(observation) {
    const inner = (places) =>
      new Map(Object.entries(places).map(([place, things]) => [place, new Map(Object.entries(things))]));
    return new Map(Object.entries(observation).map(([section, places]) => [section, inner(places)]));
  }

  function patched(observation, changes) {
    const after = new Map(observation);
    for (const [section, place, thing, , value] of changes) {
      const places = new Map(after.get(section));
      const things = new Map(places.get(place));
      things.set(thing, value);
      after.set(section, places.set(place, things));
    }
    return after;
  }

  // --- what a state looks like

  function log(name, things, before) {
    const records = things.get("records");
    const outcomes = things.get("outcomes") || [];
    const high = things.get("high_watermark");
    const stable = things.get("last_stable_offset");
    const old = before ? before.get("records") || [] : [];
    const rows = ["offset", "record", ""].map((title) =>
      element("tr", {}, title ? element("th", { scope: "row" }, title) : element("td")),
    );
    records.forEach((record, offset) => {
      rows[0].append(element("th", { scope: "col" }, String(offset)));
      const added = before && !same(record, old[offset]);
      rows[1].append(cell(record, outcomes[offset], offset >= stable, added));
      rows[2].append(limits(offset, high, stable));
    });
    rows[0].append(element("th", { scope: "col" }, String(records.length)));
    rows[1].append(element("td", { class: "end" }, "next"));
    rows[2].append(limits(records.length, high, stable));
    const told = `high watermark ${shown(high)}, last stable offset ${shown(stable)}`;
    const table = element("table", { class: "log", "aria-label": `Log of ${name}` }, element("tbody", {}, ...rows));
    const scroll = { class: "scroll", role: "group", tabindex: "0", "aria-label": `Log of ${name}, ${told}` };
    const title = element("p", { class: "log-name" }, element("b", {}, name), " ", element("span", {}, told));
    return [title, element("div", scroll, table)];
  }

  function cell(record, outcome, unstable, added) {
    const marker = record === "COMMIT" || record === "ABORT";
    const kinds = { COMMIT: ["commit", "committed"], ABORT: ["abort", "aborted"] };
    const [kind, word] = kinds[marker ? record : outcome] || (unstable ? ["open", "undecided"] : ["plain", "stable"]);
    const classes = `cell ${kind}${added ? " added" : ""}`;
    const told = `${marker ? "marker" : word}${added ? ", new" : ""}`;
    return element("td", { class: classes }, shown(record), element("small", {}, told));
  }

  function limits(offset, high, stable) {
    const here = [];
    if (offset === stable) here.push(element("b", {}, "↑ LSO"));
    if (offset === high) here.push(element("b", {}, "↑ HW"));
    return element("td", { class: "limit" }, ...here);
  }

  // Rows of a section; what is kept by key (offsets by partition) has a row for each.
  function observed(title, places, changed) {
    const rows = [element("tr", {}, element("th", { scope: "rowgroup", colspan: "2" }, title))];
    for (const [place, things] of places) {
      for (const [thing, value] of things) {
        const change = changed.get(`${place}\u0000${thing}`);
        const keyed = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
        if (!keyed(value) || !Object.keys(value).length) {
          rows.push(fact(`${place}: ${words(thing)}`, value, change ? change[2] : value));
          continue;
        }
        const old = !change ? value : keyed(change[2]) ? change[2] : {};
        for (const key of Object.keys(value))
          rows.push(fact(`${place}: ${KEYED[thing] || words(thing)} ${key}`, value[key], old[key]));
      }
    }
    return element("tbody", {}, ...rows);
  }

  function fact(name, value, old) {
    const told = element("td", {}, shown(value));
    if (!same(value, old)) {
      told.className = "changed";
      told.prepend(element("span", { class: "flag" }, "● "));
      told.append(element("span", { class: "was" }, ` was ${shown(old)}`));
    }
    return element("tr", {}, element("th", { scope: "row" }, name), told);
  }

  function variable(name, ...values) {
    const cells = values.map((value) => element("td", {}, shown(value)));
    return element("tr", {}, element("th", { scope: "row" }, element("code", {}, name)), ...cells);
  }

  function table(titles, ...bodies) {
    const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)));
    return element("table", {}, element("thead", {}, head), ...bodies);
  }

  // --- one trace

  class Case {
    constructor(root) {
      this.root = root;
      this.id = root.id;
      this.lines = [...root.querySelectorAll(".steps > .step")];
      this.last = this.lines.length;
      this.at = 0;
      // A step is shown by the stepper; the browser must not scroll to the line of the list instead.
      for (const line of this.lines) line.removeAttribute("id");
      root.addEventListener("toggle", () => root.open && this.enhance());
      for (const event of ["pointerdown", "focusin"]) root.addEventListener(event, () => (current = this));
    }

    get level() {
      return this.root.tagName === "DETAILS" ? "h4" : "h2";
    }

    enhance() {
      if (this.states) return;
      const data = JSON.parse(this.root.querySelector("script.data").textContent);
      this.steps = data.steps;
      this.states = [mapped(data.start)];
      this.variables = [new Map(Object.entries(data.variables))];
      for (const step of data.steps) {
        this.states.push(patched(this.states.at(-1), step.seen));
        const values = new Map(this.variables.at(-1));
        for (const [name, pair] of Object.entries(step.changes)) values.set(name, pair[1]);
        this.variables.push(values);
      }
      this.build();
      this.show(0);
    }

    build() {
      const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
      [this.toolbar, this.now, this.state] = ["toolbar", "now", "state"].map(clone);
      const bench = this.root.querySelector(".bench");
      bench.before(this.toolbar);
      bench.prepend(this.now);
      bench.append(this.state);
      this.diagram = bench.querySelector(".diagram");
      this.fit(this.diagram.querySelector("svg"));
      this.slider = this.toolbar.querySelector("input[type=range]");
      this.toolbar.querySelector(".name").textContent = this.root.dataset.name;
      this.slider.max = this.last;
      this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
      for (const button of this.toolbar.querySelectorAll("[data-go]"))
        button.addEventListener("click", () => this.move(button.dataset.go));
      bench.addEventListener("click", (event) => this.clicked(event));
      this.folding();
      this.root.querySelector("details.all").open = false;
      this.root.classList.add("live");
    }

    folding() {
      if (this.root.dataset.folds !== "yes") return;
      const routine = new Set(this.lines.filter((l) => l.classList.contains("routine")).map((l) => l.dataset.step));
      for (const step of this.diagram.querySelectorAll("[data-step]"))
        step.classList.toggle("routine", routine.has(step.dataset.step));
      const label = this.toolbar.querySelector(".routine-toggle");
      label.hidden = false;
      label.firstElementChild.addEventListener("change", (event) => {
        this.root.classList.toggle("folded", !event.target.checked);
        this.show(this.at);
      });
    }

    clicked(event) {
      const step = event.target.closest(".diagram [data-step]");
      if (step) this.go(Number(step.dataset.step), true);
    }

    // The steps that are gone through: all, or those that matter, with the initial state and the last one.
    get stops() {
      const folded = this.root.classList.contains("folded");
      const kept = this.lines.filter((line, i) => !folded || i + 1 === this.last || !line.classList.contains("routine"));
      return [0, ...kept.map((line) => Number(line.dataset.step))];
    }

    move(where) {
      const stops = this.stops;
      const before = stops.filter((n) => n < this.at);
      const after = stops.filter((n) => n > this.at);
      const target = { first: 0, last: this.last, back: before.at(-1), next: after[0] }[where];
      if (target !== undefined) this.go(target);
    }

    go(number, push = false) {
      if (number === this.at) return;
      this.show(number);
      record(this, push);
    }

    show(number) {
      this.enhance();
      this.at = Math.min(Math.max(number, 0), this.last);
      this.showControls();
      this.showStep();
      this.showState();
      this.mark();
    }

    showControls() {
      const line = this.lines[this.at - 1];
      const text = line ? line.querySelector(".text").textContent : "before the first step";
      this.slider.value = this.at;
      this.slider.setAttribute("aria-valuetext", `step ${this.at} of ${this.last}: ${text}`);
      this.toolbar.querySelector(".count").textContent = `${this.at} / ${this.last}`;
      for (const button of this.toolbar.querySelectorAll("[data-go]")) {
        const backwards = ["first", "back"].includes(button.dataset.go);
        button.setAttribute("aria-disabled", String(backwards ? this.at === 0 : this.at === this.last));
      }
    }

    showStep() {
      const line = this.lines[this.at - 1];
      const heading = element("p", { class: "heading" });
      const said = [heading];
      if (line) {
        heading.append(`Step ${this.at} of ${this.last} `);
        for (const part of line.querySelectorAll(".sentence > .actor, .sentence .tag"))
          heading.append(" ", part.cloneNode(true));
        const text = element("p", {}, line.querySelector(".text").cloneNode(true));
        const api = line.querySelector(".api");
        if (api) text.append(" ", api.cloneNode(true));
        said.push(text);
      } else {
        heading.append("The initial state");
        said.push(element("p", {}, this.last ? "Nothing has happened yet." : "It is violated already."));
      }
      this.now.classList.toggle("fault", Boolean(line && line.classList.contains("fault")));
      this.now.querySelector(".said").replaceChildren(...said);
      this.showAbout(line);
    }

    showAbout(line) {
      const link = element("a", { href: `#${this.id}/${this.at}` }, "link to this step");
      const about = [element("span", {}, link)];
      const uses = line && line.querySelector(".uses");
      if (uses) about.unshift(element("span", {}, ...uses.cloneNode(true).childNodes));
      const repeats = line && line.querySelector(".repeats");
      if (repeats) about.unshift(element("span", {}, "from here on, for ever"));
      const ending = this.root.querySelector(".ending");
      if (ending && this.at === this.last) about.unshift(element("span", {}, ending.textContent));
      if (line && line.classList.contains("routine")) about.unshift(element("span", {}, "routine"));
      this.now.querySelector(".about").replaceChildren(...about);
    }

    showState() {
      const changes = this.at ? this.steps[this.at - 1].seen : [];
      const state = this.states[this.at];
      const rank = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
      const [logs, facts] = [[], []];
      for (const name of [...state.keys()].sort((a, b) => rank(a) - rank(b))) {
        const places = new Map(state.get(name));
        const changed = new Map(changes.filter((c) => c[0] === name).map((c) => [`${c[1]}\u0000${c[2]}`, c.slice(1)]));
        const before = this.at ? this.states[this.at - 1].get(name) : undefined;
        for (const [place, things] of state.get(name)) {
          if (name !== "partitions" || !Array.isArray(things.get("records"))) continue;
          logs.push(...log(place, things, this.at ? before?.get(place) || new Map() : undefined));
          places.delete(place);
        }
        if (places.size) facts.push(observed(TITLES[name] || words(name), places, changed));
      }
      const seen = facts.length ? [table(["What", "Now"], ...facts)] : [];
      const parts = [this.heading("What observers see"), ...logs, ...seen, ...this.diff(), this.everything()];
      const open = Boolean(this.state.querySelector("details[open]"));
      this.state.replaceChildren(...parts);
      this.state.querySelector("details").open = open;
    }

    heading(text) {
      return element(this.level, {}, text);
    }

    diff() {
      const changes = this.at ? Object.entries(this.steps[this.at - 1].changes) : [];
      const rows = changes.map(([name, pair]) => variable(name, ...pair));
      const none = element("p", { class: "quiet" }, "No variable of the model has changed.");
      return [
        this.heading("Variables that changed"),
        rows.length ? table(["Variable", "Before", "After"], element("tbody", {}, ...rows)) : none,
      ];
    }

    everything() {
      const details = element("details", {}, element("summary", {}, "All variables"));
      details.addEventListener("toggle", () => {
        if (!details.open || details.children.length > 1) return;
        const rows = [...this.variables[this.at]].map((pair) => variable(...pair));
        details.append(table(["Variable", "Value"], element("tbody", {}, ...rows)));
      });
      return details;
    }

    mark() {
      for (const step of this.root.querySelectorAll(".step.selected")) step.classList.remove("selected");
      for (const step of this.root.querySelectorAll(".steps .step[aria-current]")) step.removeAttribute("aria-current");
      const line = this.lines[this.at - 1];
      if (line) {
        line.classList.add("selected");
        line.setAttribute("aria-current", "step");
      }
      this.diagram.querySelector(".cursor")?.remove();
      const step = this.diagram.querySelector(`.step[data-step="${this.at}"]`);
      if (step) this.markInDiagram(step);
      else this.diagram.scrollTo({ top: 0, left: 0 });
    }

    // A picture that is hardly too wide is made smaller, as long as it can be read.
    fit(svg) {
      const width = Number(svg.getAttribute("width"));
      svg.style.inlineSize = `clamp(${0.8 * width}px, 100%, ${width}px)`;
      svg.style.blockSize = "auto";
    }

    // A band across the diagram, since a group has no background.
    markInDiagram(step) {
      step.classList.add("selected");
      const svg = step.closest("svg");
      const box = step.getBBox();
      if (!box.width && !box.height) return;
      const band = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const edges = { class: "cursor", x: 1, y: box.y - 6, width: svg.viewBox.baseVal.width - 2, height: box.height + 12 };
      for (const [name, value] of Object.entries(edges)) band.setAttribute(name, value);
      svg.querySelector(".lane, .step").before(band);
      this.scrollTo(step);
    }

    // The step to the middle of the box, and what happens in it into sight.
    scrollTo(step) {
      const box = this.diagram.getBoundingClientRect();
      const inside = step.getBoundingClientRect();
      const top = this.diagram.scrollTop + inside.top - box.top - (box.height - inside.height) / 2;
      const parts = [...step.children].filter((part) => part.matches("g, circle, path"));
      const places = (parts.length ? parts : [step]).map((part) => part.getBoundingClientRect());
      const [start, end] = [Math.min(...places.map((p) => p.left)), Math.max(...places.map((p) => p.right))];
      const seen = start >= box.left && end <= box.right;
      const left = this.diagram.scrollLeft + (seen ? 0 : start - box.left - Math.max(16, (box.width - end + start) / 2));
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.diagram.scrollTo({ top, left, behavior: still ? "instant" : "smooth" });
    }
  }

  // --- the address: #no-duplicates@ledger/7

  let pending = 0;

  // Browsers refuse many changes of the address in a row; only where one stops is worth remembering.
  function record(shownCase, push) {
    clearTimeout(pending);
    const address = `#${shownCase.id}/${shownCase.at}`;
    const write = () => {
      const entered = push || !location.hash.startsWith(`#${shownCase.id}/`);
      try {
        history[entered ? "pushState" : "replaceState"](null, "", address);
      } catch {
        location.replace(address);
      }
    };
    if (push) write();
    else pending = setTimeout(write, 200);
  }

  function addressed() {
    let fragment = location.hash.slice(1);
    try {
      fragment = decodeURIComponent(fragment);
    } catch {
      return null;
    }
    const [, id, step] = fragment.match(/^(.*?)(?:\/(\d+))?$/);
    return cases.has(id) ? { found: cases.get(id), step: step === undefined ? null : Number(step) } : null;
  }

  function follow() {
    clearTimeout(pending);
    const target = addressed();
    if (!target) return;
    const { found, step } = target;
    current = found;
    if (found.root.tagName === "DETAILS") found.root.open = true;
    found.show(step === null ? found.at : step);
    const inside = found.root.contains(document.activeElement);
    const place = found.toolbar.getBoundingClientRect();
    if (inside && place.bottom > 0 && place.top < innerHeight / 2) return;
    const claim = place.top - found.root.getBoundingClientRect().top;
    (claim < innerHeight * 0.4 ? found.root : found.toolbar).scrollIntoView({ block: "start" });
    if (!inside) found.now.focus({ preventScroll: true });
  }

  // --- keys and the theme

  function pressed(event) {
    const where = KEYS[event.key];
    if (!where || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || !current) return;
    if (event.target.closest("input, select, textarea")) return;
    const box = event.target.closest(".scroll");
    if (box && where !== "first" && where !== "last" && box.scrollWidth > box.clientWidth) return;
    const inside = current.root.contains(event.target);
    if (!inside && (where === "first" || where === "last")) return;
    event.preventDefault();
    current.move(where);
  }

  function theme() {
    const button = document.querySelector(".theme");
    const root = document.documentElement;
    const wanted = new URLSearchParams(location.search).get("theme");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    if (wanted === "dark" || wanted === "light") root.dataset.theme = wanted;
    const told = () => {
      const now = root.dataset.theme || (dark.matches ? "dark" : "light");
      button.setAttribute("aria-pressed", String(now === "dark"));
      return now;
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = told() === "dark" ? "light" : "dark";
      told();
    });
    dark.addEventListener("change", told);
    told();
  }

  theme();
  for (const root of document.querySelectorAll(".case")) cases.set(root.id, new Case(root));
  current = cases.values().next().value || null;
  if (current) current.enhance();
  follow();
  addEventListener("hashchange", follow);
  addEventListener("popstate", follow);
  document.addEventListener("keydown", pressed);
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });
})();
