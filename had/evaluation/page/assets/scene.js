// One sequence: its frames with the boxes of the selected rows, their overlap over time, everybody's scores.

function drawScene() {
  const { data } = current();
  const sequence = state.sequence;
  if (sequence === null) {
    by("scene").replaceChildren(h("p", { class: "muted" }, "Choose a sequence to see its frames, boxes and overlaps."));
    return;
  }
  const scene = Object.fromEntries(Object.entries(data.scenes).map(([key, values]) => [key, values[sequence]]));
  const name = data.sequences[sequence];
  const film = data.films[name];
  const facts = [
    scene.frames && `${scene.frames} frames`, scene.size && `${scene.size[0]} × ${scene.size[1]} pixels`,
    data.flags[sequence].map((i) => data.meanings[data.attributes[i]]).join(", ") || (data.attributes.length ? "no attribute" : null),
  ].filter(Boolean).join(" · ");
  by("scene").replaceChildren(...[
    h("h3", {}, name),
    h("p", { class: "facts" }, facts),
    film ? h("video", { controls: true, preload: "metadata", src: film, "aria-label": `film of ${name} with all boxes` }) : null,
    ...(scene.boxes ? [frames(scene, name), ...timeline(scene)] : [h("p", { class: "muted" }, "The ground truth was not there when this page was made: scores only.")]),
    sceneTable(sequence),
  ]);
}

function frames(scene, name) {
  const images = pictures(state.benchmark)[name];
  const boxes = pixels(scene.boxes);
  const shown = state.selected.map((index) => rows[index]);
  const boxOf = (owner, k) => boxes.subarray((owner * scene.shown.length + k) * 4, (owner * scene.shown.length + k + 1) * 4);
  return h("div", {},
    scene.shown.length && !images ? h("p", { class: "note" }, "Frames of this sequence are not embedded: not prepared, or beyond the page's size (page.megabytes).") : null,
    h("div", { class: "frames" }, scene.shown.map((number, k) => h("figure", {},
      h("div", { class: "frame", style: `aspect-ratio:${scene.size[0]}/${scene.size[1]}` },
        images ? h("img", { src: images[k], alt: `${name}, frame ${number + 1}` }) : null,
        svg("svg", { viewBox: `0 0 ${scene.size[0]} ${scene.size[1]}`, "aria-hidden": "true" },
          shown.map((row) => rectangles(boxOf(row.index + 1, k), { class: "halo" }, { class: "box", "data-box": row.run, style: `stroke:${colour(row)}` })),
          rectangles(boxOf(0, k), { class: "truth-halo" }, { class: "truth", "data-box": "truth" }))),
      h("figcaption", {}, `frame ${number + 1}${scene.absent.includes(number) ? ", target absent" : ""}`)))),
    h("p", { class: "key" },
      scene.shown.length ? h("span", {}, svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
        svg("line", { x1: 1, x2: 25, y1: 5, y2: 5, "stroke-width": 2.2, "stroke-dasharray": "4 3", style: "stroke:var(--truth)" })), "ground truth") : null,
      shown.map((row) => h("span", {}, swatch(row), row.title))));
}

function rectangles([x, y, width, height], ...looks) {
  if (!(width > 0 && height > 0)) return [];
  return looks.map((look) => svg("rect", { x, y, width, height, ...look }));
}

/** Overlap with the ground truth over the frames; a gap where the target is absent or its box is not scored. */
function timeline(scene) {
  const values = overlaps(scene.overlaps);
  const { moments } = scene;
  const last = Math.max(1, scene.frames - 1);
  const size = { width: innerWidth < 640 ? 380 : 640, height: 170, left: 36, right: 8, top: 8, bottom: 34 };
  const x = (frame) => size.left + (frame / last) * (size.width - size.left - size.right);
  const y = (value) => size.height - size.bottom - value * (size.height - size.top - size.bottom);
  const xs = moments.map(x);
  return [svg("svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "img", "aria-label": "Overlap of the selected rows over the frames" },
    [0, 0.5, 1].map((v) => [
      svg("line", { class: "grid", x1: x(0), x2: x(last), y1: y(v), y2: y(v) }),
      svg("text", { x: x(0) - 6, y: y(v) + 4, "text-anchor": "end" }, v.toFixed(1)),
    ]),
    scene.shown.map((number) => [
      svg("line", { class: "axis", x1: x(number), x2: x(number), y1: y(0), y2: y(0) + 4 }),
      svg("text", { x: x(number), y: y(0) + 16, "text-anchor": x(number) > size.width - 24 ? "end" : "middle" }, String(number + 1)),
    ]),
    svg("text", { x: x(last / 2), y: size.height - 4, "text-anchor": "middle" }, "Frame; overlap with the ground truth, first seed"),
    state.selected.map((index) => svg("path", {
      class: "curve chosen", style: `stroke:${colour(rows[index])}`, "stroke-dasharray": dash(rows[index]),
      d: path(xs, Array.from(values.subarray(index * moments.length, (index + 1) * moments.length), y)) })))];
}

/** All shown rows on this sequence; pressing one draws its boxes. */
function sceneTable(sequence) {
  const { data } = current();
  const listed = sorted(shownRows(), (row) => onSequence(data, row, sequence, state.metric).mean, true);
  const cell = (row, metric) => {
    const { mean, least, most } = onSequence(data, row, sequence, metric);
    if (!known(mean)) return h("td", { class: "unknown" }, "–");
    return h("td", {}, score(mean), row.seeds.length > 1 ? h("span", { class: "interval" }, `${least.toFixed(2)}–${most.toFixed(2)}`) : null);
  };
  return h("div", { class: "scroll" }, h("table", { id: "scene-table" },
    h("thead", {}, h("tr", {}, h("th", { class: "text", scope: "col" }, "Run (range over seeds below)"),
      data.metrics.map((metric) => h("th", { scope: "col", title: about.metrics[metric].meaning }, metricName(metric))))),
    h("tbody", {}, listed.map((row) => h("tr", { "data-row": row.index, class: state.selected.includes(row.index) ? "selected" : null },
      h("th", { scope: "row", class: "text" }, h("button", { type: "button", class: "pick", "aria-pressed": String(state.selected.includes(row.index)) }, swatch(row), row.title)),
      data.metrics.map((metric) => cell(row, metric)))))));
}

function wireScene() {
  by("scene").addEventListener("click", (event) => {
    const line = event.target.closest("tr[data-row]");
    if (!line) return;
    select(Number(line.dataset.row));
    focusOn(`#scene-table tr[data-row="${line.dataset.row}"] button`);
  });
}
