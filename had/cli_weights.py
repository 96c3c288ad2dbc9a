"""``had weights``: look into published checkpoints, and turn them into files that every other verb reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from had import cli_options as options
from had.config import load
from had.errors import CheckpointError, ConfigError
from had.terminal import printable, say

if TYPE_CHECKING:
    from had.models.network import TrackingNetwork

app = typer.Typer(help="Published checkpoints: what is in them, and how they fit.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A checkpoint of MAE, CEUTrack, HDETrack or HAD, or an own export.")]
UNSEEN = {"head_event_tokens": "embedded", "rgb_normalization": "imagenet", "event_normalization": "imagenet"}
"""Published switches that change what a network computes and no tensor's shape."""
Partial = Annotated[bool, typer.Option("--partial", help="Accept missing tensors and those of another shape.")]


@app.command()
def inspect(
    call: typer.Context,
    file: File,
    config: Annotated[
        Path | None, typer.Option(help="Hold it against a network of this file, not against one of its own size.")
    ] = None,
    benchmark: options.Benchmark = "coesot",
    run: options.RunName = "student",
    partial: Partial = False,
) -> None:
    """Say what is in a checkpoint, and what becomes of each of its tensors; nothing in it is executed."""
    options.refuse_unused(call, "without --config", *(["benchmark", "run"] if config is None else []))
    import torch

    from had.models.inspection import describe, network_of
    from had.models.published import match, read_published, refuse_partial

    found = read_published(file)
    facts = {name: value for name, value in describe(found).items() if value is not None}
    width = max(map(len, facts))
    for name, value in facts.items():
        say(f"{name:{width}}  {value:,}" if isinstance(value, int) else f"{name:{width}}  {value}")
    with torch.device("meta"):  # only names and shapes are compared
        network = network_of(found) if config is None else _network(config, benchmark, run)
    report, _ = match(network, found)
    of = "its own size, as published" if config is None else f"{run} on {benchmark} in {config}"
    say(f"\nin a network of {of}:\n{report}")
    if not partial:
        refuse_partial(network, found, report)


@app.command()
def convert(
    file: File,
    output: Annotated[Path, typer.Option(help="The network as the other verbs read it, *.safetensors.")],
    config: options.ConfigFile = Path("config/official.yaml"),
    benchmark: options.Benchmark = "coesot",
    run: Annotated[
        str | None,
        typer.Option(help="A run of the configuration; left out: `teacher` or `official_code`, as the file is."),
    ] = None,
    partial: Partial = False,
) -> None:
    """Write a checkpoint's weights as a network of a configuration, for `had track` and as a teacher."""
    from had.files import file_digest
    from had.models.weights import load_network, load_published, read_published, save_network
    from had.tracking.carried import warn_of_others

    if output.suffix != ".safetensors":  # what `had train` and `had track` read
        raise ConfigError("an --output *.safetensors", str(output), "correct it")
    found = read_published(file)
    run = run or ("teacher" if found.kind == "teacher" else "official_code")
    network = _network(config, benchmark, run)
    for name, published in UNSEEN.items():
        if found.kind in ("teacher", "student") and (chosen := network.architecture[name]) != published:
            typer.echo(printable(f"warning: trained with network.{name} {published}, {config} has {chosen}"), err=True)
    report = load_published(network, found, partial=partial)
    if not partial and any(name.startswith("box_head.") for name in report.absent):
        remedy = "start a training from it (training.*.initial_weights), or give --partial and an untrained head"
        raise CheckpointError("a tracker", f"{file} without a head", remedy)
    source = {"file": file.name, "digest": file_digest(file), "kind": found.kind}
    counts = {group: len(names) for group, names in report._asdict().items()}
    experiment = load(config)
    if found.kind == "own":  # states crops and tracking options itself
        warn_of_others(load_network(file)[1], file, experiment.tracking, experiment.crops)
    facts = {
        "benchmark": benchmark,
        "run": run,
        "streams": list(network.streams),
        "options": experiment.resolve(run).model_dump(mode="json"),
        "tracking": experiment.tracking.carried,
    }
    provenance = {**facts, "published": source | counts}
    save_network(output, network, provenance)
    say(f"{report}\nwritten to {output}")


def _network(config: Path, benchmark: str, run: str) -> TrackingNetwork:
    """A run's network as a configuration has it."""
    from had.data.layouts import layout_of
    from had.models.network import build_network

    layout, resolved = layout_of(benchmark), load(config).resolve(run)
    streams = layout.teacher_streams if resolved.role == "teacher" else layout.student_streams
    return build_network(resolved, streams)
