# Which products there are, and which files each is made of. Functions and closed sets only.
from had.evaluation.explained import explained_runs
from had.evaluation.products import applicable
from had.evaluation.published import published_file
from had.evaluation.rows import profile_file, rows_of, shows_frames, started_rows, starts_file

TARGETS = {
    "all": ["tables", "figures", "videos", "page", "notebook", "mlflow"],
    "tables": ["tables"],
    "figures": ["figures"],
    "study": ["tables", "figures", "mlflow"],
}
ENDLESS = ["data", "page"]  # targets that do not ask whether all trackers could be scored


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
        "videos": [f"{RESULTS}/videos/{b}.webm" for b in BENCHMARKS if shows_frames(EXPERIMENT)],
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
