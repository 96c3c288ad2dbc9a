# What all rules use: the checked configuration, the closed sets of names, where things lie. Functions only.
import os
import platform
import re
import sys
from pathlib import Path
from shlex import quote

REPOSITORY = Path(str(workflow.current_basedir)).parents[1]
sys.path.insert(0, str(REPOSITORY))

from snakemake.common.configfile import load_configfile

from had.config import dump, load
from had.identity import digest
from had.data.layouts import layout_of
from had.data.sources import weights_source
from had.errors import ConfigError, HadError
from had.evaluation.products import KINDS
from had.evaluation.published import published_scores
from had.evaluation.rows import external_tracks, tracks_folder
from had.files import atomic_file, check_folder
from had.options.base import merge, with_nulls

# --- the configuration ---------------------------------------------------------------------------


AS_MODULE = not workflow.modifier.is_main_snakefile()


def given_configuration():
    """The file of the configuration: the first `--configfile`, else config/config.yaml.

    As a module the workflow reads the caller's `config` alone, and data files beside this one.
    """
    if AS_MODULE:
        return REPOSITORY / "config" / "config.yaml"
    return Path((workflow.config_settings.configfiles or [REPOSITORY / "config" / "config.yaml"])[0])


DATASETS = given_configuration().parent / "datasets"


def checked_configuration():
    """`--configfile`, else config/config.yaml, with `--config` laid over it; external trackers' files are there.

    So are published scores. A given file stands alone, it is not merged over config/config.yaml; several are merged in
    order.
    """
    settings = workflow.config_settings
    first, more = given_configuration(), (settings.configfiles or [])[1:]
    overrides = {}
    if AS_MODULE:
        first, more = with_nulls(dict(config)), []
    else:
        for content in (*map(load_configfile, more), with_nulls(settings.config)):
            overrides = merge(overrides, dict(content))
    try:
        if AS_MODULE and not config:
            got = "none, or an empty one"
            raise ConfigError(
                "`config: config` in the module statement", got, "give it, with the keys of config/config.yaml"
            )
        experiment = load(first, overrides)
        check_folder(experiment.results)
        starts = {experiment.resolve(run).training.initial_weights for run in experiment.runs} - {None}
        later = {path for path in starts if not path.is_file() and weights_source(path, DATASETS)}
        if starts - later:
            from had.training.build import check_initial_weights

            check_initial_weights(experiment, later=later)
        for benchmark in experiment.benchmarks:
            published_scores(experiment, benchmark)
            for run in experiment.external:
                external_tracks(experiment, benchmark, run)
        return experiment
    except HadError as error:
        sys.exit(f"The configuration cannot be used: {error}")


EXPERIMENT = checked_configuration()
RESULTS = EXPERIMENT.results.as_posix()
CONFIGURATION = f"{RESULTS}/config.yaml"
if AS_MODULE and str(workflow.modifier.path_modifier.modify(CONFIGURATION, "output")) != CONFIGURATION:
    sys.exit(
        "The module cannot be used: expected no prefix in its statement, got one; put the folder into config['results']"
    )


def sign_locks():
    """The machine on which this run goes on, beside its locks: `make demo` removes those of its own machine only."""
    with atomic_file(Path(".snakemake/host.txt")) as temporary:
        temporary.write_text(f"{platform.node()}\n", encoding="utf-8")


def write_configuration():
    """The resolved configuration that every `had` call of this run reads; untouched where it is the same."""
    path, content = Path(CONFIGURATION), dump(EXPERIMENT)
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        with atomic_file(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


# A module's `onstart` is never called.
if AS_MODULE and workflow.is_main_process:
    write_configuration()

# --- how jobs call `had` ------------------------------------------------------------------------

# Without conda: this interpreter, whether its environment is activated or not. With conda: the job's
# environment, which comes first on the PATH. In both, `had` is this very copy of the repository.
# The malloc settings keep freed tensors mapped, which makes training 10 to 20 % faster.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))
shell.prefix(
    "set -euo pipefail; "
    "export MALLOC_TRIM_THRESHOLD_=1073741824 MALLOC_MMAP_THRESHOLD_=33554432; "
    f'had() {{{{ PYTHONPATH={quote(str(REPOSITORY))} python -m had.cli "$@"; }}}}; '
)

# --- the closed sets of names --------------------------------------------------------------------

BENCHMARKS = {name: layout_of(name) for name in EXPERIMENT.benchmarks}
SIMULATED = [name for name in BENCHMARKS if EXPERIMENT.benchmarks[name].root is None]
FOLDERS = {folder: split for layout in BENCHMARKS.values() for split, folder in layout.splits.items()}
ALIASES = {alias: name for name, layout in BENCHMARKS.items() for alias in layout.aliases}
TEACHERS = [name for name, run in EXPERIMENT.runs.items() if run.role == "teacher"]
STUDENTS = [name for name, run in EXPERIMENT.runs.items() if run.role == "student"]
CONTROLS = list(EXPERIMENT.controls)
EXTERNAL = list(EXPERIMENT.external)
TABLES = list(KINDS["table"])
FIGURES = list(KINDS["figure"])
NOTEBOOKS = ["ablation", "attributes", "sequence"]


def one_of(names):
    """A wildcard constraint that matches these names and nothing else."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    benchmark=one_of(BENCHMARKS),
    split=one_of(sorted(set(FOLDERS.values()))),
    folder=one_of(FOLDERS),
    run=one_of([*TEACHERS, *STUDENTS, *CONTROLS, *EXTERNAL]),
    seed=r"\d+",
    table=one_of(TABLES),
    figure=one_of(FIGURES),
    alias=one_of(ALIASES),
    notebook=one_of(NOTEBOOKS),
    lessons="[0-9a-f]{12}",


# --- where things lie ----------------------------------------------------------------------------


def recordings(benchmark):
    """The root of a benchmark's recordings in the published layout."""
    return EXPERIMENT.benchmarks[benchmark].root or Path(f"{RESULTS}/data/{benchmark}/raw")


def split_folder(benchmark, split):
    """The folder of a split's recordings and annotations."""
    return recordings(benchmark) / BENCHMARKS[benchmark].splits[split]


def split_list(benchmark, split):
    """The list of a split's sequences; of recordings on disk only where it exists (`had prepare` explains).

    Of recordings that are downloaded the file that says so: their lists do not exist before.
    """
    if benchmark in DOWNLOADED:
        return [downloaded_marker(benchmark)]
    path = split_folder(benchmark, split) / "list.txt"
    return [path.as_posix()] if benchmark in SIMULATED or path.is_file() else []


def prepared(benchmark, *splits):
    """The indexes of those prepared splits that the benchmark has."""
    return [f"{RESULTS}/data/{benchmark}/prepared/{s}/index.json" for s in splits if s in BENCHMARKS[benchmark].splits]


def teacher_weights(wildcards):
    """The teacher of a benchmark's students of one seed."""
    seed = EXPERIMENT.teacher_seed(int(wildcards.seed))
    return f"{RESULTS}/checkpoints/{wildcards.benchmark}/teacher/seed{seed}/model.safetensors"


def teacher_of(wildcards):
    """The weights that a distilled run learns from."""
    return [teacher_weights(wildcards)] if EXPERIMENT.resolve(wildcards.run).needs_teacher else []


def pseudo_labels(wildcards, run):
    """The teacher's tracks of the training split, for a run that is distilled without labels."""
    if not EXPERIMENT.resolve(run).reads_unlabelled:
        return []
    seed = EXPERIMENT.teacher_seed(int(wildcards.seed))
    return [f"{RESULTS}/pseudo_labels/{wildcards.benchmark}/seed{seed}/summary.json"]


def option_of_folder(name, files):
    """`--name FOLDER` for the folder of the one file; nothing without it."""
    return f"--{name} {quote(str(Path(str(files)).parent))}" if files else ""


def initial_weights_of(wildcards):
    """The published checkpoint that a run starts from."""
    path = EXPERIMENT.resolve(wildcards.run).training.initial_weights
    return [] if path is None else [path.as_posix()]


def lessons_name(run):
    """Runs whose lessons have the same name share them."""
    return digest(EXPERIMENT.resolve(run).lessons)


def reads_lessons(run):
    """Whether what can be kept is all that the run wants of its teacher."""
    options = EXPERIMENT.resolve(run)
    return bool(options.terms) and not options.needs_whole_teacher


def lessons_of(wildcards):
    """What the teacher says about a run's crops, where the configuration wants it kept.

    Ancient: only another teacher repeats a run. Not temporary: Snakemake would write the lessons again for a further
    run, and repeat all that had read them.
    """
    if not EXPERIMENT.keep_lessons or not reads_lessons(wildcards.run):
        return []
    name = lessons_name(wildcards.run)
    return ancient(f"{RESULTS}/lessons/{wildcards.benchmark}/seed{wildcards.seed}/{name}/index.json")


def forget_lessons():
    """The disk space back; a run that is added later asks the teacher itself and comes out the same."""
    for array in Path(RESULTS).glob("lessons/*/*/*/*.npy"):
        array.unlink()


def run_of_lessons(wildcards):
    """One of the runs that share the lessons."""
    return next(run for run in STUDENTS if reads_lessons(run) and lessons_name(run) == wildcards.lessons)


def track_folder(wildcards):
    """Where a run's result files are."""
    return tracks_folder(EXPERIMENT, wildcards.benchmark, wildcards.run, wildcards.seed).as_posix()


def tracks_of(wildcards):
    """The file that says that a run's tracks are complete; of an external tracker all its result files.

    Links to nothing are no input, which would end the run or leave the old scores: `had evaluate` names them.
    """
    if wildcards.run in EXTERNAL:
        files = external_tracks(EXPERIMENT, wildcards.benchmark, wildcards.run)
        return [file.as_posix() for file in files if file.is_file()]
    return [f"{track_folder(wildcards)}/summary.json"]


# --- resources -----------------------------------------------------------------------------------


def graphics_cards(wildcards):
    """Graphics cards of a job that runs a network: none where the configuration asks for the processor."""
    return 0 if EXPERIMENT.device == "cpu" else 1
