// The embedded data, unpacked; small helpers that make elements and numbers.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const about = read("about");
const rows = about.rows.map((row, index) => ({ ...row, index }));
const opened = new Map(); // benchmarks and pictures are parsed when they are first shown

function bytes(text) {
  const binary = atob(text);
  const array = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) array[i] = binary.charCodeAt(i);
  return array;
}

/** Shares of 1 as `packing.shares` wrote them; NaN where there is none. */
function shares(text) {
  const packed = new Uint16Array(bytes(text).buffer);
  return Float32Array.from(packed, (v) => (v === about.steps.missing ? NaN : v / about.steps.share));
}

/** Boxes in pixels, four numbers each; NaN where there is none. */
function pixels(text) {
  const packed = new Int16Array(bytes(text).buffer);
  return Float32Array.from(packed, (v) => (v === about.steps.noBox ? NaN : v / about.steps.pixel));
}

function overlaps(text) {
  return Float32Array.from(bytes(text), (v) => (v === about.steps.noOverlap ? NaN : v / about.steps.overlap));
}

/** One benchmark with its arrays: values[metric][column][sequence], curves of each subset and of each seed. */
function benchmark(name) {
  if (opened.has(name)) return opened.get(name);
  const data = read(`benchmark-${name}`);
  data.column = []; // of a row's first seed
  data.columns = rows.reduce((count, row) => (data.column.push(count), count + row.seeds.length), 0);
  const values = shares(data.values);
  const count = data.sequences.length;
  data.values = Object.fromEntries(data.metrics.map((metric, m) => [metric, Array.from({ length: data.columns }, (_, c) =>
    values.subarray((m * data.columns + c) * count, (m * data.columns + c + 1) * count))]));
  for (const curves of [...data.subsets.map((subset) => subset.curves), data.seed_curves]) {
    for (const { kind, thresholds } of about.curves) {
      const packed = shares(curves[kind]);
      curves[kind] = Array.from({ length: packed.length / thresholds.length }, (_, i) =>
        packed.subarray(i * thresholds.length, (i + 1) * thresholds.length));
    }
  }
  opened.set(name, data);
  return data;
}

function pictures(name) {
  const key = `pictures-${name}`;
  if (!opened.has(key)) opened.set(key, read(key));
  return opened.get(key);
}

/** A row's score on one sequence: the mean, least and greatest value over its seeds. */
function onSequence(data, row, sequence, metric) {
  const all = row.seeds.map((_, k) => data.values[metric][data.column[row.index] + k][sequence]);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  return { mean, least: Math.min(...all), most: Math.max(...all) };
}

/** Row minus row over all sequences, as the tables compute it: value, low, high, p (null where there is none); null for a row and itself. */
function difference(data, one, other, metric) {
  if (one === other || !data.pairs[metric]) return null;
  const [i, j] = one < other ? [one, other] : [other, one];
  const [value, low, high, p] = data.pairs[metric][i * rows.length - (i * (i + 1)) / 2 + (j - i - 1)];
  if (value === null) return null;
  if (one < other || low === null) return { value: one < other ? value : -value, low, high, p };
  return { value: -value, low: -high, high: -low, p };
}

// --- elements -------------------------------------------------------------------------------------

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const h = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const by = (id) => document.getElementById(id);

// --- how rows and numbers look ---------------------------------------------------------------------

const colour = (row) => `var(--look${row.look % about.looks})`;
const dash = (row) => about.dashes[row.look % about.dashes.length] || null;
const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
const score = (value) => (known(value) ? value.toFixed(3) : "–");
const signed = (value, digits = 3) => {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : (value < 0 ? "−" : "+") + text;
};
const chance = (p) => (p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`);
const counted = (number) => `${number} ${number === 1 ? "sequence" : "sequences"}`;
const metricName = (metric) => about.metrics[metric].name;

/** The line with which a row is drawn everywhere. */
const swatch = (row) => svg("svg", { class: "swatch", width: 26, height: 10, "aria-hidden": "true" },
  svg("line", { x1: 1, x2: 25, y1: 5, y2: 5, "stroke-width": 2.2, style: `stroke:${colour(row)}`, "stroke-dasharray": dash(row) }));

/** Values in order, those that are not known last in both directions, equal ones as they were. */
function sorted(items, valueOf, descending) {
  return items.map((item, place) => ({ item, place, value: valueOf(item) })).sort((a, b) => {
    const [first, second] = [known(a.value), known(b.value)];
    if (!first || !second) return second - first || a.place - b.place;
    const order = typeof a.value === "string" ? a.value.localeCompare(b.value, "en", { numeric: true }) : a.value - b.value;
    return (descending ? -order : order) || a.place - b.place;
  }).map(({ item }) => item);
}

/** A head that sorts: the first press takes the usual direction, the next ones turn it round. */
function sortable(column, sort, apply) {
  const active = sort.key === column.key;
  const press = () => {
    sort.descending = active ? !sort.descending : !column.text;
    sort.key = column.key;
    apply();
  };
  return h("th", {
    scope: "col", class: [column.text && "text", column.class].filter(Boolean).join(" ") || null, title: column.meaning,
    "aria-sort": active ? (sort.descending ? "descending" : "ascending") : null,
  }, h("button", { type: "button", "data-sort": column.key, onclick: press }, column.head));
}

const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
const matches = (wanted, text) => wanted.every((word) => text.toLowerCase().includes(word));
