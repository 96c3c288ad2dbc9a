"""`make demo` from nothing, timed: its tables, commit, configuration and processor, written into README.md.

    python benchmarks/demo.py            # make readme: half an hour, on an idle machine

The demo runs in a results folder of its own, which is removed afterwards. Its ablation tables and the facts of the run
are kept in docs/demo/, and README's block is made of these files and of nothing else; a test holds the two together,
and the identities of the networks in the tables against those that config/config.yaml gives.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from had.config import load
from had.identity import run_digest

REPOSITORY = Path(__file__).resolve().parents[1]
KEPT = REPOSITORY / "docs" / "demo"
BENCHMARKS = ("eventvot", "coesot")
BEGIN, END = "<!-- demo:begin (written by make readme) -->", "<!-- demo:end -->"


def block(folder: Path) -> str:
    """README's block from the files of ``folder``: run.json and ablation_<benchmark>.md."""
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    tables = [(folder / f"ablation_{name}.md").read_text(encoding="utf-8").split("\n- ")[0] for name in BENCHMARKS]
    intro = (
        f"What `make demo` gave at commit {facts['commit']}, configuration {facts['configuration']}, in "
        f"{facts['minutes']:.0f} minutes ({facts['processor_minutes']:.0f} minutes of processor time) on "
        f"{facts['cores']} cores of {facts['processor']}; load before it: {facts['load']:.1f}. ΔSR is paired with the "
        "student; [...] is a 95 % interval over the test sequences. How these numbers were chosen, and real "
        "recordings: [docs/demo.md](docs/demo.md)."
    )
    return "\n".join([BEGIN, intro, "", "\n\n".join(table.strip() for table in tables), END])


def replaced(page: str, new: str) -> str:
    """The page with its block exchanged."""
    before, rest = page.split(BEGIN, 1)
    return before + new + rest.split(END, 1)[1]


def identities() -> dict[str, str]:
    """What decides each network of the tables: ``<benchmark>/<run>/seed<k>`` -> `run_digest`."""
    experiment = load(REPOSITORY / "config" / "config.yaml")
    asked = [(name, run, seed) for name in BENCHMARKS for run in experiment.runs for seed in experiment.seeds_of(run)]
    return {f"{b}/{run}/seed{seed}": run_digest(experiment, benchmark=b, run=run, seed=seed) for b, run, seed in asked}


def processor() -> str:
    """The processor's name, family and model number, which tell virtual machines of one name apart."""
    text = Path("/proc/cpuinfo").read_text()
    known = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in known.items()}
    return f"{facts.get('model name', 'unknown')} (family {facts.get('cpu family')}, model {facts.get('model')})"


def git(*words: str) -> str:
    """What git answers in this repository."""
    return subprocess.run(["git", *words], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Run, measure, write."""
    import cv2

    if git("status", "--porcelain", "--untracked-files=no"):
        sys.exit("expected a clean checkout, got uncommitted changes; commit them, so that the table names its code")
    results = REPOSITORY / "results" / "from_nothing"
    if results.exists():
        sys.exit(f"expected no folder {results}, got one; remove it, so that the demo begins with nothing")
    facts = {"commit": git("rev-parse", "--short=10", "HEAD"), "processor": processor(), "cores": os.cpu_count()}
    facts |= {"load": os.getloadavg()[0], "networks": identities()}
    begin = time.monotonic()
    subprocess.run(["make", "demo", f"RESULTS={results.relative_to(REPOSITORY)}"], cwd=REPOSITORY, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts["minutes"] = round((time.monotonic() - begin) / 60, 1)
    facts["processor_minutes"] = round((used.ru_utime + used.ru_stime) / 60, 1)
    KEPT.mkdir(exist_ok=True)
    for name in BENCHMARKS:
        table = results / "tables" / f"ablation_{name}.md"
        facts["configuration"] = table.read_text(encoding="utf-8").split("Configuration ")[1][:12]
        shutil.copy(table, KEPT)
    (KEPT / "run.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    readme = REPOSITORY / "README.md"
    readme.write_text(replaced(readme.read_text(encoding="utf-8"), block(KEPT)), encoding="utf-8")
    picture = cv2.imread(str(results / "figures" / "strips_coesot.png"))
    size = 1400, round(picture.shape[0] * 1400 / picture.shape[1])
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(REPOSITORY / "docs" / "images" / "strips_coesot.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    shutil.rmtree(results)


if __name__ == "__main__":
    main()
