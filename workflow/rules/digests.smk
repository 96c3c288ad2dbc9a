# What a step depends on: a digest of exactly those options, so that changing others re-runs nothing. Functions only.
from functools import cache

from had.identity import digest, run_digest
from had.data.prepare import FORMAT_VERSION
from had.data.simulate.write import GENERATION
from had.files import file_digest
from had.options.neutral import decisive


def simulation_digest(wildcards):
    """The scene, the sensors and this split's size."""
    simulation = EXPERIMENT.benchmarks[wildcards.benchmark].simulation
    scenes = decisive(simulation, without=("train", "val", "test"))
    return digest(GENERATION, scenes, getattr(simulation, FOLDERS[wildcards.folder]))


@cache
def annotations_digest(benchmark, split):
    """The contents of a split's annotations, where they are a person's, who may correct them."""
    if benchmark in SIMULATED or benchmark in DOWNLOADED:
        return ""
    layout, folder = BENCHMARKS[benchmark], split_folder(benchmark, split)
    names = [name for name in (layout.boxes, layout.presence) if name]
    files = sorted(file for name in names for file in folder.glob(f"*/{name}"))
    files += [place / name for place in (folder, folder.parent) for name in layout.starts if (place / name).is_file()]
    return digest([(file.parent.name, file.name, file_digest(file)) for file in files])


def preparation_digest(wildcards):
    """Where the recordings are, how they are annotated and how they are prepared."""
    benchmark = EXPERIMENT.benchmarks[wildcards.benchmark]
    annotations = annotations_digest(wildcards.benchmark, wildcards.split)
    return digest(FORMAT_VERSION, benchmark.preparation, benchmark.root, *([annotations] if annotations else []))


def evaluation_digest(wildcards):
    """What a run's scores depend on beside its tracks."""
    return annotations_digest(wildcards.benchmark, "test")


def training_digest(wildcards):
    """The run's identity in MLflow, too."""
    return run_digest(EXPERIMENT, benchmark=wildcards.benchmark, run=wildcards.run, seed=int(wildcards.seed))


def tracking_digest(wildcards):
    """Crops and the tracker's options."""
    return digest(EXPERIMENT.crops, EXPERIMENT.tracking.scored)


def pseudo_labels_digest(wildcards):
    """Crops and what decides a track."""
    return digest(EXPERIMENT.crops, EXPERIMENT.tracking.decisive)


def starts_digest(wildcards):
    """What tracks depend on, and the jittered starts themselves."""
    return digest(tracking_digest(wildcards), [start for start in EXPERIMENT.tracking.starts.starts])


def explain_digest(wildcards):
    """Which crops, networks and terms; which sequence is in the middle follows from the scores."""
    return digest(EXPERIMENT.explain, EXPERIMENT.crops, EXPERIMENT.losses, EXPERIMENT.distillation)


@cache
def external_digest(benchmark, run):
    """The names and contents of an external tracker's files, which may be replaced by older ones."""
    return digest([(file.name, file_digest(file)) for file in external_tracks(EXPERIMENT, benchmark, run)])


def tracks_digest(wildcards):
    """What an external tracker's scores depend on."""
    return digest(evaluation_digest(wildcards), external_digest(wildcards.benchmark, wildcards.run))


def profile_digest(wildcards):
    """The crops and how many of them are timed."""
    return digest(EXPERIMENT.crops, EXPERIMENT.tracking.profile_frames)


def rows_digest():
    """The rows, their order and the statistics, and what others' rows are made of."""
    titles = {run: options.title for run, options in EXPERIMENT.runs.items()}
    return digest(
        list(titles),
        titles,
        CONTROLS,
        EXTERNAL,
        [EXPERIMENT.seeds_of(run) for run in titles],
        EXPERIMENT.evaluation,
        [external_digest(benchmark, run) for benchmark in BENCHMARKS for run in EXTERNAL],
    )


def table_digest(wildcards):
    """What all tables depend on, and what others have published."""
    return digest(rows_digest(), EXPERIMENT.published, EXPERIMENT.benchmarks[wildcards.benchmark].baselines)


def figure_digest(wildcards):
    """What a table depends on, and the figures' options."""
    return digest(table_digest(wildcards), EXPERIMENT.figures)


def notebook_digest(wildcards):
    """The rows of all benchmarks, and the figures' options."""
    return digest(rows_digest(), EXPERIMENT.figures)


def page_digest(wildcards):
    """The whole configuration, which the page shows, and the rows."""
    return digest(EXPERIMENT, rows_digest())
