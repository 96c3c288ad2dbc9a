"""The verbs that look further than the scores: crops compared between networks, films, and jittered starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from had import cli_options as options
from had.config import load
from had.data.layouts import layout_of

app = typer.Typer()


@app.command()
def explain(
    benchmark: options.Benchmark,
    output: Annotated[Path, typer.Option(help="Folder of the arrays, one file a sequence.")],
    config: options.ConfigFile = options.DEFAULT,
) -> None:
    """Save what happens between teacher and students on some test crops: maps, boxes, transport, loss terms."""
    from had.explanations import explain_benchmark

    explain_benchmark(load(config), benchmark, output)


@app.command()
def films(
    benchmark: options.Benchmark,
    output: Annotated[Path, typer.Option(help="List of the films; they are beside it, one a sequence.")],
    config: options.ConfigFile = options.DEFAULT,
) -> None:
    """Film the sequences that decide between two runs, the best and the worst."""
    from had.films import film_deciding

    options.mark(output, "\n".join(film_deciding(output.parent, experiment=load(config), benchmark=benchmark)))


@app.command("track-starts")
def track_starts(
    benchmark: options.Benchmark,
    run: options.RunName,
    data: options.Prepared,
    output: Annotated[Path, typer.Option(help="Gets a folder of tracks a start.")],
    seed: options.Seed = 0,
    split: options.Split = "test",
    checkpoint: Annotated[Path | None, typer.Option(help="A trained network, model.safetensors.")] = None,
    config: options.ConfigFile = options.DEFAULT,
) -> None:
    """Follow the target through a split again from every jittered first box of tracking.starts."""
    from had.tracking.starts import track_starts as track

    track(
        load(config),
        output=output,
        benchmark=benchmark,
        run=run,
        seed=seed,
        data=data,
        split=split,
        checkpoint=checkpoint,
    )


@app.command()
def robustness(
    benchmark: options.Benchmark,
    run: options.RunName,
    annotations: options.Annotations,
    tracks: Annotated[Path, typer.Option(help="Folder with a folder of result files a start.")],
    output: Annotated[Path, typer.Option(help="The scores, starts.csv.")],
    split: options.Split = "test",
    config: options.ConfigFile = options.DEFAULT,
) -> None:
    """Score the tracks of one run from all jittered starts (`had track-starts`)."""
    from had.data.sequences import read_split
    from had.evaluation.robustness import score_starts
    from had.evaluation.rows import starts_of

    truth = read_split(layout_of(benchmark), annotations, split)
    score_starts(starts_of(load(config)), annotations=truth, tracks=tracks, tracker=run, output=output)
