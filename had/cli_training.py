"""``had train`` and ``had teach``: how a network comes to be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from had import cli_options as options
from had.config import load
from had.run_database import check_database, tracking_uri

Tracks = Annotated[
    Path | None, typer.Option(help="The teacher's tracks of the training split, for distillation.unlabelled.")
]


def train(
    benchmark: options.Benchmark,
    run: options.TrainedRun,
    data: options.Prepared,
    output: options.Output,
    seed: options.Seed = 0,
    config: options.ConfigFile = options.DEFAULT,
    teacher: Annotated[Path | None, typer.Option(help="Weights of the trained teacher.")] = None,
    lessons: Annotated[Path | None, typer.Option(help="What it says, kept by `had teach`; none: it is asked.")] = None,
    tracks: Tracks = None,
) -> None:
    """Train a teacher or a student; go on where a killed job stopped."""
    experiment = load(config)
    if not (output / "summary.json").is_file():  # a finished one needs no database
        check_database(tracking_uri(experiment.results))
    from had.training.loop import train as train_run

    train_run(
        experiment,
        benchmark=benchmark,
        run=run,
        seed=seed,
        data=data,
        output=output,
        teacher=teacher,
        lessons=lessons,
        tracks=tracks,
    )


def teach(
    benchmark: options.Benchmark,
    run: options.TaughtRun,
    data: options.Prepared,
    teacher: Annotated[Path, typer.Option(help="Weights of the trained teacher.")],
    output: options.Output,
    seed: options.Seed = 0,
    config: options.ConfigFile = options.DEFAULT,
    tracks: Tracks = None,
) -> None:
    """Keep what the teacher says about all crops that a distilled run will see, for it and its like."""
    from had.training.lessons import write_lessons

    write_lessons(
        load(config),
        benchmark=benchmark,
        run=run,
        seed=seed,
        data=data,
        teacher=teacher,
        output=output,
        tracks=tracks,
    )
