"""Every table and figure is made from results on disk without torch and without MLflow: seconds, not minutes."""

import subprocess
import sys

from synthetic import experiment, write_baselines, write_results

from had.config import dump
from had.evaluation.products import applicable

_SCRIPT = """
import sys
from pathlib import Path
from had import cli
from had.evaluation import style
from had.evaluation.products import write_product

style._SETTINGS["savefig.dpi"] = 30
for what, kind in (line.split() for line in sys.argv[2].split(",")):
    write_product(what, kind, experiment=cli.load(Path(sys.argv[1])), benchmark="coesot", stem=Path(sys.argv[3]) / kind)
    heavy = {"torch", "mlflow", "timm", "snakemake"} & set(sys.modules)
    assert not heavy, f"the {what} {kind} imports {heavy}"
print("all light")
"""


def test_no_table_or_figure_imports_torch_or_mlflow(tmp_path):
    source = {"coesot": {"baselines": str(tmp_path / "baselines.npz")}}
    evaluation = {"resamples": 50, "least_sequences": 2, "comparisons": [["had", "student"]]}
    one = experiment(tmp_path / "results", benchmarks=source, evaluation=evaluation)
    truth = write_results(one, "coesot", sequences=6, frames=12)
    write_baselines(tmp_path / "baselines.npz", [annotation.name for annotation in truth])
    (tmp_path / "config.yaml").write_text(dump(one))
    of_frames = {"strips", "responses", "failures"}  # they read prepared recordings, too
    kinds = [f"{what} {kind}" for what in ("table", "figure") for kind in applicable(what, one, "coesot")]
    kinds = [line for line in kinds if line.split()[1] not in of_frames]
    assert len(kinds) > 15
    command = [sys.executable, "-c", _SCRIPT, tmp_path / "config.yaml", ",".join(kinds), tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "all light", done.stderr[-2000:]


def test_what_reads_prepared_sequences_is_light_too():
    script = (
        "import sys\n"
        "from had.evaluation.figures import failures, responses, scenes, strips\n"
        "from had.data.sequences import load_split\n"
        "assert not {'torch', 'mlflow'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
