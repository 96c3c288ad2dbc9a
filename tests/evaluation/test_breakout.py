"""BOC of all rows: equal to the official values, and left out with its reason where baselines lack a sequence."""

import csv

import numpy as np
import pandas as pd
import pytest
from synthetic import experiment, write_baselines, write_results

from had.errors import ConfigError, DataError
from had.evaluation.baselines import read_baselines
from had.evaluation.benchmark import read_curves
from had.evaluation.breakout import breakout_scores
from had.evaluation.products import write_product


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def made(folder):
    source = {"coesot": {"baselines": str(folder / "baselines.npz")}}
    one = experiment(folder, runs=["student"], seeds=[0, 1], controls=["static"], benchmarks=source)
    return one, [annotation.name for annotation in write_results(one, "coesot", sequences=6, frames=12)]


def written(made, folder, kind="main"):
    write_product("table", kind, experiment=made[0], benchmark="coesot", stem=folder / kind)
    return pd.read_csv(folder / f"{kind}.csv").set_index("run"), (folder / f"{kind}.md").read_text()


def test_the_baselines_own_boc_is_the_official_one(shared):
    home = shared / "data" / "coesot_baseline_curves"
    stored = read_baselines(home / "baseline15_curves.npz")
    success = stored.curves.overlap.mean(axis=-1)
    rows = [
        ("coesot", tracker, 0, sequence, "SR", value)
        for tracker, line in zip(stored.trackers, success, strict=True)
        for sequence, value in zip(stored.sequences, line, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["benchmark", "run", "seed", "sequence", "metric", "value"])
    found = breakout_scores(table, stored, resamples=50, seed=0)
    with (home / "expected_overall.csv").open() as file:
        expected = {row["tracker"]: float(row["BOC"]) for row in csv.DictReader(file)}
    for own in (True, False):
        half = found[found["baseline"] == own]["BOC"]
        assert half.to_dict() == pytest.approx(expected, abs=1e-9)
    assert (((found["BOC_low"] + found["BOC_high"]) / 2 - found["BOC"]).abs() < 0.01).all()


def test_the_main_table_has_the_boc_of_the_seeds_mean(made, folder):
    one, names = made
    write_baselines(folder / "baselines.npz", ["another", *names[::-1]])
    table, content = written(made, folder)
    stored = read_baselines(folder / "baselines.npz")
    hard = 1 - stored.curves.overlap[:, [stored.sequences.index(name) for name in names]].mean(axis=(0, 2))
    wanted = np.mean([(read_curves(one, "coesot", "student", k).overlap.mean(axis=1) * hard).mean() for k in (0, 1)])
    assert table.loc["student", "BOC"] == pytest.approx(wanted, abs=1e-12)
    assert (table["BOC_low"] <= table["BOC"]).all()
    assert (table["BOC"] <= table["BOC_high"]).all()
    assert "mean SR of the 3 baselines" in content


def test_baselines_that_lack_a_sequence_are_left_out_with_the_reason(made, folder):
    write_baselines(folder / "baselines.npz", made[1][1:])
    table, content = written(made, folder)
    assert "BOC" not in table
    assert f"baselines.npz lacks 1 of the 6 evaluated sequences, {made[1][0]} for one." in content
    for kind in ("success", "boc"):
        write_product("figure", kind, experiment=made[0], benchmark="coesot", stem=folder / kind)


def test_missing_or_broken_baselines_are_one_sentence(made, folder, tmp_path):
    (folder / "baselines.npz").unlink()
    with pytest.raises(DataError, match=r"baselines.npz"):
        written(made, folder)
    source = made[0].benchmarks["coesot"].model_copy(update={"baselines": None})
    without = made[0].model_copy(update={"benchmarks": {"coesot": source}})
    with pytest.raises(ConfigError, match=r"benchmarks.coesot.baselines for BOC"):
        write_product("figure", "boc", experiment=without, benchmark="coesot", stem=tmp_path / "boc")
