"""What an experiment will cost: counted against known networks and by hand, read from disk, measured, printed."""

import json
import sys
from dataclasses import replace

import pytest
import toy
from toy_experiment import experiment

from had import cli
from had.config import load
from had.data.layouts import LAYOUTS
from had.options.experiment import Experiment
from had.plan import Plan, compute, disk, plan, report
from had.plan import networks as networks_module
from had.plan.jobs import Jobs
from had.plan.recordings import split_facts
from had.training import cost
from tests.data import complete_trees

PAPER = load("config/paper.yaml")
EVENTVOT, COESOT = LAYOUTS["eventvot"], LAYOUTS["coesot"]


@pytest.fixture(scope="module")
def counted():
    """The toy experiment, both ways, without a measurement."""
    return {kept: compute(experiment("none", keep_lessons=kept), measure=False) for kept in (False, True)}


def stage(work, run: str, name: str):
    (line,) = [line for line in work.work if (line.run, line.stage) == (run, name)]
    return line


@pytest.mark.parametrize(("run", "forward"), [("student", 61.8e9), ("teacher", 130.6e9)])
def test_operations_of_the_published_networks_are_as_others_counted_them(run, forward):
    found = cost.network_cost(PAPER.resolve(run), COESOT)
    assert found.forward == pytest.approx(forward, rel=2e-3)
    assert found.training == 3 * found.forward
    assert found.cells == 256


def test_voxels_are_counted_without_their_memory():
    teacher = load("config/smoke.yaml").resolve("teacher")
    assert cost.network_cost(teacher, EVENTVOT).forward > 1e6


def test_a_distilled_step_has_the_teachers_forward_pass(counted):
    work = counted[False]
    student, teacher = work.networks["coesot", "student"].forward, work.networks["coesot", "teacher"].forward
    frames = 2 * 10 * 2  # epochs, samples, frames of a clip
    assert stage(work, "student", "train").flops == frames * 3 * student
    assert stage(work, "had", "train").flops == frames * (3 * student + teacher)
    assert stage(work, "teacher", "train").flops == frames * 3 * teacher
    assert stage(work, "had", "validate").flops == 2 * 6 * student
    assert work.steps["coesot", "had"].frames == 4 * 2
    assert not [line for line in work.work if line.stage == "teach"]


def test_kept_lessons_are_asked_once(counted):
    work = counted[True]
    teacher = work.networks["coesot", "teacher"].forward
    assert stage(work, "had", "train").flops == stage(work, "student", "train").flops
    assert stage(work, "teacher", "teach").flops == 2 * 10 * 2 * teacher


@pytest.mark.parametrize("kept", [False, True])
def test_crops_without_labels_double_the_clips_and_their_tracks_are_made_once(kept):
    small = {"benchmarks": {"coesot": {"simulation": {"train": {"sequences": 5, "frames": 9}}}}}
    few = {"training": {"student": {"sequences": 2}}, "distillation": {"unlabelled": True}}
    work = compute(experiment("none", keep_lessons=kept, **small, **few), measure=False)
    student, teacher = (work.networks["coesot", run].forward for run in ("student", "teacher"))
    frames = 2 * 10 * 2  # epochs, samples, frames of a clip
    assert stage(work, "student", "train").frames == frames
    assert stage(work, "had", "train").frames == 2 * frames
    assert stage(work, "had", "train").flops == 2 * frames * (3 * student + (0 if kept else teacher))
    assert work.steps["coesot", "had"].frames == 2 * work.steps["coesot", "student"].frames
    assert stage(work, "teacher", "pseudo_label").flops == 5 * 9 * teacher
    if kept:
        assert stage(work, "teacher", "teach").frames == 2 * frames


def test_tracking_counts_frames_one_shot_crops_and_jittered_starts():
    small = {"benchmarks": {"coesot": {"simulation": {"test": {"sequences": 3, "frames": 9}}}}}
    starts = {"tracking": {"starts": {"shift": 0, "scales": [0.8, 0.9], "runs": ["had"]}}}
    work = compute(experiment("none", **small, **starts), measure=False)
    assert stage(work, "student", "track").frames == 3 * 9 + 2 * 3
    assert stage(work, "had", "track").frames == 3 * 3 * 9 + 2 * 3


def test_seeds_add_up():
    one, three = (compute(experiment("none", seeds=seeds), measure=False) for seeds in ([0], [0, 1, 2]))
    assert [3 * line.flops for line in one.work] == [line.flops for line in three.work]


def space(lines, benchmark: str, what: str):
    (line,) = [line for line in lines if (line.benchmark, line.what) == (benchmark, what)]
    return line


@pytest.fixture
def paper(tmp_path, monkeypatch):
    """config/paper.yaml with the toy's networks, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    sizes = experiment("none").model_dump(mode="json")
    changes = {name: sizes[name] for name in ("crops", "network", "training", "runs")}
    return Experiment.model_validate({**PAPER.model_dump(mode="json"), **changes})


def test_before_the_recordings_are_there_publishers_words_count_and_the_rest_is_unknown(paper):
    lines = disk(paper, compute(paper, measure=False))
    archives = space(lines, "eventvot", "archives")
    assert archives.about == "about"
    assert archives.bytes == pytest.approx((180.7 + 4.34 + 64.88) * 1e9)
    assert space(lines, "coesot", "archives").bytes == pytest.approx(265e9)
    events = space(lines, "eventvot", "prepared events")
    assert events.about == "at most"
    assert events.bytes == pytest.approx(5 / 5.47 * (249.92 - 28.16 - 0.703 - 9.94) * 1e9, rel=1e-3)
    unpacked = space(lines, "eventvot", "recordings")
    assert (unpacked.bytes, unpacked.about) == (pytest.approx(archives.bytes + events.bytes / 5 * (19 - 5.47)), "about")
    assert space(lines, "eventvot", "prepared voxels").bytes == 1141 * 499 * 4000 * 19
    assert space(lines, "coesot", "prepared events").bytes is None
    assert space(lines, "coesot", "prepared camera frames").about == "at least"
    assert split_facts(paper, "coesot", "test").frames == 176535


def test_what_nobody_states_is_named_and_no_number(paper):
    other = paper.model_copy(update={"benchmarks": {"visevent": paper.benchmarks["coesot"].model_copy()}})
    made = plan(other, Jobs({}, []), teraflops=1, assumption="", measure=False)
    found = report.totals(made)
    assert "visevent had track" in found["compute_unknown"]
    assert "visevent archives" in found["disk_unknown"]
    assert "unknown" in "".join(report.sentences(made))


def test_on_disk_frames_and_events_are_counted(paper, tmp_path):
    for layout in (EVENTVOT, COESOT):
        names = complete_trees.invented_names(layout.name, 3)
        complete_trees.write_complete(layout, tmp_path / "data" / layout.title, names)
    eventvot, coesot = (split_facts(paper, name, "test") for name in ("eventvot", "coesot"))
    assert eventvot.frames == coesot.frames == 3 * complete_trees.FRAMES
    assert eventvot.events == pytest.approx(3 * 4000, rel=0.01)
    assert coesot.events == pytest.approx(3 * 3000)
    assert split_facts(paper, "coesot", "train").sequences == 2  # without the name that val lists, too
    lines = disk(paper, compute(paper, measure=False))
    assert space(lines, "coesot", "prepared events").bytes == pytest.approx(8 * 3000 * 5)


def test_real_steps_are_timed_and_a_large_batch_is_scaled(monkeypatch):
    monkeypatch.setattr(cost, "ENOUGH_SECONDS", 0.01)
    whole = compute(experiment("none"), measure=True)
    assert whole.device == "cpu"
    assert 0 < whole.share <= 1
    assert {step.how for step in whole.steps.values()} == {"measured"}
    assert all(0 < step.seconds < 60 for step in whole.steps.values())
    assert all(line.seconds > 0 for line in whole.work)
    clip = whole.steps["coesot", "had"].flops // 4
    monkeypatch.setattr(networks_module, "BATCH_FLOPS", {"cpu": clip})
    steps = compute(experiment("none"), measure=True).steps
    assert steps["coesot", "had"].how == "measured on 1 of 4 clips"
    assert steps["coesot", "teacher"].how == "scaled from student"
    rate = steps["coesot", "student"].seconds / steps["coesot", "student"].flops
    assert steps["coesot", "teacher"].seconds == pytest.approx(rate * steps["coesot", "teacher"].flops)


def test_what_the_training_process_draws_itself_is_timed(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "load_split", lambda *_, **__: toy.toy_split(2))
    assert cost.loading_seconds(experiment(tmp_path), "coesot", "had") is None  # nothing is prepared
    index = tmp_path / "data" / "coesot" / "prepared" / "train" / "index.json"
    index.parent.mkdir(parents=True)
    index.write_text("{}")
    assert cost.loading_seconds(experiment(tmp_path), "coesot", "had") > 0
    workers = {"training": {"student": {"workers": 2}}}
    assert cost.loading_seconds(experiment(tmp_path, **workers), "coesot", "had") is None


def test_hours_follow_from_the_assumed_speed():
    made = plan(experiment("none"), Jobs({"table": 2}, ["it"]), teraflops=2.0, assumption="a guess", measure=False)
    assert isinstance(made, Plan)
    found = report.as_json(made)
    assert found["totals"]["gpu_hours"] == pytest.approx(found["totals"]["flops"] / 2e12 / 3600)
    assert found["totals"]["measured_hours"] is None
    busy = replace(made, compute=replace(made.compute, device="cpu", share=0.4))
    assert "got 40% of their threads' time" in " ".join(report.sentences(busy))
    said = " ".join(report.sentences(made))
    assert "busy" not in said
    assert "2 TFLOP/s (a guess)" in said
    assert "Missing: it." in said


def had_plan(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["had", "plan", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


def test_the_verb_asks_snakemake_for_the_jobs(monkeypatch, capsys, tmp_path):
    arguments = ["--configfile", "config/smoke.yaml", "--config", f"results={tmp_path}/none", "--config", "runs=[]"]
    assert had_plan(monkeypatch, *arguments, "--no-measure", "--json", str(tmp_path / "plan.json")) == 0
    assert json.loads((tmp_path / "plan.json").read_text())["jobs"]["evaluate"] == 2 * 3
    assert "No step was timed" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tflops", "0"], "--tflops above 0"),
        (["--config", "seeds"], "--config KEY=VALUE"),
        (["--config", "seds=[1]"], "did you mean 'seeds'"),
        (["--configfile", "config/smoke.yaml", "--configfile", "no.yaml"], "no file no.yaml"),
    ],
)
def test_a_wrong_call_is_one_sentence(monkeypatch, capsys, arguments, sentence):
    assert had_plan(monkeypatch, *arguments) == 2
    assert sentence in capsys.readouterr().err
