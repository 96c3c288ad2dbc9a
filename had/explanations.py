"""Which test crops are explained, and by which networks: joins tracking and evaluation for `had explain`.

Stands on the floor of the command line, because the middle of the ranking is known to the evaluation only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from had.data.layouts import canonical_name, layout_of
from had.data.pairs import visible_frames
from had.data.sequences import Sequence
from had.errors import CheckpointError, ConfigError, DataError, nearest
from had.evaluation.explained import explained_runs
from had.evaluation.figures import scenes
from had.evaluation.rows import folder_of
from had.files import atomic_folder
from had.options.experiment import Experiment

log = logging.getLogger(__name__)
PARTS = ("index.json", "*.npz")


def explain_benchmark(experiment: Experiment, benchmark: str, output: Path) -> None:
    """Write ``<sequence>.npz`` of every chosen test sequence, and ``index.json``: sequences, networks, their seeds.

    Args:
        experiment: the configuration; its scores are read where sequences are not given by name.
        benchmark: canonical name.
        output: the folder; a former one is replaced.

    Raises:
        ConfigError: no teacher or student, or no such sequence.
        DataError: not prepared, or not scored.
        CheckpointError: networks that are missing or do not fit one another.
    """
    from had.device import choose_device, prepare_machine
    from had.models.network import crops_for
    from had.models.weights import load_network
    from had.tracking.explain import Student, explain_sequence, write_explanation

    runs = explained_runs(experiment)
    if not runs:
        raise ConfigError(
            "a run `teacher` and a student to explain", ", ".join(experiment.runs) or "no runs", "add them"
        )
    prepare_machine()
    device, layout = choose_device(experiment.device), layout_of(benchmark)
    seeds = {run: experiment.seeds_of(run)[0] for run in runs}
    seeds = {"teacher": experiment.teacher_seed(seeds[runs[0]]), **seeds}
    networks = {}
    for run, seed in seeds.items():
        path = folder_of(experiment, "checkpoints", benchmark, run, seed) / "model.safetensors"
        networks[run], _ = load_network(path, device=device)
        streams = layout.teacher_streams if run == "teacher" else layout.student_streams
        if networks[run].streams != tuple(streams):
            got = f"{', '.join(networks[run].streams)} in {path}"
            raise CheckpointError(f"a network of the streams {', '.join(streams)}", got, "train that run again")
        for name in ("template_size", "search_size", "patch"):
            if networks[run].architecture[name] != networks["teacher"].architecture[name]:
                got = f"{networks[run].architecture[name]} in {path}"
                expected = f"{name} {networks['teacher'].architecture[name]}, as the teacher has"
                raise CheckpointError(expected, got, "train that run again")
    alike = {"losses": experiment.losses, "distillation": experiment.distillation}
    students = [Student(experiment.resolve(run).model_copy(update=alike), networks[run]) for run in runs]
    sequences = scenes.test_sequences(experiment, benchmark)
    names = explained_names(experiment, benchmark, sequences, runs)
    facts = {"sequences": names, "seeds": seeds, "crops": "around the annotated box of the frame before"}
    with atomic_folder(output, PARTS) as folder:
        for name in names:
            log.info("explain %s %s: %s", benchmark, name, ", ".join(seeds))
            arrays = explain_sequence(
                sequences[name],
                networks["teacher"],
                students,
                crops=crops_for(networks["teacher"], experiment.crops),
                frames=experiment.explain.frames,
                device=device,
            )
            write_explanation(folder / f"{name}.npz", arrays)
        (folder / "index.json").write_text(json.dumps(facts, indent=2) + "\n")


def explained_names(
    experiment: Experiment, benchmark: str, sequences: Mapping[str, Sequence], runs: list[str]
) -> list[str]:
    """The sequences of ``explain.names``, or so many spread over the score of the runs.

    Args:
        sequences: those of the test split by name; of these only such that show their target twice are chosen.

    Raises:
        ConfigError: a name that is no test sequence.
        DataError: no test sequence shows its target twice.
    """
    given = {canonical_name(name): names for name, names in experiment.explain.names.items()}
    for name in given.get(benchmark, ()):
        if name not in sequences:
            expected = f"a test sequence of {benchmark} in explain.names"
            raise ConfigError(expected, repr(name), nearest(name, sequences))
    if given.get(benchmark):
        return list(dict.fromkeys(given[benchmark]))
    shown = {name for name, sequence in sequences.items() if visible_frames(sequence).sum() > 1}
    if not shown:
        expected = f"a test sequence of {benchmark} with two frames that show the target"
        raise DataError(expected, "none", "check the presence flags of the test split")
    every = scenes.sequence_scores(experiment, benchmark)
    scores = {run: {name: every[run][name] for name in shown} for run in runs}
    return scenes.spread_sequences(scores, runs, experiment.explain.sequences)
