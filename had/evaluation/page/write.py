"""Results of an experiment -> ``index.html``: one file with everything in it, which asks nothing of a network.

The page's own text, style and script are the files in ``assets/``; the data stand in the page as JSON. Its
Content-Security-Policy forbids the browser to load anything from elsewhere.
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from had import __version__
from had.config import dump
from had.data.layouts import layout_of
from had.errors import DataError
from had.evaluation import style
from had.evaluation.benchmark import gather
from had.evaluation.figures import scenes as figures
from had.evaluation.one_seed import comparable, one_seed_sentence
from had.evaluation.page import packing
from had.evaluation.page.scenes import in_order_of_spread, pictures_of, scenes_of
from had.evaluation.page.scores import CURVES, METRICS, scores_of
from had.evaluation.refused import refusals, scored
from had.evaluation.rows import REFERENCE, rows_of
from had.evaluation.statistics import LEVEL
from had.evaluation.ticks import ticked, ticks
from had.files import atomic_file
from had.identity import digest
from had.options.experiment import Experiment

log = logging.getLogger(__name__)

SCRIPTS = ("data.js", "table.js", "curves.js", "sequences.js", "scene.js", "page.js")
"""Concatenated in this order."""


def write_page(experiment: Experiment, output: Path) -> None:
    """Write the page of all benchmarks of an experiment.

    Args:
        experiment: the configuration whose results are read; its section `page` limits the size.
        output: the HTML file; it appears whole or not at all. Films stay files of their own beside it, which it shows.

    Raises:
        DataError: no rows, or one of them was not evaluated.
    """
    if not rows_of(experiment):
        raise DataError("rows to show", "neither runs, controls nor external trackers", "configure some of them")
    whole, experiment = experiment, _of_scored_benchmarks(experiment)
    if not experiment.benchmarks:
        return _write_why_nothing(whole, output)
    parts = {"about": _about(experiment)}
    pictures, sizes = {}, {}
    for benchmark in experiment.benchmarks:
        scores = scores_of(experiment, benchmark)
        parts[f"benchmark-{benchmark}"] = {
            **_named(experiment, benchmark),
            **scores,
            "scenes": scenes_of(experiment, benchmark, scores["sequences"]),
            "films": _films(experiment, benchmark, scores["sequences"], Path(output).parent),
        }
        budget = experiment.page.megabytes * 1e6 / len(experiment.benchmarks)
        names = in_order_of_spread(_mean_scores(experiment, benchmark, scores["sequences"]), scores["sequences"])
        pictures[f"pictures-{benchmark}"] = pictures_of(experiment, benchmark, names, budget)
        sizes[benchmark] = f"frames of {len(pictures[f'pictures-{benchmark}'])} of {len(names)} sequences"
    text = _assembled("HAD: results", parts | pictures)
    with atomic_file(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    said = "; ".join(f"{layout_of(benchmark).title}: {what}" for benchmark, what in sizes.items())
    log.info("%s: %.1f MB; %s", output, len(text.encode()) / 1e6, said)


def _of_scored_benchmarks(experiment: Experiment) -> Experiment:
    """The experiment on those benchmarks on which any row could be scored."""
    kept = {name: source for name, source in experiment.benchmarks.items() if rows_of(scored(experiment, name))}
    return experiment.model_copy(update={"benchmarks": kept})


def _write_why_nothing(experiment: Experiment, output: Path) -> None:
    """A page of sentences: old numbers would be wrong ones."""
    said = [f"{why}." for benchmark in experiment.benchmarks for why in refusals(experiment, benchmark).values()]
    text = "\n".join(f"<p>{html.escape(sentence)}</p>" for sentence in ["No row could be scored.", *said])
    with atomic_file(output) as temporary:
        temporary.write_text(f'<!doctype html><meta charset="utf-8"><title>HAD: results</title>\n{text}\n', "utf-8")


def _about(experiment: Experiment) -> dict[str, Any]:
    """What all benchmarks have in common."""
    moved = experiment.model_copy(update={"results": Path("results")})  # the place does not change a score
    rows = rows_of(experiment)
    shown = [row.run for row in figures.shown_rows(experiment)]
    return {
        "version": __version__,
        "digest": digest(moved),
        "configuration": dump(moved),
        "conventions": _conventions(experiment),
        "above": one_seed_sentence(rows),
        "metrics": {name: {"name": _short(name), "meaning": meaning} for name, meaning in METRICS.items()},
        "curves": [
            {"kind": kind, "title": title, "axis": axis, "score": score, "thresholds": thresholds.round(6).tolist()}
            for kind, (title, axis, thresholds, score) in CURVES.items()
        ],
        "rows": [
            {
                "run": row.run,
                "title": row.title,
                "kind": row.kind,
                "regime": experiment.regimes[row.regime].title if row.regime else "",
                "seeds": row.seeds,
                "look": row.look,
                "description": experiment.runs[row.run].description if row.run in experiment.runs else "",
                "terms": experiment.runs[row.run].terms if row.run in experiment.runs else (),
                "ticks": ticks(experiment, row),
                "ranked": fair and row.run != "ground_truth",
            }
            for row, fair in zip(rows, comparable(rows), strict=True)
        ],
        "parts": [
            {"key": key, "head": part.head, "meaning": part.meaning} for key, part in ticked(experiment, rows).items()
        ],
        "looks": len(style.COLOURS),
        "dashes": ["" if dash == "-" else " ".join(str(2 * on) for on in dash[1]) for dash in style.DASHES],
        # The first two are compared: a run, and what it is held against.
        "selected": sorted(shown, key=lambda run: run == REFERENCE)[:1] + [r for r in (REFERENCE,) if r in shown],
        "steps": {
            "share": packing.STEPS, "pixel": packing.PIXEL_STEPS, "overlap": packing.OVERLAP_STEPS,
            "missing": packing.MISSING, "noBox": packing.NO_BOX, "noOverlap": packing.NO_OVERLAP,
        },
    }  # fmt: skip


def _short(metric: str) -> str:
    return "One-shot IoU" if metric == "one_shot_iou" else metric


def _conventions(experiment: Experiment) -> list[str]:
    """How the numbers came about, a sentence or two each."""
    seeds = ", ".join(map(str, experiment.seeds))
    fewer = "; ".join(f"{', '.join(map(str, own))} of {run}" for run, own in experiment.run_seeds.items())
    meant = "; ".join(f"{_short(name)}: {meaning}" for name, meaning in METRICS.items())
    return [
        f"{meant}. All are fractions of 1.",
        "A perfect track reaches an SR of 20/21 = 0.952 (more where rounding lifts an overlap above 1, less where "
        "frames lack the target). Frames without target are never hits and count in the divisor.",
        "Scores over sequences are the official toolkits': means in which the sequences count whose curve is not all "
        "zero for that tracker. Curves are the means of the same sequences.",
        f"Small under a score: its {LEVEL:.0%} percentile bootstrap interval over sequences, "
        f"{experiment.evaluation.resamples} resamples, seed {experiment.evaluation.seed}; – over one sequence. p of a "
        "difference: two-sided paired bootstrap over the same sequences, not corrected for the number of comparisons "
        "that one looks at; none of a row with one training seed.",
        f"Training seeds {seeds}{f' ({fewer})' if fewer else ''}; scores are means over them. Intervals and p hold "
        "for these trained networks: another training seed adds a spread of its own.",
        "Boxes and overlaps over time are those of the first seed.",
    ]


def _named(experiment: Experiment, benchmark: str) -> dict[str, Any]:
    layout = layout_of(benchmark)
    simulated = experiment.source(benchmark).root is None
    missing = refusals(experiment, benchmark)
    note = " ".join([layout.note, *(f"{sentence}." for sentence in missing.values())]).strip()
    return {"title": layout.title, "note": note, "simulated": simulated, "aliases": layout.aliases}


def _mean_scores(experiment: Experiment, benchmark: str, names: list[str]) -> np.ndarray:
    """(S,) mean SR of all rows."""
    table = gather(experiment, benchmark)
    return table[table["metric"] == "SR"].groupby("sequence")["value"].mean().reindex(names).to_numpy()


def _films(experiment: Experiment, benchmark: str, names: list[str], place: Path) -> dict[str, str]:
    """Sequence -> its film's address as seen from the page; the benchmark's one film shows the middle sequence."""
    folder = experiment.results / "videos"
    files = {name: folder / benchmark / f"{name}.webm" for name in names}
    films = {name: path for name, path in files.items() if path.is_file()}
    whole = folder / f"{benchmark}.webm"
    if whole.is_file():
        runs = [row.run for row in figures.shown_rows(scored(experiment, benchmark))]
        middle = figures.spread_sequences(figures.sequence_scores(experiment, benchmark), runs, 1)[0]
        films.setdefault(middle, whole)
    return {name: quote(Path(os.path.relpath(path, place)).as_posix()) for name, path in films.items()}


def _assembled(title: str, parts: dict[str, Any]) -> str:
    """The template with style, script and data in their places."""
    asset = {path.name: path.read_text("utf-8") for path in resources.files(__package__).joinpath("assets").iterdir()}
    filled = {
        "title": html.escape(title),
        "style": f"{_colours()}\n{asset['page.css']}",
        "data": "\n".join(_embedded(name, content) for name, content in parts.items()),
        "script": "\n".join(asset[name] for name in SCRIPTS),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: filled[place[1]], asset["template.html"])


def _colours() -> str:
    """The rows' colours as the figures have them; `page.css` lightens the dark ones on a dark ground."""
    return f":root {{ {' '.join(f'--look{i}: {colour};' for i, colour in enumerate(style.COLOURS))} }}"


def _embedded(name: str, content: Any) -> str:
    """JSON in an element that browsers do not run; no text in it can end the element or begin another."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f'<script type="application/json" id="{html.escape(name)}">{text}</script>'
