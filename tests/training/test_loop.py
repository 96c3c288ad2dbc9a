"""Training: repeatable to the bit, also when it was killed on the way."""

import csv
import json
import os
import signal
import time

import pytest
import torch
import yaml
from conftest import REPOSITORY
from safetensors.torch import load_file
from toy_experiment import Recorded, experiment, load_toy_split

from had.config import load
from had.errors import CheckpointError, ConfigError
from had.losses.objective import Objective
from had.models.weights import load_network
from had.training import build, clips, loop


@pytest.fixture
def record(monkeypatch):
    recorded = Recorded()
    for module in (build, clips):
        monkeypatch.setattr(module, "load_split", load_toy_split)
    monkeypatch.setattr(loop, "open_run", recorded.open_run)
    return recorded


def train(output, run="student", teacher=None, seed=0, **changes):
    options = experiment(output / "results", **changes)
    loop.train(options, benchmark="coesot", run=run, seed=seed, data=output, output=output, teacher=teacher)
    return load_file(output / "model.safetensors")


def equal(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture
def teacher(tmp_path, record):
    train(tmp_path / "teacher", "teacher")
    return tmp_path / "teacher" / "model.safetensors"


def rows(output):
    with (output / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_outputs(tmp_path, record):
    train(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "history.csv", "summary.json"}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["steps"], summary["samples"]) == (6, 20)
    assert summary["peak_memory_mb"] > 50
    assert 0 <= summary["val_iou"] <= 1
    history = rows(tmp_path)
    assert [(row["epoch"], row["step"]) for row in history] == [("1", "3"), ("2", "6")]
    assert list(history[0]) == ["epoch", "step", "seconds", "lr", "total", "focal", "giou", "l1", "val_iou"]
    network, provenance = load_network(tmp_path / "model.safetensors")
    assert summary["parameters"] == sum(weight.numel() for weight in network.parameters())
    assert (provenance["run"], provenance["seed"], provenance["digest"]) == ("student", 0, summary["digest"])
    assert provenance["options"]["crops"]["search_size"] == 32
    assert provenance["tracking"] == experiment(tmp_path).tracking.carried
    assert record.identity == {"benchmark": "coesot", "run": "student", "seed": 0, "stage": "train"}
    assert [step for step, _ in record.rows] == [3, 6]
    assert {"train/total", "train/lr", "val/iou"} <= record.rows[0][1].keys()


def test_epochs_that_the_database_missed_are_recorded_after_a_later_one(tmp_path, record, monkeypatch):
    log, answers = record.log, [False, True, True]
    monkeypatch.setattr(record, "log", lambda metrics, step: answers.pop(0) and log(metrics, step))
    train(tmp_path)
    assert [step for step, _ in record.rows] == [3, 6]
    assert answers == []


def test_same_seed_same_file_other_seed_other_file(tmp_path, record):
    first, second, other = (train(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert equal(first, second)
    assert not equal(first, other)


@pytest.mark.parametrize("run", ["student", "had"])
@pytest.mark.parametrize("killed_at", [1, 3, 5])
def test_killed_run_goes_on_to_the_same_weights(tmp_path, record, teacher, monkeypatch, run, killed_at):
    """Killed by SIGTERM after a step: inside the first epoch, at its end, inside the second."""
    whole = train(tmp_path / "whole", run, teacher)
    step, taken = loop.run_step, []

    def killed(job, sample, *place):
        taken.append(1)
        if len(taken) == killed_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(job, sample, *place)

    monkeypatch.setattr(loop, "run_step", killed)
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "parts", run, teacher)
    assert stopped.value.code == 143
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["last.pt"]
    torch.manual_seed(987)  # a new process starts anywhere
    assert equal(train(tmp_path / "parts", run, teacher), whole)
    assert len(taken) == 6
    left, right = rows(tmp_path / "whole"), rows(tmp_path / "parts")
    for row in (*left, *right):
        del row["seconds"]
    assert left == right
    assert not (tmp_path / "parts/last.pt").exists()


def test_a_request_while_validating_saves_at_once(tmp_path, record, monkeypatch):
    whole, validate, asked = train(tmp_path / "whole"), loop.validate, []

    def killed(job):
        asked.append(1)
        if len(asked) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
            raise AssertionError("validated all the same")
        return validate(job)

    monkeypatch.setattr(loop, "validate", killed)
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "parts")
    assert stopped.value.code == 143
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["last.pt"]
    assert equal(train(tmp_path / "parts"), whole)
    assert len(asked) == 3
    left, right = rows(tmp_path / "whole"), rows(tmp_path / "parts")
    for row in (*left, *right):
        del row["seconds"]
    assert left == right


def test_crash_between_epochs_resumes_at_the_epoch(tmp_path, record, monkeypatch):
    """No signal at all (power cut): what counts is what the last epoch's end had saved."""
    whole = train(tmp_path / "whole")
    step, taken = loop.run_step, []

    def crashes(job, sample, *place):
        taken.append(1)
        if len(taken) == 5:
            raise MemoryError
        return step(job, sample, *place)

    monkeypatch.setattr(loop, "run_step", crashes)
    with pytest.raises(MemoryError):
        train(tmp_path / "parts")
    assert equal(train(tmp_path / "parts"), whole)
    assert len(taken) == 5 + 3


def test_finished_run_is_not_repeated(tmp_path, record):
    train(tmp_path)
    before = (tmp_path / "model.safetensors").stat().st_mtime_ns
    train(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_mtime_ns == before
    assert len(record.rows) == 2


@pytest.mark.parametrize("gone", ["model.safetensors", "history.csv", "summary.json"])
def test_a_run_that_lacks_a_file_is_not_finished(tmp_path, record, gone):
    train(tmp_path)
    before = load_file(tmp_path / "model.safetensors")
    (tmp_path / gone).unlink()
    assert equal(train(tmp_path), before)
    assert (tmp_path / gone).is_file()


def test_the_time_left_is_the_whole_runs(tmp_path, record, monkeypatch):
    totals = []

    def watched(items, *, total, **labels):
        totals.append(total)
        return items

    monkeypatch.setattr(loop, "progress", watched)
    train(tmp_path)
    assert totals == [6, 3]


def test_state_of_another_configuration_does_not_stand_in_the_way(tmp_path, record, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "export", lambda job, output: None)
        with pytest.raises(FileNotFoundError):
            train(tmp_path / "changed")
    changed = train(tmp_path / "changed", losses={"l1": 3.0})
    assert equal(changed, train(tmp_path / "fresh", losses={"l1": 3.0}))
    assert len(list((tmp_path / "changed").glob("last-*.pt"))) == 1


def test_workers_change_nothing(tmp_path, record):
    alone = train(tmp_path / "alone")
    helped = train(tmp_path / "helped", training={"student": {"workers": 1}})
    assert equal(alone, helped)


def test_distillation_changes_the_student_and_leaves_the_teacher(tmp_path, record, teacher):
    before = teacher.read_bytes()
    plain, distilled = train(tmp_path / "plain"), train(tmp_path / "had", "had", teacher)
    assert plain.keys() == distilled.keys()
    assert not equal(plain, distilled)
    assert teacher.read_bytes() == before
    assert {"feature", "similarity", "response", "temporal", "spatial"} <= rows(tmp_path / "had")[0].keys()


def test_what_distillation_learns_beside_the_student_is_not_exported(tmp_path, record, teacher):
    """GRUs and projectors vanish: the distilled student is the undistilled one with other values."""
    plain, distilled = train(tmp_path / "plain"), train(tmp_path / "had", "had", teacher)
    assert {name: tensor.shape for name, tensor in plain.items()} == {n: t.shape for n, t in distilled.items()}
    summaries = [json.loads((tmp_path / run / "summary.json").read_text()) for run in ("plain", "had")]
    assert summaries[0]["parameters"] == summaries[1]["parameters"]
    network, _ = load_network(tmp_path / "had" / "model.safetensors")
    assert sum(weight.numel() for weight in network.parameters()) == summaries[0]["parameters"]


def test_the_temporal_state_does_not_vanish(tmp_path, record, teacher):
    """After a training at toy size the states still vary; that motion is learned: tests/losses/test_temporal.py."""
    longer = {"epochs": 6, "samples": 48, "alignment_learning_rate": 0.02}
    train(tmp_path / "had", "had", teacher, training={"student": longer}, crops={"clip_frames": 3})
    last = rows(tmp_path / "had")[-1]
    assert float(last["temporal_variance"]) > 0.01
    assert float(last["temporal_student_variance"]) > 0.001
    # Untrained GRUs vary as much: what they cannot do is learn (there 1.03 and 0.83, here 0.28 and 0.54).
    assert float(last["temporal"]) < 0.6
    assert float(last["temporal_motion"]) < 0.75


@pytest.mark.parametrize("run", ["official_code", "wkd", "otkd"])
def test_released_losses_leave_their_random_modules_as_they_are(tmp_path, record, teacher, run):
    source = experiment(tmp_path).model_dump(mode="json")
    source["runs"][run] = yaml.safe_load((REPOSITORY / f"config/runs/{run}.yaml").read_text())
    options, identity = load(source), {"benchmark": "coesot", "run": run, "seed": 0, "data": tmp_path}
    job = build.build_training(options, **identity, teacher=teacher)
    before = {name: tensor.clone() for name, tensor in job.objective.state_dict().items()}
    assert before
    loop.train(options, **identity, output=tmp_path / run, teacher=teacher)
    again = build.build_training(options, **identity, teacher=teacher)
    assert equal(before, again.objective.state_dict())
    assert len(job.optimizer.param_groups) == 2
    assert load_file(tmp_path / run / "model.safetensors").keys() == train(tmp_path / "plain").keys()


def test_a_student_with_few_labels_sees_the_first_sequences_alone(tmp_path, record):
    few = experiment(tmp_path, training={"student": {"sequences": 2}})
    identity = {"benchmark": "coesot", "run": "student", "seed": 0, "data": tmp_path, "teacher": None}
    jobs = [build.build_training(options, **identity) for options in (few, experiment(tmp_path))]
    names = [[sequence.name for sequence in job.clips.sequences] for job in jobs]
    assert names == [names[1][:2], names[1]]
    assert len(names[1]) == 3


def test_validation_does_not_train(tmp_path, record):
    identity = {"benchmark": "coesot", "run": "student", "seed": 0, "data": tmp_path, "teacher": None}
    job = build.build_training(experiment(tmp_path), **identity)
    job.network.train()
    before = {name: tensor.clone() for name, tensor in job.network.state_dict().items()}
    first = loop.validate(job)
    assert not job.network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in job.network.state_dict().items())
    assert loop.validate(job) == first  # no stochastic depth


def test_teacher_is_frozen_and_in_evaluation_mode(tmp_path, record, teacher):
    identity = {"benchmark": "coesot", "run": "had", "seed": 0}
    job = build.build_training(experiment(tmp_path), **identity, data=tmp_path, teacher=teacher)
    assert not any(weight.requires_grad for weight in job.teacher.network.parameters())
    assert not job.teacher.network.training
    assert job.clips.streams == ("event_image", "rgb")


def test_distilled_run_without_teacher_is_refused(tmp_path, record):
    with pytest.raises(CheckpointError, match="train the run `teacher` first"):
        train(tmp_path, "had")


def test_student_as_teacher_is_refused(tmp_path, record):
    train(tmp_path / "student")
    with pytest.raises(CheckpointError, match="rgb, event_image"):
        train(tmp_path / "had", "had", tmp_path / "student/model.safetensors")


def test_student_can_start_from_the_teacher(tmp_path, record, teacher):
    identity = {"benchmark": "coesot", "run": "student", "seed": 0, "data": tmp_path}
    options = experiment(tmp_path, distillation={"teacher_initialization": True})
    started = build.build_training(options, **identity, teacher=teacher)
    assert started.teacher is None
    source = load_file(teacher)
    name = next(name for name in source if name.endswith("blocks.0.attn.qkv.weight"))
    own = started.network.state_dict()[name.replace("backbone.", "backbone_s.")]
    assert torch.equal(own, source[name])


def test_training_can_start_from_a_published_file(tmp_path, record):
    weights = train(tmp_path / "first")
    torch.save({"net": weights, "epoch": 50}, tmp_path / "published.pth.tar")
    start = {"training": {"student": {"initial_weights": str(tmp_path / "published.pth.tar")}}}
    identity = {"benchmark": "coesot", "run": "student", "seed": 1, "data": tmp_path, "teacher": None}
    job = build.build_training(experiment(tmp_path, **start), **identity)
    assert equal(job.network.state_dict(), weights)
    torch.save({"net": {k: v + 1 for k, v in weights.items()}}, tmp_path / "published.pth.tar")
    assert build.build_training(experiment(tmp_path, **start), **identity).digest != job.digest
    torch.save({"net": {k: v for k, v in weights.items() if "box_head" not in k}}, tmp_path / "published.pth.tar")
    with pytest.raises(CheckpointError, match=r"without box_head"):
        train(tmp_path / "second", **start)


def test_every_step_is_clipped_scheduled_and_told_how_far_it_is(tmp_path, record, teacher, monkeypatch):
    rates, norms, modes, told = [], [], [], []
    step, forward = loop.run_step, Objective.forward

    def watched_step(job, *arguments):
        rates.append(job.optimizer.param_groups[0]["lr"])
        modes.append(job.network.training and job.objective.training)
        parts = step(job, *arguments)
        gradients = [weight.grad.norm() for weight in job.network.parameters() if weight.grad is not None]
        norms.append(float(torch.stack(gradients).norm()))
        return parts

    def watched_forward(self, *arguments, progress=0.0):
        told.append(progress)
        return forward(self, *arguments, progress=progress)

    monkeypatch.setattr(loop, "run_step", watched_step)
    monkeypatch.setattr(Objective, "forward", watched_forward)
    train(tmp_path / "had", "had", teacher=teacher)
    assert len(rates) == 6
    assert len(set(rates)) > 3
    assert rates[-1] < max(rates)
    assert max(norms) <= experiment(tmp_path).resolve("had").training.clip_norm * 1.001
    assert all(modes)
    assert told == [count / 6 for count in range(6)]


def test_loss_that_is_not_finite_stops_the_run(tmp_path, record, monkeypatch):
    infinite = torch.tensor(torch.inf, requires_grad=True)
    monkeypatch.setattr(Objective, "forward", lambda self, *arguments, **named: (infinite, {}))
    with pytest.raises(ConfigError, match=r"inf at step 1 of train coesot student seed 0"):
        train(tmp_path)
    assert not (tmp_path / "model.safetensors").exists()
