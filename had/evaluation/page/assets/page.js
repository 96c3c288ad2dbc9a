// What the reader has chosen, what follows from a choice, and the address that remembers it.

const names = [...document.querySelectorAll('script[id^="benchmark-"]')].map(({ id }) => id.slice("benchmark-".length));
const initial = about.selected.map((run) => rows.findIndex((row) => row.run === run)).filter((index) => index >= 0);
const state = {
  benchmark: names[0], attribute: "", text: "", groups: new Set(rows.map(groupOf)), sort: { key: "SR", descending: true },
  open: new Set(), selected: initial.length ? initial : [0], hovered: null, cursor: null, plot: 0,
  metric: "SR", sequence: null, sequenceText: "", sequenceSort: { key: "", descending: true },
};

/** The benchmark and the part of its sequences that all panels show. */
function current() {
  const data = benchmark(state.benchmark);
  return { data, subset: data.subsets.find(({ attribute }) => attribute === state.attribute) ?? data.subsets[0] };
}

function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
}

function focusOn(selector) {
  document.querySelector(selector)?.focus({ preventScroll: false });
}

/** Everything but the heads and choices that a benchmark brings. */
function refresh() {
  drawTable();
  drawCurves();
  drawChoices();
  drawSequences();
  drawScene();
  remember();
}

/** Rows are added behind those that are selected and removed again; one always stays. */
function select(index) {
  if (!state.selected.includes(index)) state.selected.push(index);
  else if (state.selected.length > 1) state.selected = state.selected.filter((other) => other !== index);
  refresh();
}

/** The row at a place of the selection (0: the one that is listed, 1: what is subtracted); empty: none. */
function choose(place, text) {
  const rest = state.selected.filter((_, i) => i !== place);
  if (text === "") state.selected = rest;
  else {
    const index = Number(text);
    const others = rest.filter((other) => other !== index);
    state.selected = [...others.slice(0, place), index, ...others.slice(place)];
  }
  if (!state.selected.length) state.selected = [0];
  refresh();
}

/** Point at a row: its curve, its seeds' curves and its line are raised. */
function hover(found) {
  state.hovered = found;
  for (const line of by("table").tBodies[0].rows) {
    line.classList.toggle("hovered", found !== null && Number(line.dataset.row) === found.row && !("seed" in line.dataset));
  }
  drawCurves();
}

function wireTable() {
  const body = by("table").tBodies[0];
  const lineOf = (event) => event.target.closest?.("tr[data-row]");
  const point = (event) => {
    const line = lineOf(event);
    const found = line && { row: Number(line.dataset.row), ...("seed" in line.dataset ? { seed: Number(line.dataset.seed) } : {}) };
    if (found?.row !== state.hovered?.row || found?.seed !== state.hovered?.seed) hover(found ?? null);
  };
  body.addEventListener("mouseover", point);
  body.addEventListener("focusin", point);
  body.addEventListener("mouseleave", () => hover(null));
  body.addEventListener("focusout", () => hover(null));
  body.addEventListener("click", (event) => {
    const line = lineOf(event);
    if (!line) return;
    select(Number(line.dataset.row));
    focusOn(`#table tr[data-row="${line.dataset.row}"] button.pick`);
  });
  by("filter").addEventListener("input", (event) => { state.text = event.target.value; drawTable(); drawCurves(); drawScene(); });
  by("subset").addEventListener("change", (event) => { state.attribute = event.target.value; refresh(); });
}

function openBenchmark(name) {
  state.benchmark = name;
  const { data } = current();
  if (!data.subsets.some(({ attribute }) => attribute === state.attribute)) state.attribute = "";
  if (!data.metrics.includes(state.metric)) state.metric = data.metrics[0];
  by("subset").replaceChildren(...data.subsets.map(({ attribute, count }) => h("option", { value: attribute, selected: attribute === state.attribute },
    attribute ? `${attribute}, ${data.meanings[attribute]} (${counted(count)})` : `all ${counted(count)}`)));
  by("note").textContent = [data.note, data.simulated ? "The recordings are simulated." : ""].filter(Boolean).join(" ");
  drawChips();
  refresh();
}

// --- the address ------------------------------------------------------------------------------------

function remember() {
  const { data } = current();
  const said = new URLSearchParams({ benchmark: state.benchmark, rows: state.selected.map((index) => rows[index].run).join(",") });
  if (state.attribute) said.set("on", state.attribute);
  if (state.sequence !== null) said.set("sequence", data.sequences[state.sequence]);
  history.replaceState(null, "", `#${said}`);
}

function recall() {
  const said = new URLSearchParams(location.hash.slice(1));
  if (names.includes(said.get("benchmark"))) state.benchmark = said.get("benchmark");
  const chosen = (said.get("rows") ?? "").split(",").map((run) => rows.findIndex((row) => row.run === run)).filter((index) => index >= 0);
  if (chosen.length) state.selected = [...new Set(chosen)];
  state.attribute = said.get("on") ?? "";
  const at = benchmark(state.benchmark).sequences.indexOf(said.get("sequence"));
  state.sequence = at < 0 ? null : at;
}

// --- begin ------------------------------------------------------------------------------------------

recall();
by("facts").append(`${rows.length} rows on ${names.map((name) => benchmark(name).title).join(" and ")} · `,
  h("a", { href: "#configuration", onclick: () => (by("configuration").parentElement.open = true) }, `configuration ${about.digest}`), ` · had ${about.version}`);
by("benchmarks").append(...names.map((name) => h("label", {},
  h("input", { type: "radio", name: "benchmark", value: name, checked: name === state.benchmark, onchange: () => { state.sequence = null; openBenchmark(name); } }),
  [benchmark(name).title, ...benchmark(name).aliases.map((alias) => `(${alias})`)].join(" "))));
by("above").textContent = about.above;
by("sentences").append(...about.conventions.map((sentence) => h("li", {}, sentence)));
by("configuration").textContent = about.configuration;
addEventListener("beforeprint", () => document.querySelectorAll("#conventions details:first-child").forEach((part) => (part.open = true)));
wireTable();
wireCurves();
wireSequences();
wireScene();
openBenchmark(state.benchmark);
