"""A job's identity is what is on for it: unused and new options change none, used ones exactly those that use them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import Field

from had.config import load
from had.identity import digest, run_digest
from had.options.base import Options
from had.options.neutral import decisive, neutral
from had.options.training import READ_BY, DistillationOptions, TermWeights

REPOSITORY = Path(__file__).resolve().parents[1]
OTHER = {
    "match_stream": "mean",
    "feature_scale": "token",
    "temperature": 3.5,
    "similarity_distance": "l2",
    "spatial_temperature": 0.5,
    "epsilon": 0.02,
    "token_epsilon": 0.1,
    "token_balance": 2.0,
    "sinkhorn_iterations": 77,
    "sinkhorn_tolerance": 1e-3,
    "gru_dim": 24,
    "schedule": "cosine",
}
"""Of each option of distillation a value that is not its default."""
DIGESTS = """
import json, sys
from had.config import load
from had.identity import run_digest
experiment = load(sys.argv[1])
asked = [(b, run) for b in experiment.benchmarks for run in [*experiment.runs, *experiment.controls]]
print(json.dumps({f"{b}/{run}": run_digest(experiment, benchmark=b, run=run, seed=0) for b, run in asked}))
"""


def digests(experiment) -> dict[str, str]:
    rows = [*experiment.runs, *experiment.controls]
    return {run: run_digest(experiment, benchmark="coesot", run=run, seed=0) for run in rows}


class Small(Options):
    rate: float = 1.0
    sizes: tuple[int, ...] = (1, 2)


class Grown(Small):
    another: str = "none"


class Whole(Options):
    title: str
    part: Small = Small()
    parts: dict[str, Small] = Field(default_factory=dict)
    maybe: Small | None = None


def test_options_at_their_defaults_say_nothing_and_an_added_one_changes_nothing():
    assert decisive(Whole(title="a")) == {"title": "a"}
    assert decisive(Small(rate=2)) == decisive(Grown(rate=2)) == {"rate": 2}
    assert digest(Small(sizes=(3,))) == digest(Grown(sizes=(3,))) != digest(Small())


def test_sections_inside_of_sections_are_told_from_none():
    whole = Whole(title="a", part=Small(rate=2), parts={"b": Small()}, maybe=Small())
    assert decisive(whole) == {"title": "a", "part": {"rate": 2}, "parts": {"b": {}}, "maybe": {}}


def test_a_default_that_was_changed_stays_told_apart():
    class Changed(Small):
        rate: float = Field(5.0, json_schema_extra={"neutral": 1.0})

    class Around(Options):
        part: Changed = Changed()

    assert decisive(Changed()) == {"rate": 5.0} != decisive(Changed(rate=1.0)) == {}
    assert decisive(Around()) == {"part": {"rate": 5.0}}


def test_no_default_has_changed_without_its_former_value():
    """Declare the former one: ``Field(new, json_schema_extra={"neutral": former})``. A new option gets a line there."""

    def sections(kind):
        for section in kind.__subclasses__():
            yield section
            yield from sections(section)

    known = json.loads((REPOSITORY / "tests" / "neutral_options.json").read_text())
    fields = {
        f"{section.__name__}.{name}": field
        for section in sections(Options)
        if section.__module__.startswith("had.options.")
        for name, field in section.model_fields.items()
    }
    values = {name: neutral(field) for name, field in fields.items() if not field.is_required()}
    plain = {name: value for name, value in values.items() if not isinstance(value, Options)}
    assert json.loads(json.dumps(plain, default=str)) == known


def test_an_option_that_is_added_anywhere_changes_no_identity(tmp_path):
    """On a copy of the package, with one more option in every section that identities are made of."""
    shutil.copytree(REPOSITORY / "had", tmp_path / "had", ignore=shutil.ignore_patterns("__pycache__"))
    for file, section in (
        *(("training", name) for name in ("CropOptions", "TrainingOptions", "LossOptions", "DistillationOptions")),
        *(("recordings", name) for name in ("SimulationOptions", "PreparationOptions", "BenchmarkOptions")),
        *(("network", "NetworkOptions"), ("tracking", "TrackingOptions")),
    ):
        path = tmp_path / "had" / "options" / f"{file}.py"
        head, _, tail = path.read_text().partition(f"class {section}(")
        doc, quotes, rest = tail.partition('."""\n')
        assert quotes, section
        path.write_text(f'{head}class {section}({doc}{quotes}\n    added: float = 2.5\n    """New."""\n{rest}')
    found = []
    for place in (REPOSITORY, tmp_path):
        environment = {**os.environ, "PYTHONPATH": str(place)}
        command = [sys.executable, "-c", DIGESTS, str(REPOSITORY / "config" / "config.yaml")]
        answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        found.append(json.loads(answer.stdout))
    assert found[0] == found[1]
    assert len(set(found[0].values())) == len(found[0])


@pytest.mark.parametrize("option", OTHER)
def test_an_option_of_distillation_changes_the_rows_whose_terms_read_it_and_no_others(option):
    rows = ["teacher", "student", "hdetrack", "had_ta", "had_sa", "had", "had_box", "had_tokens", "had_box_by_place"]
    plain = load(REPOSITORY / "config" / "smoke.yaml", {"runs": rows})
    changed = load(REPOSITORY / "config" / "smoke.yaml", {"runs": rows, "distillation": {option: OTHER[option]}})
    before, after = digests(plain), digests(changed)
    readers = READ_BY.get(option, frozenset(TermWeights.model_fields))
    assert {run for run in before if before[run] != after[run]} == {
        name for name, run in plain.runs.items() if not readers.isdisjoint(run.terms)
    }


def test_every_option_of_distillation_is_here():
    assert set(OTHER) | {"weights", "unlabelled", "teacher_initialization"} == set(DistillationOptions.model_fields)
