// The table of runs: which rows are shown, in which order, their scores and their seeds.

/** Rows that the filters let through, in the table's order. */
function shownRows() {
  const wanted = words(state.text);
  const through = rows.filter((row) =>
    state.groups.has(groupOf(row)) && matches(wanted, `${row.title} ${row.run} ${row.kind} ${row.regime} ${row.terms.join(" ")}`));
  const column = columnsOf().find(({ key }) => key === state.sort.key) ?? columnsOf()[0];
  return sorted(through, column.value, state.sort.descending);
}

/** What the chips switch: kinds, and each regime's students apart. */
const groupOf = (row) => (row.regime ? `${row.kind}, ${row.regime}` : row.kind);

function columnsOf() {
  const { subset, data } = current();
  const scores = data.metrics.map((metric) => ({
    key: metric, head: metricName(metric).replace(" IoU", ""), meaning: about.metrics[metric].meaning, metric,
    value: (row) => subset.points[metric][row.index],
  }));
  const costs = [
    { key: "fps", head: "FPS", meaning: "frames a second, as profiled", value: (row) => data.costs.fps[row.index], show: (v) => v.toFixed(0) },
    { key: "parameters", head: "Par. (M)", meaning: "parameters in millions", value: (row) => data.costs.parameters[row.index],
      show: (v) => (v / 1e6).toFixed(2) },
  ].filter(({ value }) => rows.some((row) => known(value(row))));
  return [
    { key: "title", head: "Run", text: true, class: "title", value: (row) => row.title },
    { key: "kind", head: "Kind", meaning: "and regime of training", text: true, value: groupOf },
    ...about.parts.map(({ key, head, meaning }) => ({ key, head, meaning, tick: true, value: (row) => Number(row.ticks[key]) })),
    ...scores,
    ...costs,
    { key: "seeds", head: "Seeds", meaning: "training seeds", value: (row) => row.seeds.length, show: String },
    { key: "place", head: "No.", meaning: "order of the configuration", value: (row) => row.index + 1, show: String },
  ];
}

function drawTable() {
  const columns = columnsOf();
  const shown = shownRows();
  const marks = Object.fromEntries(columns.filter(({ metric }) => metric).map(({ key, value }) => [key, bestTwo(shown, value)]));
  const range = forestRange(shown);
  const focused = document.activeElement?.closest?.("#table thead") && document.activeElement.dataset.sort;
  by("table").tHead.replaceChildren(h("tr", {}, columns.map((column) => sortable(column, state.sort, refresh))));
  if (focused) focusOn(`#table [data-sort="${focused}"]`);
  by("table").tBodies[0].replaceChildren(...shown.flatMap((row) => [
    runLine(row, columns, marks, range),
    ...(state.open.has(row.index) ? row.seeds.map((_, k) => seedLine(row, k, columns)) : []),
  ]));
  by("shown").textContent = `${shown.length} of ${rows.length} rows on ${current().subset.count} of ${current().data.sequences.length} test sequences`
    + (!shown.length ? ": nothing matches the filter." : shown.some(({ ranked }) => ranked) ? `; best of ${shown.every(({ ranked }) => ranked) ? "them" : "those that are ranked"} in bold, second underlined.` : ".");
}

/** The numbers, as printed, that are best and second best. */
function bestTwo(shown, value) {
  const ranked = shown.filter((row) => row.ranked && known(value(row))).map((row) => score(value(row)));
  return [...new Set(ranked)].sort().reverse().slice(0, 2);
}

function runLine(row, columns, marks, range) {
  const selected = state.selected.includes(row.index);
  const several = row.seeds.length > 1;
  const open = state.open.has(row.index);
  const expand = several
    ? h("button", { type: "button", class: "expand", "aria-expanded": String(open), "aria-label": `seeds of ${row.title}`,
        onclick: (event) => { event.stopPropagation(); toggle(state.open, row.index); drawTable(); focusOn(`tr[data-row="${row.index}"] .expand`); } },
        open ? "▾" : "▸")
    : h("span", { class: "expand" });
  const pick = h("button", { type: "button", class: "pick", "aria-pressed": String(selected), title: row.description || null },
    swatch(row), row.title);
  return h("tr", { "data-row": row.index, "data-run": row.run, class: selected ? "selected" : null },
    columns.map((column) => {
      if (column.key === "title") return h("th", { scope: "row", class: "text" }, h("span", { class: "pick" }, expand, pick));
      if (column.text) return h("td", { class: "text" }, row.kind, row.regime ? h("span", { class: "interval" }, row.regime) : null);
      if (column.tick) return h("td", { class: "tick" }, column.value(row) ? "✓" : "");
      if (column.metric) return scoreCell(row, column, marks[column.key], range);
      return h("td", known(column.value(row)) ? {} : { class: "unknown" }, known(column.value(row)) ? column.show(column.value(row)) : "–");
    }));
}

function scoreCell(row, { metric, value }, [best, second], range) {
  const point = value(row);
  if (!known(point)) return h("td", { class: "unknown" }, "–");
  const { low, high } = current().subset;
  const [from, to] = [low[metric][row.index], high[metric][row.index]];
  const kind = row.ranked && score(point) === best ? "best" : row.ranked && score(point) === second ? "second" : null;
  return h("td", {}, h("span", { class: kind }, score(point)),
    h("span", { class: "interval" }, known(from) ? `${score(from)}–${score(to)}` : "–"),
    metric === "SR" && known(from) ? forest(point, from, to, range) : null);
}

function seedLine(row, k, columns) {
  const { data, subset } = current();
  return h("tr", { class: "seed", "data-row": row.index, "data-seed": k }, columns.map((column) => {
    if (column.key === "title") return h("th", { scope: "row", class: "text" }, `seed ${row.seeds[k]}`);
    if (column.metric) return h("td", {}, score(subset.seeds[column.metric][data.column[row.index] + k]));
    return h("td", {});
  }));
}

/** Least lower and greatest upper bound of SR among the shown rows; controls count where there is nothing else. */
function forestRange(shown) {
  const { low, high } = current().subset;
  const counted = shown.some((row) => row.kind !== "control") ? shown.filter((row) => row.kind !== "control") : shown;
  const bounds = counted.flatMap((row) => [low.SR[row.index], high.SR[row.index]]).filter(known);
  return [Math.min(...bounds), Math.max(...bounds)];
}

/** The interval as a line with a dot, on the common scale; nothing where it lies beyond. */
function forest(point, from, to, [least, most]) {
  if (from < least || to > most) return null;
  const x = (value) => 3 + (72 * (value - least)) / (most - least || 1);
  return svg("svg", { class: "forest", width: 78, height: 8, "aria-hidden": "true" },
    svg("line", { x1: 1, x2: 77, y1: 4, y2: 4, class: "grid" }),
    svg("line", { x1: x(from), x2: x(to), y1: 4, y2: 4, style: "stroke:var(--muted)", "stroke-width": 1.6 }),
    svg("circle", { cx: x(point), cy: 4, r: 2.6, style: "fill:var(--ink)" }));
}

function drawChips() {
  const groups = [...new Set(rows.map(groupOf))];
  by("kinds").replaceChildren(...(groups.length < 2 ? [] : groups.map((group) => h("button", {
    type: "button", "aria-pressed": String(state.groups.has(group)), "data-group": group,
    onclick: () => { toggle(state.groups, group); drawChips(); refresh(); focusOn(`[data-group="${group}"]`); },
  }, group))));
}
