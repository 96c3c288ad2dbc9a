"""The published experiment, config/paper.yaml, over miniature roots in the published layouts: planned, refused, run."""

import csv
import json
import os
from pathlib import Path

import pytest
import torch

from had.config import load
from had.data.datasets import read_dataset
from had.data.layouts import LAYOUTS
from had.models.network import build_network
from had.models.published import Published, match
from had.training.cost import streams_of
from tests.data import complete_trees
from tests.workflow.conftest import REPOSITORY, Snakemake, output
from tests.workflow.test_graph import jobs

PAPER = ("--configfile", "config/paper.yaml")
TOY = (*PAPER, str(REPOSITORY / "tests" / "workflow" / "paper_toy.yaml"))
SHARED = Path(os.environ.get("HAD_SHARED", REPOSITORY.parent / "shared"))
WHOLE = {"eventvot": {"train": 841, "val": 18, "test": 282}, "coesot": {"train": 800, "val": 27, "test": 527}}


def recordings(snakemake: Snakemake, count: int | None) -> dict[str, dict[str, list[str]]]:
    """Both roots, where config/paper.yaml looks for them: ``count`` sequences a split, None: all that are published."""
    written = {}
    for benchmark in ("eventvot", "coesot"):
        layout = LAYOUTS[benchmark]
        lists = {"eventvot": "eventvot_lists", "coesot": "coesot_annotations"}[benchmark]
        names = complete_trees.published_names(benchmark, SHARED) if count is None else None
        names = names or complete_trees.invented_names(benchmark, count)
        table = SHARED / "data" / lists / "attributes.csv" if count is None else None
        complete_trees.write_complete(layout, snakemake.folder / "data" / layout.title, names, table)
        written[benchmark] = names
    return written


def test_the_whole_graph_over_both_published_layouts(snakemake):
    """Every split, list and count as published, where the lists are at hand; with invented names otherwise."""
    whole = (SHARED / "data").is_dir()
    names = recordings(snakemake, None if whole else 20)
    if whole:
        assert {b: {s: len(found) for s, found in splits.items()} for b, splits in names.items()} == WHOLE
        on_disk = [path for path in (snakemake.folder / "data" / "COESOT" / "test").iterdir() if path.is_dir()]
        assert len(on_disk) == 528
    answer = snakemake("-n", *PAPER)
    counts = jobs(answer)
    assert "Missing: " not in output(answer)
    assert counts.pop("weights") == 1
    networks, rows = 6, 9
    assert counts == {
        "database": 1,
        "prepare": 2 * 3,
        "train_teacher": 2,
        "distill": 2 * (networks - 1),
        "track": 2 * networks,
        "track_control": 2 * 3,
        "profile": 2,
        "evaluate": 2 * rows,
        "table": 14,
        "figure": 26,
        "explain": 2,
        "films": 2,
        "video": 2,
        "page": 1,
        "notebook": 3,
        "mlflow": 2,
        "default": 1,
        "total": counts["total"],
    }
    assert not (snakemake.folder / "results").exists()


def test_what_is_missing_is_one_line_of_a_dry_run_and_ends_a_real_one_at_once(snakemake):
    planned = snakemake("-n", *PAPER)
    assert jobs(planned)["download"] == 2
    lines = [line for line in output(planned).splitlines() if line.startswith("Missing: ")]
    assert [line.split()[1] for line in lines] == ["EventVOT", "COESOT"]
    assert "`had download coesot --root data/COESOT` says how" in lines[1]
    answer = snakemake("--cores", "2", *PAPER)
    assert answer.returncode == 1
    said = output(answer)
    assert "put train.zip (180.7 GB as stated) into data/EventVOT/archives/train/" in said
    assert "open https://pan.baidu.com/" in said
    assert "had: COESOT (train, test) is not in data/COESOT" in said
    assert "Traceback" not in said
    assert not (snakemake.folder / "results").exists()
    again = snakemake("--cores", "1", *PAPER)
    assert "--unlock" not in output(again)


def test_a_folder_without_lists_is_named_before_any_job(snakemake):
    recordings(snakemake, 3)
    (snakemake.folder / "data/COESOT/val/list.txt").unlink()
    assert "COESOT has no list.txt in data/COESOT/val" in output(snakemake("-n", *TOY))
    answer = snakemake("--cores", "1", *TOY, "--", "data")
    assert answer.returncode == 1
    assert "had: COESOT has no list.txt in data/COESOT/val" in output(answer)
    assert not (snakemake.folder / "results").exists()


def test_the_published_experiment_runs_at_toy_size(snakemake):
    """From both roots to a table, a figure, a film, page and notebook; names in two lists and in none are left out.

    Two networks and a product of each kind, for the time that it takes; nothing but their number is left out.
    """
    recordings(snakemake, 3)
    rows = ("--config", "runs=[teacher, had]", "controls=[static]", "figures={films: false, sequences: 1}")
    products = [
        f"{kind}_{b}.{end}" for b in WHOLE for kind, end in (("tables/main", "csv"), ("figures/success", "pdf"))
    ]
    products += ["report/index.html", "notebooks/attributes.ipynb"]
    answer = snakemake("--cores", "2", *TOY, *rows, "--", *(f"results/paper/{product}" for product in products))
    assert answer.returncode == 0, output(answer)[-20_000:]
    results = snakemake.folder / "results" / "paper"
    for benchmark, title in (("eventvot", "EventVOT"), ("coesot", "COESOT")):
        index = json.loads((results / "data" / benchmark / "prepared" / "test" / "index.json").read_text())
        assert len(index["sequences"]) == 3, title
        with (results / "tables" / f"main_{benchmark}.csv").open() as file:
            assert sorted(row["run"] for row in csv.DictReader(file)) == ["had", "static", "teacher"]
        assert (results / "figures" / f"success_{benchmark}.pdf").read_bytes().startswith(b"%PDF")
    index = json.loads((results / "data" / "coesot" / "prepared" / "train" / "index.json").read_text())
    assert complete_trees.DOUBLED not in [meta["name"] for meta in index["sequences"]]
    assert "benchmark-coesot" in (results / "report" / "index.html").read_text()
    assert (results / "notebooks" / "attributes.ipynb").is_file()
    assert len(list(results.glob("videos/*.webm"))) == 2


def test_recordings_on_disk_take_the_place_of_simulated_ones(snakemake):
    """`null` after --config is none, not a text."""
    recordings(snakemake, 3)
    roots = [f"{b}: {{root: data/{LAYOUTS[b].title}, simulation: null}}" for b in ("eventvot", "coesot")]
    there = f"benchmarks={{{', '.join(roots)}}}"
    counts = jobs(snakemake("-n", "--configfile", "config/smoke.yaml", "--config", there))
    assert counts["prepare"] == 6
    assert "simulate" not in counts


@pytest.mark.parametrize("name", ["eventvot", "coesot"])
def test_the_trees_hold_nothing_but_what_is_published(tmp_path, name):
    layout = LAYOUTS[name]
    root = complete_trees.write_complete(layout, tmp_path / "root", complete_trees.invented_names(name, 2))
    allowed = {layout.boxes, layout.presence, layout.list_file, "attributes.csv"}
    for path in root.rglob("*"):
        assert path.is_dir() or path.name in allowed or path.suffix == Path(layout.raw).suffix


@pytest.mark.parametrize("name", ["paper", "official"])
def test_the_published_networks_start_from_mae(name):
    """Every tensor that MAE has is in its file's place, both image streams' patch embedding included."""
    experiment = load(REPOSITORY / "config" / f"{name}.yaml")
    published = read_dataset("weights", REPOSITORY / "config" / "datasets")
    for run in experiment.runs:
        options = experiment.resolve(run)
        assert options.training.initial_weights.name == published.edition()[1].items["mae"].files[0].name
        for layout in (LAYOUTS["eventvot"], LAYOUTS["coesot"]):
            with torch.device("meta"):
                network = build_network(options, streams_of(layout, options))
                encoder = {f"backbone.{key}": weight for key, weight in network.encoder.state_dict().items()}
                names = ("backbone.patch_embed.", "backbone.blocks.", "backbone.norm.")
                tensors = {key: weight for key, weight in encoder.items() if key.startswith(names)}
                tensors["backbone.pos_embed"] = torch.zeros(1, 197, 768)
                report, _ = match(network, Published(Path("mae"), "mae", tensors, "", "", {}))
            assert not report.missing
            assert not report.misfits
            assert not [key for key in report.absent if "patch_embed" in key]
