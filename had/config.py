"""Read, check, override and write the experiment's configuration.

A YAML file (or the dictionary that Snakemake holds) enters, a frozen `had.options.experiment.Experiment` leaves.
A wrong key, type or combination is one sentence, before any job starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from had.data.layouts import canonical_name, layout_of
from had.errors import ConfigError, nearest
from had.options.base import merge, merged, shown
from had.options.experiment import ROW_NAME, Experiment
from had.shipped import shipped
from had.yaml_text import read_mapping


def load(source: Path | str | dict, overrides: dict | None = None) -> Experiment:
    """Read and check a configuration.

    Args:
        source: a YAML file, or its content (as Snakemake holds it); of the shipped files (config/...) also by name.
        overrides: nested values that replace those of ``source``.

    Raises:
        ConfigError: unreadable file, unknown key (the nearest valid one is named), wrong type, contradiction.
    """
    folder = Path("config")
    if isinstance(source, dict):
        content = source
    else:
        file = shipped(source)
        folder = file.parent
        content = read_mapping(file)
    content = merge(_canonical(content), _canonical(overrides or {}))
    if isinstance(content.get("runs"), list | tuple):
        content = {**content, "runs": _run_files(content["runs"], folder)}
    content = _with_regimes(content)
    try:
        experiment = Experiment.model_validate(content)
    except ValidationError as error:
        raise _explained(error) from None
    _check_runs(experiment)
    _check_networks(experiment)
    return experiment


def dump(options: BaseModel) -> str:
    """YAML that `load` turns into equal options."""
    return yaml.safe_dump(options.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def schema() -> dict:
    """The JSON schema of the configuration, with each field's sentence as its description."""
    return Experiment.model_json_schema()


def _run_files(names: Sequence, folder: Path) -> dict[str, dict]:
    """The rows that a list names, each from its file."""
    seen: set[str] = set()
    for name in names:
        usable = isinstance(name, str) and ROW_NAME.fullmatch(name)
        if not usable or name in seen:
            got = f"{name!r} more than once" if usable else shown(name)
            raise ConfigError("runs: a list of different names of files in config/runs/", got, "correct the list")
        seen.add(name)
    return {name: _run_file(name, folder) for name in names}


def _with_regimes(content: dict) -> dict:
    """The same with a row `<run>_<regime>` for every student run and regime; rows that are there already stay."""
    regimes, runs = content.get("regimes") or {}, content.get("runs")
    if not isinstance(regimes, dict) or not isinstance(runs, dict):
        return content  # refused by the model
    base = {name: run for name, run in runs.items() if isinstance(run, dict) and not run.get("regime")}
    students = {name: run for name, run in base.items() if run.get("role", "student") == "student"}
    made = {}
    for regime, options in regimes.items():
        for name, run in students.items() if isinstance(options, dict) else ():
            if name not in (options.get("runs") or students):
                continue
            changes = {key: merge(options.get(key) or {}, run.get(key) or {}) for key in ("training", "distillation")}
            title = f"{run.get('title', name)}, {options.get('title', regime)}"
            made[f"{name}_{regime}"] = {**run, "title": title, "regime": regime, **changes}
    return {**content, "runs": {**runs, **{name: run for name, run in made.items() if name not in runs}}}


def _run_file(name: str, folder: Path) -> dict:
    candidates = [folder / "runs" / f"{name}.yaml", shipped(Path("config/runs") / f"{name}.yaml")]
    for path in candidates:
        if path.is_file():
            return read_mapping(path)
    known = sorted({file.stem for path in candidates for file in path.parent.glob("*.yaml")})
    raise ConfigError(f"a file {candidates[0]} for run {name!r}", "no such file", nearest(name, known))


def _canonical(content: dict) -> dict:
    """The same with benchmarks named as the layouts spell them (``coco-object-meeting`` is ``coesot``)."""
    benchmarks = content.get("benchmarks")
    if not isinstance(benchmarks, dict):
        return content
    for name in benchmarks:
        if not isinstance(name, str):
            raise ConfigError("names of benchmarks", repr(name), "correct that key of `benchmarks`")
    named = {canonical_name(name): value for name, value in benchmarks.items()}
    if len(named) != len(benchmarks):
        raise ConfigError("each benchmark once", f"{', '.join(benchmarks)}", "remove one of the two names")
    return {**content, "benchmarks": named}


def _check_runs(experiment: Experiment) -> None:
    """Every run's overrides fit its sections, and its network fits the crops."""
    for name, run in experiment.runs.items():
        sections = {
            "network": experiment.network,
            "training": getattr(experiment.training, run.role),
            "losses": experiment.losses,
            "distillation": experiment.distillation,
        }
        for section, options in sections.items():
            try:
                merged(options, getattr(run, section))
            except ValidationError as error:
                raise _explained(error, root=type(options), prefix=("runs", name, section)) from None
        for term in run.terms:
            if getattr(experiment.resolve(name).distillation.weights, term) == 0:
                got = f"0 in run {name!r}, whose `terms` name {term!r}"
                raise ConfigError(f"distillation.weights.{term} above 0", got, "raise it, or remove the term")
        patch = experiment.resolve(name).network.patch
        for side in ("template_size", "search_size"):
            size = getattr(experiment.crops, side)
            if size % patch:
                got = f"{size} with network.patch {patch} in run {name!r}"
                raise ConfigError(f"a crops.{side} that network.patch divides", got, "change one of them")


def _check_networks(experiment: Experiment) -> None:
    """Every run's network can be built for every benchmark, and can learn from the teacher's."""
    for name in experiment.runs:
        run = experiment.resolve(name)
        for benchmark in experiment.benchmarks:
            layout = layout_of(benchmark)
            run.check(layout.teacher_streams if run.role == "teacher" else layout.student_streams)
            scenes, count = experiment.benchmarks[benchmark].simulation, run.training.sequences
            if run.reads_unlabelled and scenes is not None and (count or 0) >= scenes.train.sequences:
                expected = f"runs.{name}.training.sequences below the {scenes.train.sequences} of {benchmark}"
                raise ConfigError(expected, str(count), "lower it, or remove distillation.unlabelled")
        if not run.needs_teacher:
            continue
        teacher, same = experiment.resolve("teacher").network, ["patch"]
        if run.needs_whole_teacher:
            same += ["dim", "heads"]
        if run.distillation.teacher_initialization:
            free = (*same, "drop_path", "shared_patch_embedding")
            same += [key for key in type(teacher).model_fields if key not in free]
        for key in same:
            own, other = getattr(run.network, key), getattr(teacher, key)
            if own != other:
                raise ConfigError(f"network.{key} {other} in run {name!r}, as its teacher has", str(own), "remove it")


def _explained(error: ValidationError, *, root: type[BaseModel] = Experiment, prefix: tuple = ()) -> ConfigError:
    """The first problem of a failed validation of ``root``, which lies at ``prefix``, as one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in (*prefix, *first["loc"]))
    more = f" ({error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        valid = _fields_at(root, first["loc"][:-1])
        key = str(first["loc"][-1])
        return ConfigError(f"known keys at {where!r}", f"unknown key {key!r}{more}", nearest(key, valid))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return ConfigError(
            f"a consistent configuration at {where or 'top level'}", message + more, "change one of them"
        )
    got = f"{shown(first.get('input'))}{more}"
    return ConfigError(f"{where}: {message[:1].lower() + message[1:]}", got, "correct it")


def _fields_at(root: type[BaseModel], location: tuple) -> list[str]:
    """Names of the fields of the section at ``location`` inside ``root``."""
    section: Any = root
    for part in location:
        if isinstance(section, type) and issubclass(section, BaseModel) and part in section.model_fields:
            annotation = section.model_fields[part].annotation
            options = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type)]
            section = next((a for a in options if issubclass(a, BaseModel)), section)
    return list(section.model_fields)
