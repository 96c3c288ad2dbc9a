"""The command line: one verb a step, each a line or two into the library. Nothing imports this file.

Heavy libraries are imported inside the verbs, so that a job loads only what it needs. A wrong input
(`had.errors.HadError`) is one sentence on stderr and exit status 2; any other error keeps its traceback.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from had import cli_analysis, cli_download, cli_evaluate, cli_page, cli_plan, cli_training, cli_verify, cli_weights
from had import cli_options as options
from had.config import dump, load, schema
from had.data.layouts import canonical_name, layout_of
from had.errors import ConfigError, HadError
from had.evaluation.products import write_product
from had.options.recordings import SimulationOptions
from had.terminal import LogFormat, printable, refuse_full_output, say

app = typer.Typer(
    help="Event-based single-object tracking with hierarchical asymmetric distillation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_weights.app, name="weights")
app.command()(cli_download.download)
app.command()(cli_verify.verify)
app.command()(cli_evaluate.evaluate)
app.command()(cli_page.page)
app.command()(cli_plan.plan)
app.command()(cli_training.train)
app.command()(cli_training.teach)
app.add_typer(cli_analysis.app)


def main() -> None:
    """Run a verb; a wrong input ends with one sentence and exit status 2."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormat())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("alembic", "mlflow", "matplotlib", "fontTools", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        try:
            app()
        except OSError:
            refuse_full_output()
            raise
    except HadError as error:
        typer.echo(f"had: {printable(error)}", err=True)
        sys.exit(2)


@app.command()
def simulate(
    call: typer.Context,
    benchmark: options.Benchmark,
    output: options.Output,
    config: options.ConfigFile = options.DEFAULT,
    split: options.Split = "test",
    workers: options.Workers = 1,
    video: Annotated[Path | None, typer.Option(help="Instead of scenes: a folder of images or a film.")] = None,
    boxes: Annotated[Path | None, typer.Option(help="The target in that video, one x,y,w,h a frame.")] = None,
    frame_rate: Annotated[float, typer.Option(help="Frames a second of the video.")] = 25.0,
    upsampling: Annotated[int, typer.Option(min=2, help="Pictures made of each video frame.")] = 10,
    origin: Annotated[int, typer.Option(min=0, max=1, help="Index of the boxes' first pixel (OTB: 1).")] = 0,
    name: Annotated[str, typer.Option(help="Name of the recording; empty: the video's.")] = "",
) -> None:
    """Make recordings in a benchmark's published layout: rendered scenes, or a real video with boxes."""
    layout = layout_of(benchmark)
    options.check_video(video, boxes, split)
    unused = ("frame_rate", "upsampling", "origin", "name") if video is None else ("workers",)
    options.refuse_unused(call, f"{'without' if video is None else 'with'} --video", *unused)
    if video is not None and boxes is not None:
        from had.data.simulate.video import simulate_video

        simulate_video(
            layout=layout,
            options=options.source_of(config, benchmark).simulation or SimulationOptions(),
            frames=video,
            boxes=boxes,
            root=output,
            name=name,
            frame_rate=frame_rate,
            upsampling=upsampling,
            origin=origin,
        )
        return
    from had.data.simulate.write import simulate_split

    scenes = options.scenes_of(config, benchmark)
    simulate_split(layout=layout, options=scenes, split=split, root=output, workers=workers)


@app.command()
def prepare(
    benchmark: options.Benchmark,
    split: options.Split,
    root: options.Annotations,
    output: options.Output,
    config: options.ConfigFile = options.DEFAULT,
    workers: options.Workers = 1,
    images: Annotated[bool, typer.Option(help="Also write whole event images, as published.")] = False,
) -> None:
    """Turn raw recordings into what training and tracking read."""
    from had.data.prepare import prepare_split

    layout, how = layout_of(benchmark), options.source_of(config, benchmark).preparation
    prepare_split(layout=layout, options=how, root=root, split=split, output=output, workers=workers, images=images)


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A recording: AEDAT4, CSV, RAW (EVT2, EVT3), DAT, HDF5, NPZ or NPY.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    time_unit: options.Unit = None,
    size: options.SensorSize = "",
) -> None:
    """Say what is in a recording."""
    from had.data.recordings import inspect as inspect_recording

    facts = inspect_recording(file, size=options.size_of(size), time_unit=time_unit)
    say(json.dumps(facts, indent=2) if as_json else "\n".join(f"{k:20} {v}" for k, v in facts.items()))


@app.command()
def track(
    call: typer.Context,
    checkpoint: Annotated[Path | None, typer.Option(help="A trained network, model.safetensors.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The experiment's YAML file; none: config/config.yaml, for a recording the checkpoint."),
    ] = None,
    benchmark: Annotated[str, typer.Option(help="Benchmark of the split.")] = "",
    run: options.RunName = "",
    seed: options.Seed = 0,
    data: Annotated[Path | None, typer.Option(help="Folder of the prepared splits.")] = None,
    split: options.Split = "test",
    output: Annotated[Path | None, typer.Option(help="Folder of the split's tracks.")] = None,
    recording: Annotated[Path | None, typer.Option(help="Instead of a split: one real recording.")] = None,
    box: Annotated[str, typer.Option(help="The target in it at the start: x,y,w,h in pixels.")] = "",
    start_us: options.StartUs = None,
    stop_us: options.StopUs = None,
    time_unit: options.Unit = None,
    size: options.SensorSize = "",
    window_us: Annotated[int, typer.Option(min=1, help="Events a step sees, in microseconds.")] = 40_000,
    boxes: Annotated[Path | None, typer.Option(help="Boxes found, one x y w h a step.")] = None,
    video: Annotated[Path | None, typer.Option(help="A film of the recording with the boxes.")] = None,
) -> None:
    """Follow the target: through a prepared split, or through one recording of your own."""
    of_split = ("benchmark", "run", "seed", "data", "split", "output")
    of_recording = ("box", "start_us", "stop_us", "time_unit", "size", "window_us", "boxes", "video")
    unused, form = (of_recording, "without") if recording is None else (of_split, "with")
    options.refuse_unused(call, f"{form} --recording", *unused)
    if recording is None:
        from had.tracking.run import track_split

        if not (benchmark and run and data and output):
            raise ConfigError(
                "--recording, or --benchmark, --run, --data and --output", "neither", "see had track --help"
            )
        track_split(
            load(config or options.DEFAULT),
            benchmark=canonical_name(benchmark),
            run=run,
            seed=seed,
            data=data,
            split=split,
            output=output,
            checkpoint=checkpoint,
        )
        return
    if checkpoint is None:
        raise ConfigError("a trained network to follow with", "no --checkpoint", "give its model.safetensors")
    if boxes is None and video is None:
        raise ConfigError("--boxes or --video, for what is found", "neither", "name a file, e.g. --boxes out.txt")
    options.refuse_overwriting([recording, checkpoint, config], [boxes, video])
    from had.films import follow_recording

    tracking, device = options.tracking_of(config)
    follow_recording(
        recording,
        options.box_of(box),
        checkpoint,
        start_us=start_us,
        stop_us=stop_us,
        time_unit=time_unit,
        size=options.size_of(size),
        window_us=window_us,
        boxes=boxes,
        film=video,
        tracking=tracking,
        device=device,
    )


@app.command()
def profile(benchmark: options.Benchmark, output: options.Output, config: options.ConfigFile = options.DEFAULT) -> None:
    """Count parameters and operations of a benchmark's trained networks, and time them in turn."""
    from had.tracking.profile import profile as profile_networks

    profile_networks(load(config), benchmark, output)


@app.command()
def table(
    kind: options.TableKind,
    benchmark: options.Benchmark,
    output: options.Stem,
    config: options.ConfigFile = options.DEFAULT,
) -> None:
    """Make one of the paper's tables from the results of all runs."""
    write_product("table", kind, experiment=load(config), benchmark=benchmark, stem=output)


@app.command()
def figure(
    kind: options.FigureKind,
    benchmark: options.Benchmark,
    output: options.Stem,
    config: options.ConfigFile = options.DEFAULT,
) -> None:
    """Make one of the paper's figures from the results of all runs."""
    write_product("figure", kind, experiment=load(config), benchmark=benchmark, stem=output)


@app.command()
def video(
    benchmark: options.Benchmark,
    output: Annotated[Path, typer.Option(help="The film, *.webm.")],
    config: options.ConfigFile = options.DEFAULT,
    sequence: Annotated[str, typer.Option(help="Test sequence; empty: the middle of the ranking.")] = "",
    run: Annotated[list[str] | None, typer.Option(help="Rows to draw, repeated; none: those of the figures.")] = None,
) -> None:
    """Film a test sequence with the tracks of some runs and the ground truth."""
    from had.films import film_sequence

    film_sequence(output, experiment=load(config), benchmark=benchmark, sequence=sequence, runs=run or [])


@app.command()
def database(output: options.Output, config: options.ConfigFile = options.DEFAULT) -> None:
    """Create the MLflow database, which jobs then share."""
    from had.run_database import client_of, shown, tracking_uri

    results = load(config).results
    client_of(results)
    options.mark(output, shown(tracking_uri(results)))


@app.command()
def log(benchmark: options.Benchmark, output: options.Output, config: options.ConfigFile = options.DEFAULT) -> None:
    """Send the scores, tables and figures of a benchmark to MLflow."""
    from had.evaluation.final import final_scores
    from had.experiment import log_benchmark

    experiment = load(config)
    scores = final_scores(experiment, benchmark)
    products = log_benchmark(experiment, benchmark=benchmark, scores=scores)
    options.mark(output, f"{len(scores)} runs, {products} tables and figures")


@app.command()
def config(
    call: typer.Context,
    file: Annotated[Path, typer.Argument(help="The experiment's YAML file.")] = options.DEFAULT,
    as_schema: Annotated[bool, typer.Option("--schema", help="The JSON schema of all keys instead.")] = False,
) -> None:
    """Check a configuration and show it with all its defaults."""
    options.refuse_unused(call, "with --schema", *(["file"] if as_schema else []))
    say(json.dumps(schema(), indent=2) if as_schema else dump(load(file)), newline=as_schema)


for _verbs in (app, cli_weights.app, cli_analysis.app):
    for _verb in _verbs.registered_commands:
        _verb.callback = _verb.callback and options.with_home(_verb.callback)


if __name__ == "__main__":
    main()
