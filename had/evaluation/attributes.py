"""SR by attribute: which attributes have enough sequences to say something, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from had.data.layouts import ATTRIBUTE_NAMES, layout_of
from had.evaluation.benchmark import gather, read_attributes
from had.evaluation.one_seed import comparable, one_seed_sentence
from had.evaluation.provenance import provenance
from had.evaluation.rows import rows_of
from had.evaluation.scoreboard import scoreboard
from had.evaluation.table_formats import Column, Table
from had.options.experiment import Experiment


def telling_attributes(experiment: Experiment, benchmark: str) -> tuple[pd.DataFrame, list[str]]:
    """The attributes that ``evaluation.least_sequences`` sequences carry, and the others that any carries.

    Returns:
        flags as in `had.evaluation.benchmark.read_attributes`, and names.
    """
    flags = read_attributes(experiment, benchmark)
    counts = flags.sum(axis=0)
    few = [str(name) for name in flags.columns if 0 < counts[name] < experiment.evaluation.least_sequences]
    return flags.loc[:, counts >= experiment.evaluation.least_sequences], few


def meaning(names: Iterable[str]) -> str:
    """What the abbreviations of some attributes stand for."""
    return "; ".join(f"{name}: {ATTRIBUTE_NAMES.get(name, name)}" for name in names)


def table(experiment: Experiment, benchmark: str, kind: str) -> Table:
    """The table ``attributes``: SR on the sequences that carry each attribute (`DataError` without scores)."""
    flags = read_attributes(experiment, benchmark)
    _, few = telling_attributes(experiment, benchmark)
    rows = [row for row in rows_of(experiment) if row.run != "ground_truth"] or rows_of(experiment)
    scores = gather(experiment, benchmark)
    scores = scores[scores["run"].isin([row.run for row in rows]) & (scores["metric"] == "SR")]
    lines, empty = [], []
    for attribute in flags.columns:
        names = list(flags.index[flags[attribute]])
        if not names:
            empty.append(attribute)
            continue
        board = scoreboard(scores, experiment.evaluation, names)
        line = {"attribute": attribute, "sequences": len(names)}
        line |= {row.run: board.point(row.run, "SR") for row in rows}
        for row in rows:
            line[f"{row.run}_low"], line[f"{row.run}_high"] = board.interval(row.run, "SR")
        lines.append(line)
    shown = [line["attribute"] for line in lines]
    ranked = comparable(rows)
    options, title = experiment.evaluation, f"SR by attribute on {layout_of(benchmark).title}."
    notes = [
        "SR: mean of the 21 values of the success curve over the sequences that carry the attribute; sequences whose "
        "curve is all zero are dropped, as the official toolkits do. 95 % bootstrap intervals "
        f"({options.resamples} resamples of these sequences, seed {options.seed}) are in the CSV, of one alone none.",
        *(["Best of each attribute in bold, second best underlined."] if sum(ranked) > 1 else []),
    ]
    if few:
        notes.append(
            f"Not ranked, because fewer than {options.least_sequences} sequences carry them: {', '.join(few)}."
        )
    if not shown:
        notes.append("The attributes of the test sequences are unknown: no attributes.csv or att/ there states any.")
    elif empty:
        notes.append(f"No test sequence carries {', '.join(empty)}: left out.")
    if shown:
        counted = (f"{meaning([name])} ({int(flags[name].sum())})" for name in shown)
        notes.append(f"Attributes and their numbers of sequences: {'; '.join(counted)}.")
    data = pd.DataFrame(lines, columns=None if lines else ["attribute", "sequences"])
    turned = pd.DataFrame(
        [{"title": row.title, **{line["attribute"]: line[row.run] for line in lines}} for row in rows]
    )
    printed = Table(
        caption=title,
        above=one_seed_sentence(rows),
        data=turned,
        columns=[Column("title", "Run"), *(Column(name, name, best=None if name in few else max) for name in shown)],
        notes=[*notes, provenance(experiment, benchmark)],
        groups=[len(turned)],
        ranked=ranked,
    )
    return Table(caption=title, data=data, columns=[], printed=printed)
