# What is not made here: recordings on disk and published weights, who fetches them, and what is said where they are
# missing. Functions and closed sets only.
from had.data.sources import missing_lists, recordings_source


def downloaded_marker(benchmark):
    """The file that says that `had download` has done its part."""
    return f"{RESULTS}/data/{benchmark}/downloaded.txt"


def to_download(benchmark):
    """What the rule `download` does for a benchmark; None where the folder is the user's own.

    A root that a person has filled by `had download` is as good as the user's own once its lists are there.
    """
    root = EXPERIMENT.benchmarks[benchmark].root
    source = None if root is None else recordings_source(benchmark, root, DATASETS)
    if source is None or source.fetchable or Path(downloaded_marker(benchmark)).is_file():
        return source
    return source if missing_lists(benchmark, root) else None


DOWNLOADED = {name: source for name in BENCHMARKS if (source := to_download(name))}
WEIGHTS = {
    path.as_posix(): source
    for run in EXPERIMENT.runs
    if (path := EXPERIMENT.resolve(run).training.initial_weights) and (source := weights_source(path, DATASETS))
}


def unlisted(benchmark, split):
    """One line about a split of the user's own folder that has no list; empty: it has, or another rule makes it."""
    if benchmark in SIMULATED or benchmark in DOWNLOADED or split_list(benchmark, split):
        return ""
    root, folder = recordings(benchmark), split_folder(benchmark, split)
    title = BENCHMARKS[benchmark].title
    return (
        f"{title} has no list.txt in {folder}: `had verify {benchmark} --root {quote(str(root))}` says what is missing"
    )


def missing(jobs):
    """(line, steps of a person or nothing) for all that jobs, given as (name, wildcards), need and only a person can get.

    Weights that are there are held against what is published of them.
    """
    found = {}
    for name, wildcards in jobs:
        if name in ("download", "weights"):
            source = DOWNLOADED[wildcards["benchmark"]] if name == "download" else WEIGHTS[wildcards["weights"]]
            found[source.missing()] = source.steps()
        elif name == "prepare":
            found[unlisted(wildcards["benchmark"], wildcards["split"])] = ""
    return [(line, steps) for line, steps in found.items() if line]


def say_what_is_missing():
    """A line each on standard error, so that a dry run says it, too; jobs on a cluster, which read this again, do not."""
    jobs = [("download", {"benchmark": b}) for b in DOWNLOADED if not os.path.isfile(downloaded_marker(b))]
    jobs += [("weights", {"weights": file}) for file in WEIGHTS if not os.path.isfile(file)]
    for b in BENCHMARKS if shows_frames(EXPERIMENT) else []:
        needed = BENCHMARKS[b].splits if EXPERIMENT.runs else ["test"]
        splits = [split for split in needed if not os.path.isfile(*prepared(b, split))]
        jobs += [("prepare", {"benchmark": b, "split": split}) for split in splits]
    for line, _ in missing(jobs) if workflow.is_main_process else []:
        print(f"Missing: {line}; until then a run stops before its first job", file=sys.stderr)


def refuse_what_is_missing():
    """End a run before its first job where one of its jobs needs what only a person can get; say how it is got."""
    try:
        found = missing((job.rule.name, job.wildcards) for job in workflow.dag.needrun_jobs())
        for file, source in WEIGHTS.items():
            source.check(Path(file))
    except HadError as error:
        sys.exit(f"had: {error}")
    if found:
        sys.exit(
            "\n".join([*(steps for _, steps in found if steps), *(f"had: {line}; no job was run" for line, _ in found)])
        )


try:
    say_what_is_missing()
except HadError as error:
    sys.exit(f"had: {error}")
