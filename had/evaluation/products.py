"""Results -> one of the paper's tables or figures, by its name, in all its formats.

Light: a family's file, and with it pandas or matplotlib, is imported when something of it is made.
"""

from __future__ import annotations

import logging
import re
from importlib import import_module
from pathlib import Path

from had.data.layouts import canonical_name, layout_of
from had.errors import ConfigError, nearest
from had.evaluation.published import published_scores
from had.evaluation.refused import refusals, scored
from had.evaluation.rows import compared_pairs, rows_of, shows_frames, started_rows
from had.options.experiment import Experiment

log = logging.getLogger(__name__)

KINDS = {
    "table": {
        "main": "tables",
        "ablation": "tables",
        "attributes": "attributes",
        "cost": "tables",
        "comparisons": "study",
        "runs": "study",
        "sequences": "sequences",
        "published": "published_table",
        "robustness": "robustness",
    },
    "figure": {
        "success": "figures.curves",
        "precision": "figures.curves",
        "normalized_precision": "figures.curves",
        "boc": "figures.boc",
        "ranks": "figures.ranks",
        "attributes": "figures.attributes",
        "attribute_bars": "figures.attribute_bars",
        "sequences": "figures.sequences",
        "failures": "figures.failures",
        "ablation": "figures.ablation",
        "losses": "figures.losses",
        "strips": "figures.strips",
        "responses": "figures.responses",
        "speed": "figures.speed",
        "comparisons": "figures.comparisons",
        "robustness": "figures.robustness",
    },
}
"""The tables and figures there are, and the family that makes each."""
OF_NETWORKS = {
    "table": ("ablation", "cost", "runs"),
    "figure": ("ablation", "losses", "responses", "speed"),
}
"""Those that say nothing without a trained run."""


_UNFIT = re.compile(r"[^A-Za-z0-9_.+-]")
"""What a label of LaTeX cannot hold."""


def applicable(what: str, experiment: Experiment, benchmark: str) -> list[str]:
    """The tables or figures that the configuration gives something to show, in the order of `KINDS`.

    Without any row there is none, without networks none of networks, and none of attributes where the benchmark
    publishes no attributes; with external trackers alone none that shows frames. Comparisons are made where some were
    planned, sequences where two rows can be compared, robustness where starts were asked for and a row of ours is
    tracked from them. `responses` also needs a network among ``figures.runs``, `boc` baselines, `published`
    published scores.

    Args:
        what: ``table`` or ``figure``.
        experiment: the configuration.
        benchmark: any accepted name.
    """
    if not rows_of(experiment):
        return []
    absent = set() if experiment.runs else set(OF_NETWORKS[what])
    if not layout_of(benchmark).attributes:
        absent |= {"attributes", "attribute_bars"}
    if experiment.tracking.starts is None or not started_rows(experiment):
        absent.add("robustness")
    if not experiment.evaluation.comparisons:
        absent.add("comparisons")
    if experiment.figures.runs and not set(experiment.figures.runs) & set(experiment.runs):
        absent.add("responses")
    if not shows_frames(experiment):
        absent |= {"strips", "failures"}
    if not compared_pairs(experiment):
        absent.add("sequences")
    source = experiment.benchmarks.get(canonical_name(benchmark))
    if source is None or source.baselines is None:
        absent.add("boc")
    if what == "table" and not published_scores(experiment, canonical_name(benchmark)):
        absent.add("published")
    return [kind for kind in KINDS[what] if kind not in absent]


def write_product(what: str, kind: str, *, experiment: Experiment, benchmark: str, stem: Path) -> None:
    """Write ``<stem>.csv``, ``.md`` and ``.tex`` of a table, or ``<stem>.pdf`` and ``.png`` of a figure.

    Each file appears whole or not at all. External trackers that could not be scored are left out; the log names them.

    Args:
        what: ``table`` or ``figure``.
        kind: one of `KINDS` of it.
        experiment: the configuration whose results are read.
        benchmark: any accepted name.
        stem: path without suffix; its last part names the table in LaTeX: ``tab:<stem>``.

    Raises:
        ConfigError: no such table or figure.
        DataError: the results that it shows are missing.
    """
    kinds = KINDS[what]
    if kind not in kinds:
        raise ConfigError(f"a kind of {what}", repr(kind), nearest(kind, kinds))
    family, name = import_module(f"had.evaluation.{kinds[kind]}"), canonical_name(benchmark)
    missing, experiment = refusals(experiment, name), scored(experiment, name)
    for sentence in missing.values():
        log.warning("%s", sentence)
    if kind != "published" and not rows_of(experiment):
        return _write_why_nothing(what, f"No row could be scored on {layout_of(name).title}", missing, Path(stem))
    if what == "table":
        from had.evaluation.table_formats import write

        made = family.table(experiment, name, kind)
        if missing and kind in ("main", "attributes"):
            (made.printed or made).notes.append(f"Not scored: {', '.join(missing)}, whose result files are broken.")
        write(made, Path(stem), label=f"tab:{_UNFIT.sub('-', Path(stem).name)}")
        return
    from had.evaluation import style

    with style.applied():
        style.save(family.draw(experiment, name, kind), Path(stem))


def _write_why_nothing(what: str, said: str, missing: dict[str, str], stem: Path) -> None:
    """A table without lines, or a sentence as a figure: old numbers would be wrong ones."""
    import pandas as pd

    from had.evaluation import style
    from had.evaluation.table_formats import Column, Table, write

    if what == "table":
        nothing = Table(f"{said}.", pd.DataFrame({"run": ["–"]}), [Column("run", "Run")], groups=[1], ranked=[False])
        nothing.notes = [f"{sentence}." for sentence in missing.values()]
        return write(nothing, stem, label=f"tab:{_UNFIT.sub('-', stem.name)}")
    with style.applied():
        style.save(style.sentence(f"{said}: the result files of {', '.join(missing)} are broken"), stem)
