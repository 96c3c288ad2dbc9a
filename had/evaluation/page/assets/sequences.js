// The sequences of one row, or of the difference of two: sorted by where one gains and loses.

function sequenceColumns() {
  const { data } = current();
  const [one, other] = pair();
  const metric = state.metric;
  const of = (row) => (sequence) => onSequence(data, row, sequence, metric).mean;
  const columns = [
    { key: "name", head: "Sequence", text: true, value: (sequence) => data.sequences[sequence] },
    ...(data.attributes.length ? [{ key: "attributes", head: "Attributes", text: true, class: "attributes", value: (sequence) => attributesOf(sequence) || null }] : []),
    { key: "first", head: short(one), meaning: one.title, value: of(one) },
  ];
  if (!other) return columns;
  const minus = (sequence) => of(one)(sequence) - of(other)(sequence);
  return [...columns, { key: "second", head: short(other), meaning: other.title, value: of(other) },
    { key: "difference", head: "Difference", meaning: `${one.title} minus ${other.title}`, value: minus, bar: true }];
}

/** A title that fits above a column of numbers. */
const short = (row) => (row.title.length > 14 ? `${row.title.slice(0, 13).trimEnd()}…` : row.title);
const pair = () => [rows[state.selected[0]], rows[state.selected[1]] ?? null];
const attributesOf = (sequence) => current().data.flags[sequence].map((i) => current().data.attributes[i]).join(" ");

function shownSequences() {
  const { data, subset } = current();
  const wanted = words(state.sequenceText);
  const at = data.attributes.indexOf(subset.attribute);
  const through = data.sequences.map((_, i) => i).filter((i) =>
    (at < 0 || data.flags[i].includes(at)) && matches(wanted, `${data.sequences[i]} ${attributesOf(i)}`));
  const columns = sequenceColumns();
  const column = columns.find(({ key }) => key === state.sequenceSort.key) ?? columns.at(-1);
  return sorted(through, column.value, state.sequenceSort.descending);
}

function drawSequences() {
  const columns = sequenceColumns();
  const shown = shownSequences();
  const widest = Math.max(0.05, ...columns.filter(({ bar }) => bar).flatMap(({ value }) => shown.map(value).filter(known).map(Math.abs)));
  const focused = document.activeElement?.closest?.("#sequences thead") && document.activeElement.dataset.sort;
  by("sequences").tHead.replaceChildren(h("tr", {}, columns.map((column) => sortable(column, state.sequenceSort, drawSequences))));
  if (focused) focusOn(`#sequences [data-sort="${focused}"]`);
  by("sequences").tBodies[0].replaceChildren(...shown.map((sequence) => sequenceLine(sequence, columns, widest)));
  if (!shown.length) by("sequences").tBodies[0].append(h("tr", {}, h("td", { class: "text", colspan: columns.length }, "No sequence matches the filter.")));
  drawDifference();
}

function sequenceLine(sequence, columns, widest) {
  const { data } = current();
  return h("tr", { "data-sequence": sequence, class: sequence === state.sequence ? "selected" : null }, columns.map((column) => {
    const value = column.value(sequence);
    if (column.key === "name") return h("th", { scope: "row", class: "text" }, h("button", { type: "button", "aria-pressed": String(sequence === state.sequence) }, data.sequences[sequence]));
    if (column.text) return h("td", { class: "text attributes", title: data.flags[sequence].map((i) => data.meanings[data.attributes[i]]).join(", ") }, value ?? "");
    if (!known(value)) return h("td", { class: "unknown" }, "–");
    return column.bar ? h("td", {}, bar(value, widest), signed(value)) : h("td", {}, score(value));
  }));
}

/** A bar to the right for a gain, to the left for a loss. */
function bar(value, widest) {
  const length = (28 * Math.abs(value)) / widest;
  return svg("svg", { class: "bar-mark", width: 58, height: 10, "aria-hidden": "true" },
    svg("line", { x1: 29, x2: 29, y1: 0, y2: 10, class: "axis" }),
    svg("rect", { x: value < 0 ? 29 - length : 29, y: 2, width: length, height: 6, style: `fill:var(--${value < 0 ? "minus" : "plus"})` }));
}

/** The paired differences over all sequences, and how many sequences gain and lose. */
function drawDifference() {
  const { data, subset } = current();
  const [one, other] = pair();
  if (!other) { by("difference").replaceChildren(); return; }
  const said = Object.keys(data.pairs).map((metric) => [metric, difference(data, one.index, other.index, metric)]).filter(([, found]) => found)
    .map(([metric, { value, low, high, p }]) => `Δ${metricName(metric)} ${signed(value)}${known(low) ? ` [${signed(low)}, ${signed(high)}]` : ""}${known(p) ? `, ${chance(p)}` : ""}`);
  const tested = Object.keys(data.pairs).some((metric) => known(difference(data, one.index, other.index, metric)?.p));
  const gains = data.sequences.map((_, i) => onSequence(data, one, i, state.metric).mean - onSequence(data, other, i, state.metric).mean).filter(known);
  const won = gains.filter((gain) => gain > 0).length, lost = gains.filter((gain) => gain < 0).length;
  by("difference").replaceChildren(
    h("strong", {}, `${one.title} minus ${other.title}`), said.length ? `, all sequences: ${said.join("; ")}${tested ? " (p of each alone, not corrected)" : ""}. ` : ". ",
    h("span", { class: "muted" }, gains.length
      ? `${metricName(state.metric)} is higher on ${won} and lower on ${lost} of ${gains.length} sequences.`
      : `One of them has no ${metricName(state.metric)}.`,
      subset.attribute ? ` Listed are those with ${subset.attribute}.` : ""));
}

function drawChoices() {
  const options = (chosen, none) => [
    ...(none ? [h("option", { value: "", selected: chosen === undefined }, "nothing")] : []),
    ...rows.map((row) => h("option", { value: row.index, selected: row.index === chosen }, row.title)),
  ];
  by("first").replaceChildren(...options(state.selected[0], false));
  by("second").replaceChildren(...options(state.selected[1], true));
  by("metric").replaceChildren(...current().data.metrics.map((metric) =>
    h("option", { value: metric, selected: metric === state.metric }, metricName(metric))));
}

function wireSequences() {
  by("first").addEventListener("change", (event) => choose(0, event.target.value));
  by("second").addEventListener("change", (event) => choose(1, event.target.value));
  by("metric").addEventListener("change", (event) => { state.metric = event.target.value; refresh(); });
  by("sequence-filter").addEventListener("input", (event) => { state.sequenceText = event.target.value; drawSequences(); });
  const body = by("sequences").tBodies[0];
  body.addEventListener("click", (event) => {
    const line = event.target.closest("[data-sequence]");
    if (line) openSequence(Number(line.dataset.sequence));
  });
  body.addEventListener("keydown", (event) => {
    const line = event.target.closest("[data-sequence]");
    const next = { ArrowDown: line?.nextElementSibling, ArrowUp: line?.previousElementSibling }[event.key];
    if (!next) return;
    event.preventDefault();
    openSequence(Number(next.dataset.sequence));
  });
}

function openSequence(sequence) {
  state.sequence = sequence;
  drawSequences();
  drawScene();
  remember();
  focusOn(`[data-sequence="${sequence}"] button`);
}
