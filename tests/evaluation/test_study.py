"""Planned comparisons and single networks: regimes, common seeds, intervals over seeds, refusals."""

import numpy as np
import pandas as pd
import pytest
from synthetic import experiment, write_results

from had.config import dump, load
from had.errors import ConfigError
from had.evaluation.page.scores import scores_of
from had.evaluation.products import applicable, write_product
from had.evaluation.statistics import crossed_means, interval
from had.evaluation.study import table
from had.evaluation.tables import table as paper_table
from had.identity import run_digest

PAIRS = [["had", "student"], ["had", "hdetrack"], ["teacher", "student"]]
FEW = {"title": "3 sequences", "training": {"sequences": 3}, "distillation": {"weights": {"response": 2.0}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    one = experiment(
        tmp_path_factory.mktemp("results"),
        seeds=[0, 1],
        run_seeds={"hdetrack": [1]},
        regimes={"few": FEW},
        evaluation={"resamples": 300, "comparisons": PAIRS},
    )
    write_results(one, "coesot")
    for kind in ("comparisons", "runs", "ablation"):
        write_product("table", kind, experiment=one, benchmark="coesot", stem=one.results / f"tables/{kind}_coesot")
    return one


def read(one, kind):
    return pd.read_csv(one.results / f"tables/{kind}_coesot.csv", keep_default_na=False)


def test_a_regime_repeats_every_student_and_no_teacher(made):
    assert {"student_few", "had_few"} < set(made.runs)
    assert "teacher_few" not in made.runs
    few, usual = made.resolve("had_few"), made.resolve("had")
    assert (few.training.sequences, usual.training.sequences) == (3, None)
    assert (few.distillation.weights.response, usual.distillation.weights.response) == (2.0, 1.0)
    assert few.terms == usual.terms
    assert made.seeds_of("hdetrack_few") == (1,)
    assert made.seeds_of("had_few") == (0, 1)


def test_a_dumped_configuration_has_the_same_rows(made, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(dump(made))
    assert load(path) == made


def test_what_a_run_overrides_comes_before_the_regime(made):
    source = made.model_dump(mode="json")
    source["runs"] = {"student": {"title": "S", "training": {"sequences": 2}}, "teacher": source["runs"]["teacher"]}
    source["run_seeds"], source["evaluation"]["comparisons"] = {}, []
    assert load(source).resolve("student_few").training.sequences == 2


def test_a_regime_may_have_some_students_only(made):
    source = {**made.model_dump(mode="json"), "runs": {n: r.model_dump() for n, r in made.runs.items() if not r.regime}}
    source["regimes"] = {"few": {**FEW, "runs": ["student", "had"]}}
    assert [name for name, run in load(source).runs.items() if run.regime] == ["student_few", "had_few"]
    source["regimes"]["few"]["runs"] = ["hda"]
    with pytest.raises(ConfigError, match=r"regimes.few.runs names 'hda'"):
        load(source)


def test_comparisons_are_made_in_every_regime_on_the_common_seeds(made):
    table = read(made, "comparisons")
    assert list(zip(table["first"], table["second"], strict=True)) == [
        ("had", "student"),
        ("had", "hdetrack"),
        ("teacher", "student"),
        ("had_few", "student_few"),
        ("had_few", "hdetrack_few"),
        ("teacher", "student_few"),
    ]
    assert list(table["seeds"]) == [2, 1, 2, 2, 1, 2]
    for name in ("SR", "one_shot_iou"):
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()
        several = table["seeds"] > 1  # a difference of one seed has neither a p nor an interval over seeds
        p, corrected = (pd.to_numeric(table[f"{name}_p{end}"]) for end in ("", "_holm"))
        assert list(p.notna()) == list(corrected.notna()) == list(several)
        assert (p[several] <= corrected[several] + 1e-12).all()
        assert list(pd.to_numeric(table[f"{name}_crossed_low"]).notna()) == list(several)
    runs = read(made, "runs")
    mean = runs[runs["seed"] == 1].set_index("run")["SR"]
    expected = mean["had"] - mean["hdetrack"]
    assert table.loc[1, "SR"] == pytest.approx(expected)
    assert table.loc[1, "SR_agreeing"] == f"{int(expected > 0)}/1"


def test_with_one_training_seed_nothing_is_ranked_and_no_p_is_given(tmp_path):
    evaluation = {"resamples": 50, "comparisons": PAIRS}
    one = experiment(tmp_path, seeds=[3], regimes={"few": FEW}, evaluation=evaluation, tracking={"starts": {}})
    write_results(one, "coesot", sequences=6, frames=12)
    for kind in ("main", "ablation", "attributes", "comparisons", "robustness"):
        write_product("table", kind, experiment=one, benchmark="coesot", stem=tmp_path / kind)
        said, tex = ((tmp_path / f"{kind}{end}").read_text() for end in (".md", ".tex"))
        below_caption, marks = said.split("\n|")[0], said.split("**Published")[0].split("**", 2)[2]
        for text in (below_caption, tex[: tex.index(r"\begin{tabular}")]):
            assert "tell networks from baselines, not rows from each other" in text, kind
        assert "**" not in marks
        assert "<u>" not in said
        assert "textbf" not in tex
        assert "underline" not in tex
        assert not any(word in said for word in ("Holm", " p |", "| p (", "p: two-sided", "in bold"))
    for kind in ("ablation", "comparisons"):
        data = pd.read_csv(tmp_path / f"{kind}.csv")
        assert data.filter(regex="_p(_holm)?$").isna().all(axis=None)
        assert data.filter(regex="_low$").notna().any(axis=None)


def test_a_row_of_one_seed_among_others_is_named_and_not_ranked(made):
    ablation = paper_table(made, "coesot", "ablation")
    assert ablation.above.startswith("Trained with one seed: HDETrack (hierarchical), ")
    data = ablation.data.set_index("run")
    assert data.loc[["had", "had_few"], "SR_p_holm"].notna().all()
    assert data.loc[["hdetrack", "hdetrack_few"], "SR_p_holm"].isna().all()
    ranked = dict(zip(data.index, ablation.ranked, strict=True))
    assert (ranked["had"], ranked["hdetrack"], ranked["teacher"]) == (True, False, False)


def test_trackers_alone_are_ranked_and_tested(tmp_path):
    external = {name: str(tmp_path / name) for name in ("a", "b")}
    evaluation = {"resamples": 50, "comparisons": [["a", "b"]]}
    one = experiment(tmp_path / "r", runs={}, external=external, controls=["static"], evaluation=evaluation)
    write_results(one, "coesot", sequences=6, frames=12)
    main = paper_table(one, "coesot", "main")
    assert main.above == ""
    assert all(main.ranked)
    assert table(one, "coesot", "comparisons").data["SR_p_holm"].notna().all()


def test_over_one_sequence_no_interval_and_no_p_is_printed(tmp_path):
    evaluation = {"resamples": 50, "comparisons": PAIRS, "least_sequences": 1}
    one = experiment(tmp_path, seeds=[0, 1], evaluation=evaluation, tracking={"starts": {}})
    write_results(one, "coesot", sequences=1, frames=12)
    for kind in ("main", "ablation", "attributes", "comparisons", "robustness"):
        write_product("table", kind, experiment=one, benchmark="coesot", stem=tmp_path / kind)
        data, said = pd.read_csv(tmp_path / f"{kind}.csv"), (tmp_path / f"{kind}.md").read_text()
        assert data.filter(regex="_(low|high|p|p_holm)$").isna().all(axis=None)
        assert "[" not in said
        assert "<sub>–</sub>" in said or kind == "attributes"
        assert r"\tiny ." not in (tmp_path / f"{kind}.tex").read_text()
        assert "percentile bootstrap" not in said
    for kind in applicable("figure", one, "coesot"):
        if kind not in ("strips", "failures", "responses"):  # those show recordings
            write_product("figure", kind, experiment=one, benchmark="coesot", stem=tmp_path / kind)
    scores = scores_of(one, "coesot")
    assert {end for subset in scores["subsets"] for end in subset["low"]["SR"]} == {None}
    assert {tuple(found[1:]) for found in scores["pairs"]["SR"]} == {(None, None, None)}


def test_the_command_names_the_tracks_of_crops_without_labels(tmp_path):
    few = {**FEW, "distillation": {"unlabelled": True}}
    one = experiment(tmp_path, seeds=[0, 2], run_seeds={"teacher": [0, 1]}, regimes={"few": few})
    write_results(one, "coesot")
    commands = table(one, "coesot", "runs").data.set_index(["run", "seed"])["command"]
    assert f"--tracks {tmp_path}/pseudo_labels/coesot/seed0 " in commands["had_few", 2]
    assert "--tracks" not in commands["student_few", 2] + commands["had", 2]


def test_every_network_has_a_line_with_its_digest_and_command(made):
    runs = read(made, "runs")
    trained = [(run, seed) for run in made.runs for seed in made.seeds_of(run)]
    assert list(zip(runs["run"], runs["seed"], strict=True)) == trained
    first = runs.iloc[0]
    assert first["digest"] == run_digest(made, benchmark="coesot", run=first["run"], seed=int(first["seed"]))
    assert f"--run {first['run']} --seed {first['seed']}" in first["command"]


def test_the_ablation_compares_within_a_regime(made):
    data = paper_table(made, "coesot", "ablation").data.set_index("run")
    difference = data.loc["had_few", "SR"] - data.loc["student_few", "SR"]
    assert data.loc["had_few", "SR_difference"] == pytest.approx(difference)
    assert np.isnan(data.loc["student_few", "SR_difference"])


def test_crossed_resampling_covers_the_spread_of_the_seeds():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 0.01, (60, 1)) + rng.normal(0, 1, (1, 5))
    low, high = interval(crossed_means(values, resamples=2000, seed=0), 5)
    assert high - low > 0.8
    alone = crossed_means(values[:, :1], resamples=2000, seed=0)
    assert np.ptp(alone) < 0.02
    with_gap = np.concatenate([values, np.full((1, 5), np.nan)])
    assert np.array_equal(crossed_means(with_gap, resamples=50, seed=1), crossed_means(values, resamples=50, seed=1))


def test_unplanned_comparisons_and_unknown_names_are_one_sentence(made, tmp_path):
    unplanned = made.model_copy(update={"evaluation": made.evaluation.model_copy(update={"comparisons": ()})})
    with pytest.raises(ConfigError, match="none"):
        write_product("table", "comparisons", experiment=unplanned, benchmark="coesot", stem=tmp_path / "t")
    for changes in ({"run_seeds": {"hda": [0]}}, {"evaluation": {"comparisons": [["hda", "student"]]}}):
        with pytest.raises(ConfigError, match=r"'hda', which is no r(un|ow)"):
            experiment(tmp_path, **changes)
    with pytest.raises(ConfigError, match="'hda', which is no run: there are none"):
        experiment(tmp_path, runs={}, regimes={}, run_seeds={"hda": [0]}, evaluation={"comparisons": []})


def test_fewer_teachers_are_shared_in_turn(tmp_path):
    shared = experiment(tmp_path, seeds=[0, 1, 2, 3], run_seeds={"teacher": [0, 2]})
    assert [shared.teacher_seed(seed) for seed in (0, 1, 2, 3)] == [0, 2, 2, 2]
    own = experiment(tmp_path, seeds=[0, 1, 2, 3])
    assert [own.teacher_seed(seed) for seed in own.seeds] == [0, 1, 2, 3]
    digests = [run_digest(one, benchmark="coesot", run="had", seed=1) for one in (shared, own)]
    assert digests[0] != digests[1]  # another teacher, another run
