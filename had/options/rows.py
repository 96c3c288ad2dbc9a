"""Rows of the ablation, and circumstances under which all of them are trained once more."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from had.options.base import Options
from had.options.training import AnyTerm, TermWeights


class Run(Options):
    """One row of the ablation: what differs from the defaults (a file in config/runs/)."""

    title: str = Field(min_length=1, max_length=200)
    """The row's name in tables and figures."""
    role: Literal["teacher", "student"] = "student"
    """Two streams or one."""
    description: str = ""
    """One sentence for the report."""
    terms: tuple[AnyTerm, ...] = ()
    """The distillation terms that are on."""
    network: dict[str, Any] = Field(default_factory=dict)
    """Overrides of `network`."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Overrides of this role's `training`."""
    losses: dict[str, Any] = Field(default_factory=dict)
    """Overrides of `losses`."""
    distillation: dict[str, Any] = Field(default_factory=dict)
    """Overrides of `distillation`."""
    regime: str = ""
    """The regime that this row was made for; written by `had.config.load`."""

    @model_validator(mode="after")
    def _each_term_once(self):
        if len(set(self.terms)) < len(self.terms):
            raise ValueError(f"`terms` name one twice: {', '.join(self.terms)}")
        return self

    @model_validator(mode="after")
    def _each_term_has_a_weight(self):
        for term in self.terms:
            if term not in TermWeights.model_fields:
                raise ValueError(f"the term {term!r} has no weight: add it to TermWeights in had/options/training.py")
        return self

    @model_validator(mode="after")
    def _teacher_is_not_taught(self):
        if self.role == "teacher" and self.terms:
            raise ValueError("a run of role `teacher` cannot have distillation `terms`")
        return self


class Regime(Options):
    """Circumstances under which every student is trained once more, as the row `<run>_<regime>`."""

    title: str = Field(min_length=1, max_length=200)
    """What readers see, behind a row's title."""
    runs: tuple[str, ...] | None = None
    """The students that are trained under it; null: all."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Overrides of `training.student`; those of a run come first."""
    distillation: dict[str, Any] = Field(default_factory=dict)
    """Overrides of `distillation`; those of a run come first."""
