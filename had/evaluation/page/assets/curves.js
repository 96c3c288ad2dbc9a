// Success, precision and normalised precision: the shown rows in grey, those that are selected or pointed at in colour.

const PLOT = { width: 400, height: 280, left: 40, right: 10, top: 10, bottom: 38 };
const plotX = (share) => PLOT.left + share * (PLOT.width - PLOT.left - PLOT.right);
const plotY = (value) => PLOT.height - PLOT.bottom - value * (PLOT.height - PLOT.top - PLOT.bottom);

/** The points of a line, broken where a value is not known. */
function path(xs, ys) {
  let text = "", pen = false;
  xs.forEach((x, i) => {
    if (Number.isNaN(ys[i])) { pen = false; return; }
    text += `${pen ? "L" : "M"}${x.toFixed(1)} ${ys[i].toFixed(1)}`;
    pen = true;
  });
  return text;
}

/** Rows in colour: the selected ones, then the one that is pointed at. */
function highlighted() {
  const chosen = state.selected.map((index) => rows[index]);
  if (state.hovered && !chosen.includes(rows[state.hovered.row])) chosen.push(rows[state.hovered.row]);
  return chosen;
}

function axes(label, labelOf) {
  return [
    [0, 0.2, 0.4, 0.6, 0.8, 1].map((y) => [
      svg("line", { class: "grid", x1: plotX(0), x2: plotX(1), y1: plotY(y), y2: plotY(y) }),
      svg("text", { x: plotX(0) - 6, y: plotY(y) + 4, "text-anchor": "end" }, y.toFixed(1)),
    ]),
    [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => svg("text", { x: plotX(share), y: plotY(0) + 15, "text-anchor": "middle" }, labelOf(share))),
    svg("path", { class: "axis", d: `M${plotX(0)} ${plotY(1)}V${plotY(0)}H${plotX(1)}` }),
    svg("text", { x: plotX(0.5), y: PLOT.height - 6, "text-anchor": "middle" }, label),
  ];
}

function drawCurves() {
  const { subset, data } = current();
  const plot = about.curves[state.plot];
  const last = plot.thresholds.length - 1;
  const xs = plot.thresholds.map((_, i) => plotX(i / last));
  const lineOf = (values) => path(xs, Array.from(values, plotY));
  const chosen = highlighted();
  const pointed = state.hovered && rows[state.hovered.row];
  const others = shownRows().filter((row) => !chosen.includes(row));
  const colours = (row) => ({ style: `stroke:${colour(row)}`, "stroke-dasharray": dash(row) });
  const seeds = pointed && pointed.seeds.length > 1 && !subset.attribute ? pointed.seeds.map((_, k) => k) : [];
  const parts = [
    axes(plot.axis, (share) => Number((share * plot.thresholds[last]).toFixed(2))),
    others.map((row) => svg("path", { class: "curve", "data-curve": row.run, d: lineOf(subset.curves[plot.kind][row.index]) })),
    seeds.map((k) => svg("path", {
      class: `curve seed${state.hovered.seed === k ? " hovered" : ""}`, style: `stroke:${colour(pointed)}`,
      d: lineOf(data.seed_curves[plot.kind][data.column[pointed.index] + k]) })),
    chosen.map((row) => svg("path", {
      class: `curve chosen${row === pointed ? " hovered" : ""}`, "data-curve": row.run, ...colours(row),
      d: lineOf(subset.curves[plot.kind][row.index]) })),
  ];
  if (state.cursor !== null) {
    const i = Math.min(state.cursor, last);
    parts.push(svg("line", { class: "cursor", x1: xs[i], x2: xs[i], y1: plotY(0), y2: plotY(1) }));
    for (const row of chosen) {
      const value = subset.curves[plot.kind][row.index][i];
      if (known(value)) parts.push(svg("circle", { class: "dot", r: 3.4, cx: xs[i], cy: plotY(value), style: `fill:${colour(row)}` }));
    }
  }
  by("plot").replaceChildren(svg("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, "aria-hidden": "true" }, parts));
  by("plot").setAttribute("aria-label", `${plot.title} plot of ${chosen.map((row) => row.title).join(", ")}; arrow keys read values`);
  drawLegend(plot, chosen, pointed);
}

/** The coloured rows with their score, or with their values where the cursor is. */
function drawLegend(plot, chosen, pointed) {
  const { subset } = current();
  const at = state.cursor === null ? null : Math.min(state.cursor, plot.thresholds.length - 1);
  const valueOf = (row) => (at === null ? subset.points[plot.score][row.index] : subset.curves[plot.kind][row.index][at]);
  const said = at === null
    ? `${plot.score} of the coloured rows; point at the plot to read it`
    : `${plot.title}; ${plot.axis}: ${Number(plot.thresholds[at].toFixed(2))}`;
  by("legend").replaceChildren(h("table", {}, h("caption", {}, said), h("tbody", {},
    sorted(chosen, valueOf, true).map((row) => h("tr", { class: row === pointed ? "hovered" : null },
      h("td", { class: "text" }, swatch(row), " ", row.title), h("td", {}, score(valueOf(row))))))));
}

/** The threshold under the pointer, and the row whose curve is nearest to it there. */
function pointAt(event) {
  const box = by("plot").firstChild.getBoundingClientRect();
  const scale = PLOT.width / box.width;
  const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  const plot = about.curves[state.plot];
  const last = plot.thresholds.length - 1;
  const i = Math.round(Math.max(0, Math.min(1, (x - plotX(0)) / (plotX(1) - plotX(0)))) * last);
  const { subset } = current();
  const far = (row) => Math.abs(plotY(subset.curves[plot.kind][row.index][i]) - y);
  const candidates = [...new Set([...shownRows(), ...state.selected.map((index) => rows[index])])];
  const nearest = candidates.length ? candidates.reduce((a, b) => (far(b) < far(a) ? b : a)) : null;
  state.cursor = i;
  hover(nearest && far(nearest) < 12 ? { row: nearest.index } : null);
}

function wireCurves() {
  by("plots").append(...about.curves.map((plot, i) => h("label", {},
    h("input", { type: "radio", name: "plot", value: i, checked: i === state.plot, onchange: () => { state.plot = i; state.cursor = null; drawCurves(); } }),
    plot.title)));
  by("plot").addEventListener("pointermove", pointAt);
  by("plot").addEventListener("pointerdown", pointAt);
  by("plot").addEventListener("pointerleave", () => { state.cursor = null; hover(null); });
  by("plot").addEventListener("click", () => state.hovered && select(state.hovered.row));
  by("plot").addEventListener("blur", () => { state.cursor = null; drawCurves(); });
  by("plot").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const last = about.curves[state.plot].thresholds.length - 1;
    state.cursor = Math.max(0, Math.min(last, (state.cursor ?? (step > 0 ? -1 : last + 1)) + step));
    by("legend").setAttribute("aria-live", "polite");
    drawCurves();
  });
}
