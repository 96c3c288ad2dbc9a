"""The options that several verbs of the command line share: a type, a sentence, a check each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pydantic_core import PydanticCustomError

from had.config import load
from had.data.layouts import canonical_name
from had.data.recordings import TimeUnit
from had.data.recordings.sensor_size import SIDE
from had.errors import ConfigError, excerpt
from had.evaluation.products import KINDS
from had.files import atomic_file
from had.numerals import natural
from had.options.base import LARGEST_SEED, at_home
from had.options.recordings import BenchmarkOptions, SimulationOptions
from had.options.tracking import TrackingOptions

_CLOCK = "microseconds after the recording's first event"

ConfigFile = Annotated[Path, typer.Option(help="The experiment's YAML file.")]
Benchmark = Annotated[str, typer.Option(callback=canonical_name, help="eventvot, coesot (or coco-object-meeting), ...")]
Split = Annotated[str, typer.Option(help="train, val or test.")]
RunName = Annotated[str, typer.Option(help="A run of the configuration, or a control.")]
TrainedRun = Annotated[str, typer.Option("--run", help="A run of the configuration.")]
TaughtRun = Annotated[str, typer.Option("--run", help="A distilled run of the configuration.")]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Training seed.")]
Output = Annotated[Path, typer.Option(help="What is written.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes side by side.")]
Prepared = Annotated[Path, typer.Option(help="Folder of the prepared splits.")]
Annotations = Annotated[Path, typer.Option(help="Recordings in the published layout.")]
TableKind = Annotated[str, typer.Argument(help=f"{', '.join(KINDS['table'])}.")]
FigureKind = Annotated[str, typer.Argument(help=f"{', '.join(KINDS['figure'])}.")]
Stem = Annotated[Path, typer.Option(help="Path without suffix; a file of each format is written.")]
StartUs = Annotated[int | None, typer.Option(help=f"Where it starts: {_CLOCK}; none: at its begin.")]
StopUs = Annotated[int | None, typer.Option(help=f"Where it stops: {_CLOCK}; none: at its end.")]
Unit = Annotated[TimeUnit | None, typer.Option(help="Of the times in the file, where nothing or two units are stated.")]
SensorSize = Annotated[
    str,
    typer.Option("--size", metavar="WIDTHxHEIGHT", help="Of the sensor in pixels, where the file states none, or two."),
]
DEFAULT = Path("config/config.yaml")


def with_home(verb: Callable) -> Callable:
    """The same verb, with the home folder in the place of `~` in all paths that it is given."""

    def path(value: Any) -> Any:
        try:
            return at_home(value) if isinstance(value, Path) else value
        except PydanticCustomError as error:
            remedy = "write the path in full"
            raise ConfigError("a path", f"{value}: {error.message()}", remedy) from None

    @wraps(verb)
    def call(**given: Any) -> Any:
        return verb(**{name: [*map(path, one)] if isinstance(one, list) else path(one) for name, one in given.items()})

    return call


def source_of(config: Path, benchmark: str) -> BenchmarkOptions:
    """Where a benchmark's recordings come from, as the configuration says.

    Raises:
        ConfigError: the configuration has no such benchmark.
    """
    return load(config).source(benchmark)


def check_video(video: Path | None, boxes: Path | None, split: str) -> None:
    """A video comes with its boxes, and joins the test split.

    Raises:
        ConfigError: otherwise.
    """
    if (video is None) != (boxes is None):
        raise ConfigError("--video and --boxes together", "only one of them", "give both, or neither for scenes")
    if video is not None and split != "test":
        remedy = "leave --split out: a video joins the test split"
        raise ConfigError("--split test with --video", repr(split), remedy)


def scenes_of(config: Path, benchmark: str) -> SimulationOptions:
    """What the configuration simulates for a benchmark.

    Raises:
        ConfigError: the benchmark's recordings are on disk.
    """
    scenes = source_of(config, benchmark).simulation
    if scenes is None:
        got = f"`root` for {benchmark} in {config}"
        raise ConfigError("benchmarks with `simulation`", got, "there is nothing to simulate: prepare that folder")
    return scenes


def tracking_of(config: Path | None) -> tuple[TrackingOptions | None, str]:
    """What replaces the checkpoint's tracking options, and the device, where a configuration is named."""
    if config is None:
        return None, "auto"
    experiment = load(config)
    return experiment.tracking, experiment.device


def refuse_unused(call: typer.Context, form: str, *names: str) -> None:
    """See that a call states none of the options that its form does not use.

    Args:
        call: the verb as it was called.
        form: which form it is, as it stands behind "options that are used".
        names: of the options, as parameters of the verb.

    Raises:
        ConfigError: one that is stated.
    """
    for parameter in call.command.params:
        source = call.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            flag = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.name.upper()
            raise ConfigError(f"options that are used {form}", flag, "leave it out, or call the other form")


def refuse_overwriting(read: Sequence[Path | None], written: Sequence[Path | None]) -> None:
    """See that no file is written over one that is read, or twice (`ConfigError`)."""
    known = [path.resolve() for path in read if path is not None]
    for path in written:
        if path is not None and path.resolve() in known:
            raise ConfigError("another file for each output", f"{path} again", "name a file that is not used yet")
        known += [path.resolve()] if path is not None else []


def box_of(text: str) -> np.ndarray:
    """``x,y,w,h`` -> (4,) float64 pixels.

    Raises:
        ConfigError: not four finite numbers.
    """
    numbers = text.split(",")
    try:
        box = np.array([float(number) for number in numbers])
    except ValueError:
        box = np.empty(0)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ConfigError("--box x,y,w,h in pixels", repr(text), "give four numbers with commas between")
    return box


def size_of(text: str) -> tuple[int, int] | None:
    """``1280x720`` -> (width, height), None for no text.

    Raises:
        ConfigError: not two sides that a sensor can have.
    """
    sides = [natural(side) or 0 for side in text.lower().split("x")]
    if text and not (len(sides) == 2 and all(0 < side <= SIDE for side in sides)):
        got, remedy = excerpt(text), "give the sensor's width and height, e.g. 1280x720"
        raise ConfigError(f"--size WIDTHxHEIGHT, 1 to {SIDE} pixels a side", got, remedy)
    return (sides[0], sides[1]) if text else None


def mark(path: Path, text: str) -> None:
    """The file that tells the workflow that a step without files of its own is done."""
    with atomic_file(path) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
