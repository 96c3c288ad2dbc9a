# What all rules use: the checked configuration, the closed sets of names, the targets. Functions only.
import os
import re
import sys
from pathlib import Path
from shlex import quote

REPOSITORY = Path(str(workflow.current_basedir)).parents[1]
sys.path.insert(0, str(REPOSITORY))

from snakemake.common.configfile import load_configfile

from had.config import digest, dump, load
from had.data.layouts import layout_of
from had.data.sources import missing_lists, recordings_source, weights_source
from had.errors import HadError
from had.evaluation.explained import explained_runs
from had.evaluation.products import KINDS, applicable
from had.evaluation.published import published_file, published_scores
from had.evaluation.rows import (
    external_tracks,
    profile_file,
    rows_of,
    shows_frames,
    started_rows,
    starts_file,
    tracks_folder,
)
from had.files import atomic_file
from had.options.base import merge, with_nulls

# --- the configuration ---------------------------------------------------------------------------


def given_configuration():
    """The file of the configuration: the first `--configfile`, else config/config.yaml."""
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
    for content in (*map(load_configfile, more), with_nulls(settings.config)):
        overrides = merge(overrides, dict(content))
    try:
        experiment = load(first, overrides)
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


def write_configuration():
    """The resolved configuration that every `had` call of this run reads; untouched where it is the same."""
    path, content = Path(CONFIGURATION), dump(EXPERIMENT)
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        with atomic_file(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


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
TARGETS = {
    "all": ["tables", "figures", "videos", "page", "notebook", "mlflow"],
    "tables": ["tables"],
    "figures": ["figures"],
    "study": ["tables", "figures", "mlflow"],
}
ENDLESS = ["data", "page"]  # targets that do not ask whether all trackers could be scored


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


def per_network(benchmark, pattern):
    """`pattern` with every trained run and its seeds."""
    return [
        file
        for run in [*TEACHERS, *STUDENTS]
        for file in expand(f"{RESULTS}/{pattern}", benchmark=benchmark, run=run, seed=EXPERIMENT.seeds_of(run))
    ]


def per_external(benchmark, pattern):
    """`pattern` with every external tracker."""
    return expand(f"{RESULTS}/{pattern}", benchmark=benchmark, run=EXTERNAL, seed=0)


def per_run(benchmark, pattern):
    """`pattern` with every run; what is not trained has seed 0 only."""
    controls = expand(f"{RESULTS}/{pattern}", benchmark=benchmark, run=CONTROLS, seed=0)
    return per_network(benchmark, pattern) + controls + per_external(benchmark, pattern)


def profiles(benchmark):
    """What `had profile` measured, where the experiment has networks."""
    return [profile_file(EXPERIMENT, benchmark).as_posix()] if EXPERIMENT.runs else []


def profiles_and_summaries(benchmark):
    """What a network costs: measured speed and size, training time and memory."""
    return profiles(benchmark) + per_network(benchmark, "checkpoints/{benchmark}/{run}/seed{seed}/summary.json")


def published_files(benchmark, *, curves, scores):
    """What others have published: the stored curves of a benchmark's baselines, the file of scores."""
    files = [EXPERIMENT.benchmarks[benchmark].baselines if curves else None]
    files += [published_file(EXPERIMENT) if scores else None]
    return [path.as_posix() for path in files if path is not None]


def scores_of_starts(benchmark):
    """The scores of the chosen rows from every jittered first box."""
    rows = started_rows(EXPERIMENT)
    return [starts_file(EXPERIMENT, benchmark, row.run, seed).as_posix() for row in rows for seed in row.seeds]


def explained_models(wildcards):
    """The students that are explained, and the teacher of the first."""
    runs = explained_runs(EXPERIMENT)
    seeds = {run: EXPERIMENT.seeds_of(run)[0] for run in runs}
    seeds["teacher"] = EXPERIMENT.teacher_seed(seeds[runs[0]])
    folder = f"{RESULTS}/checkpoints/{wildcards.benchmark}"
    return [f"{folder}/{run}/seed{seed}/model.safetensors" for run, seed in seeds.items()]


def explanations():
    """What `had explain` leaves, where the experiment has a teacher and a student."""
    return [f"{RESULTS}/explain/{b}/index.json" for b in BENCHMARKS if explained_runs(EXPERIMENT)]


def notebooks():
    """The notebooks that have something to show."""
    shown = {
        "ablation": bool(EXPERIMENT.runs),
        "attributes": bool(rows_of(EXPERIMENT)) and any(layout.attributes for layout in BENCHMARKS.values()),
        "sequence": shows_frames(EXPERIMENT),
    }
    return [f"{RESULTS}/notebooks/{name}.ipynb" for name in NOTEBOOKS if shown[name]]


def notebook_input(wildcards):
    """The tables and scores that a notebook reads; `sequence` also the explained crops."""
    scores = [f for b in BENCHMARKS for f in per_run(b, "metrics/{benchmark}/{run}/seed{seed}/curves.npz")]
    made = {"ablation": products("tables", "figures"), "attributes": [], "sequence": explanations()}
    return scores + made[wildcards.notebook]


def films(benchmark):
    """The list of the films of the sequences that decide; of external trackers alone there are none."""
    compared = "sequences" in applicable("table", EXPERIMENT, benchmark)
    wanted = EXPERIMENT.figures.films and compared and shows_frames(EXPERIMENT)
    return [f"{RESULTS}/videos/{benchmark}/films.txt"] if wanted else []


def table_input(wildcards):
    """The scores of all rows; single tables also read what networks cost, other starts, and what others have published."""
    kind, benchmark = wildcards.table, wildcards.benchmark
    if kind == "published":
        return published_files(benchmark, curves=False, scores=True)
    more = profiles_and_summaries(benchmark) if kind == "cost" else []
    if kind == "main":
        more = published_files(benchmark, curves=True, scores=True)
    if kind == "robustness":
        more = scores_of_starts(benchmark)
    if kind == "sequences":
        more = films(benchmark)
    return per_run(benchmark, "metrics/{benchmark}/{run}/seed{seed}/per_sequence.csv") + more


def figure_input(wildcards):
    """The curves of all rows; the losses read the histories instead; single figures also read what the networks
    cost, the published curves, or the prepared sequences."""
    if wildcards.figure == "losses":
        return per_network(wildcards.benchmark, "checkpoints/{benchmark}/{run}/seed{seed}/history.csv")
    more = profiles_and_summaries(wildcards.benchmark) if wildcards.figure == "speed" else []
    if wildcards.figure in ("success", "precision", "normalized_precision", "boc"):
        more = published_files(wildcards.benchmark, curves=True, scores=False)
    if wildcards.figure in ("strips", "responses", "failures"):
        more = prepared(wildcards.benchmark, "test")
    if wildcards.figure == "robustness":
        more = scores_of_starts(wildcards.benchmark)
    return per_run(wildcards.benchmark, "metrics/{benchmark}/{run}/seed{seed}/curves.npz") + more


def pictures(benchmark):
    """The prepared test split, whose frames the page shows; not made for external trackers alone."""
    return prepared(benchmark, "test") if shows_frames(EXPERIMENT) else []


def named(what):
    """The tables or figures that apply, each with its benchmark's name behind it."""
    return [f"{kind}_{benchmark}" for benchmark in BENCHMARKS for kind in applicable(what, EXPERIMENT, benchmark)]


def products(*kinds):
    """All files of the named kinds: the one place that says what is made. What does not apply is left out."""
    rows = bool(rows_of(EXPERIMENT))
    made = {
        "data": [file for b in BENCHMARKS for file in prepared(b, "train", "val", "test")],
        "tables": [f"{RESULTS}/tables/{t}.{e}" for t in named("table") for e in ("csv", "md", "tex")],
        "figures": [f"{RESULTS}/figures/{f}.{e}" for f in named("figure") for e in ("pdf", "png")],
        "videos": [f"{RESULTS}/videos/{b}.mp4" for b in BENCHMARKS if shows_frames(EXPERIMENT)],
        "page": [f"{RESULTS}/report/index.html"] if rows else [],
        "notebook": notebooks(),
        "mlflow": [f"{RESULTS}/logs/mlflow_{b}.txt" for b in BENCHMARKS if rows],
    }
    return [file for kind in kinds for file in made[kind]]


def asked_for():
    """The rules and files that this call names; `all` where it names none. Only known when jobs are looked for."""
    return ["all" if name == "default" else str(name) for name in workflow.dag_settings.targets] or ["all"]


def target(name):
    """What a target makes; where there are external trackers it ends with the question whether all could be scored.

    All targets of a call ask it together, so that nothing of the others is left when the answer is no.
    """

    def wanted(wildcards):
        together = "+".join(sorted({n for n in asked_for() if n in [*TARGETS, *ENDLESS]})) or name
        return products(*TARGETS[name]) + ([f"{RESULTS}/logs/all_scored/{together}.txt"] if EXTERNAL else [])

    return wanted


def before_all_scored(wildcards):
    """Whatever the call makes: the products of its targets, and single files that it names."""
    targets = wildcards.targets.split("+")
    kinds = [kind for name in targets for kind in TARGETS.get(name, [name])]
    files = [name for name in asked_for() if not workflow.is_rule(name) and "logs/all_scored/" not in name]
    return list(dict.fromkeys(products(*kinds) + files))


# --- resources -----------------------------------------------------------------------------------


def graphics_cards(wildcards):
    """Graphics cards of a job that runs a network: none where the configuration asks for the processor."""
    return 0 if EXPERIMENT.device == "cpu" else 1
