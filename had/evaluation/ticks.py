"""Terms of a run -> the parts of the method that are on: the columns of ticks in tables, figures and page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from had.evaluation.rows import Row
from had.options.experiment import Experiment


class Part(NamedTuple):
    """A part of the method: its head, its terms (as they are or as released), and what they are in words."""

    head: str
    terms: frozenset[str]
    meaning: str


PARTS = {
    "hierarchical": Part(
        "Hier.", frozenset({"feature", "similarity", "response"}), "feature, similarity and response distillation"
    ),
    "TA": Part("TA", frozenset({"temporal"}), "temporal alignment"),
    "SA": Part("SA", frozenset({"spatial", "token_transport"}), "spatial alignment"),
    "box": Part("Box", frozenset({"localization", "box_transport"}), "this project's distillation of boxes"),
}


def ticks(experiment: Experiment, row: Row) -> dict[str, bool]:
    """The key of each part -> whether the row is trained with it."""
    terms = experiment.runs[row.run].terms if row.run in experiment.runs else ()
    plain = {term.removeprefix("released_") for term in terms}
    return {key: not plain.isdisjoint(part.terms) for key, part in PARTS.items()}


def ticked(experiment: Experiment, rows: Iterable[Row]) -> dict[str, Part]:
    """The parts that any of the rows is trained with: no other has a column."""
    marks = [ticks(experiment, row) for row in rows]
    return {key: part for key, part in PARTS.items() if any(mark[key] for mark in marks)}
