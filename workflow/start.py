"""What `make demo`, `make report` and `make ui` do: `python workflow/start.py demo|report|ui`.

Enters: the environment variables CONFIGFILE, RESULTS (empty: what the configuration says), CORES and PORT. Each goes on
as one argument of a program; no shell reads them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import psutil

from had.config import load
from had.errors import ConfigError, HadError
from had.files import atomic_file, check_folder

STATE = Path(".snakemake")
SIGNED = STATE / "host.txt"
"""The machine on which the last run began; `workflow/rules/common.smk` writes it."""
PATIENCE_SECONDS = 1800
"""How long jobs are waited for that a killed run has left."""


def main(what: str) -> None:
    """One of the three; a wrong input is one sentence and exit status 2, a failed program its exit status."""
    given, configfile = os.environ.get("RESULTS", ""), os.environ.get("CONFIGFILE") or "config/config.yaml"
    configfile = os.path.expanduser(configfile)
    try:
        results = load(configfile, {"results": given} if given else {}).results
        check_folder(results)
        if what == "ui":
            show(results)
        # Options first: `--configfile` takes all that follows.
        snakemake = [sys.executable, "-m", "snakemake"]
        files = ["--configfile", configfile, *([str(laid_over(given))] if given else [])]
        if what == "demo" or not (results / "config.yaml").is_file():
            run(snakemake, files)
        report(snakemake, files, results)
        if what == "demo":
            say(results)
    except HadError as error:
        sys.exit(refusal(error))


def refusal(error: HadError) -> int:
    """Print the sentence of an error; its exit status."""
    print(f"had: {error}", file=sys.stderr)
    return 2


def laid_over(results: str) -> Path:
    """A further configuration that changes the folder of results: in a file, what follows `--config` is not text."""
    file = STATE / "results.yaml"
    with atomic_file(file) as part:
        part.write_text(json.dumps({"results": results}), encoding="utf-8")
    return file


def run(snakemake: list[str], files: list[str]) -> None:
    """Everything, after the locks of a killed run are removed."""
    unlock()
    cores = os.environ.get("CORES") or "all"
    call([*snakemake, f"--cores={cores}", "--rerun-incomplete", "--quiet", "host", "reason", *files])


def call(command: list[str]) -> None:
    """A program to its end; what it returns, if that is no success, is the end of this one, too."""
    if status := subprocess.run(command, check=False).returncode:
        sys.exit(status if status > 0 else 128 - status)


def unlock() -> None:
    """Remove the locks that a killed run has left in this folder, where none of its processes lives any more.

    Jobs that it has left are waited for, because they still write.

    Raises:
        ConfigError: another run goes on here, the locks are those of another machine, or a job does not end.
    """
    locks = sorted((STATE / "locks").glob("*.lock"))
    if not locks:
        return
    if any(lock.stat().st_uid != os.getuid() for lock in locks):
        raise ConfigError("a folder of one's own", f"locks of another user in {STATE / 'locks'}", "ask that user")
    end, waiting = time.monotonic() + PATIENCE_SECONDS, False
    while living := alive():
        runs = [process for process, words in living if "snakemake" in words]
        if runs or time.monotonic() > end:
            process = (runs or [living[0][0]])[0]
            got = f"process {process.pid}, which works here"
            raise ConfigError("a folder in which no other run goes on", got, "wait for it, or end it")
        if not waiting:
            print(f"Waiting for process {living[0][0].pid}, a job that a killed run has left", flush=True)
        waiting = True
        time.sleep(1)
    signed = SIGNED.read_text(encoding="utf-8").strip() if SIGNED.is_file() else platform.node()
    if signed != platform.node():
        got = f"locks of a run on {signed}"
        raise ConfigError("a folder in which no other run goes on", got, "see there, then call snakemake --unlock")
    print("Removing the locks that a killed run has left", flush=True)
    for lock in locks:
        lock.unlink(missing_ok=True)


def alive() -> list[tuple[psutil.Process, set[str]]]:
    """Processes of the workflow in this folder, this one and those above it left out, with the words of their calls."""
    here, own = Path.cwd().resolve(), psutil.Process()
    ours = {own.pid, *(process.pid for process in own.parents())}
    found = []
    for process in psutil.process_iter():
        try:
            words = {word.rpartition("/")[2] for part in process.cmdline() for word in part.split()}
            known = words & {"snakemake", "had.cli"} and process.pid not in ours and runs_code(process)
            if known and Path(process.cwd()).resolve() == here:
                found.append((process, words))
        except (psutil.AccessDenied, psutil.NoSuchProcess):  # another user's, whose the locks are not, or ended
            continue
    return found


def runs_code(process: psutil.Process) -> bool:
    """Whether it is no editor or pager that only shows a file of that name."""
    return process.status() != psutil.STATUS_ZOMBIE and process.name().startswith(("python", "bash", "sh", "snakemake"))


def report(snakemake: list[str], files: list[str], results: Path) -> None:
    """Snakemake's report as one HTML file, where tables or figures are newer."""
    file = results / "report" / "report.html"
    shown = [*results.glob("tables/*.csv"), *results.glob("figures/*.png")]
    if file.is_file() and all(one.stat().st_mtime <= file.stat().st_mtime for one in shown):
        return
    part = file.with_name("report.part.html")
    part.parent.mkdir(parents=True, exist_ok=True)
    call([*snakemake, f"--report={part}", "--quiet", "host", *files])
    part.replace(file)


def show(results: Path) -> None:
    """MLflow's pages, in the place of this process."""
    from had.run_database import tracking_uri

    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    port = os.environ.get("PORT") or "5000"
    command = ["mlflow", "ui", f"--backend-store-uri={tracking_uri(results)}", "--host=127.0.0.1", f"--port={port}"]
    os.execv(sys.executable, [sys.executable, "-m", *command])


def say(results: Path) -> None:
    """The ablation tables, and where everything else is."""
    for table in sorted(results.glob("tables/ablation_*.md")):
        print(f"\n{table.read_text(encoding='utf-8')}", end="")
    print(f"""
Tables    {results}/tables/   (csv, md, tex)
Figures   {results}/figures/  (pdf, png)
Page      {results}/report/index.html   (all runs, curves and tracks)
Report    {results}/report/report.html
Notebooks {results}/notebooks/   (ablation, attributes, sequence)
MLflow    {results}/mlflow.db   (make ui)""")


if __name__ == "__main__":
    main(sys.argv[1])
