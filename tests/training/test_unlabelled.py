"""Distillation on sequences without labels: what it needs, that it teaches, and that labels alone are the task's."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toy_experiment import Recorded, experiment, load_toy_split

from had.errors import ConfigError, DataError
from had.files import file_digest
from had.identity import run_digest
from had.training import build, clips, lessons, loop

IDENTITY = {"benchmark": "coesot", "seed": 0}
UNLABELLED = {"distillation": {"unlabelled": True}, "training": {"student": {"sequences": 1}}}


@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    for module in (build, clips):
        monkeypatch.setattr(module, "load_split", load_toy_split)
    monkeypatch.setattr(loop, "open_run", Recorded().open_run)


@pytest.fixture
def teacher(tmp_path):
    loop.train(experiment(tmp_path), **IDENTITY, run="teacher", data=tmp_path, output=tmp_path / "teacher")
    return tmp_path / "teacher" / "model.safetensors"


@pytest.fixture
def tracks(tmp_path, teacher):
    folder = tmp_path / "tracks"
    folder.mkdir()
    for sequence in load_toy_split(tmp_path, "train"):
        np.savetxt(folder / f"{sequence.name}.txt", sequence.boxes, fmt="%.4f", delimiter="\t")
    made_by(folder, teacher)
    return folder


def made_by(folder, teacher, **changes):
    """What says whose tracks they are."""
    facts = {"benchmark": "coesot", "split": "train", "checkpoint": file_digest(teacher), **changes}
    (folder / "summary.json").write_text(json.dumps(facts))


def train(folder, name, run="had", changes=UNLABELLED, **given):
    output = folder / name
    loop.train(experiment(folder, **changes), **IDENTITY, run=run, data=folder, output=output, **given)
    return load_file(output / "model.safetensors")


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_other_sequences_teach_in_the_same_number_of_steps(tmp_path, teacher, tracks):
    few = train(tmp_path, "few", changes={"training": UNLABELLED["training"]}, teacher=teacher)
    more = train(tmp_path, "more", teacher=teacher, tracks=tracks)
    assert not equal(few, more)
    summaries = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("few", "more")]
    assert [(s["steps"], s["samples"]) for s in summaries] == [(6, 20), (6, 40)]


def test_kept_lessons_lead_to_the_same_weights(tmp_path, teacher, tracks):
    kept = tmp_path / "lessons"
    given = {"run": "had", "data": tmp_path, "teacher": teacher, "tracks": tracks}
    lessons.write_lessons(experiment(tmp_path, **UNLABELLED), **IDENTITY, **given, output=kept)
    asked = train(tmp_path, "asked", teacher=teacher, tracks=tracks)
    assert equal(asked, train(tmp_path, "told", teacher=teacher, tracks=tracks, lessons=kept))
    np.savetxt(tracks / "toy02.txt", np.full((8, 4), 9.0))
    with pytest.raises(DataError, match="lessons of this run's crops"):
        train(tmp_path, "other", teacher=teacher, tracks=tracks, lessons=kept)
    with pytest.raises(DataError, match="--tracks"):
        train(tmp_path, "none", teacher=teacher, lessons=kept)


def test_a_student_without_terms_sees_labels_only(tmp_path):
    plain = train(tmp_path, "plain", "student", changes={"training": UNLABELLED["training"]})
    assert equal(plain, train(tmp_path, "offered", "student"))


def test_what_is_missing_is_said(tmp_path, teacher, tracks):
    with pytest.raises(DataError, match=r"the teacher's tracks for run 'had'.*--tracks"):
        train(tmp_path, "none", teacher=teacher)
    (tracks / "summary.json").unlink()
    with pytest.raises(DataError, match=r"none that are finished.*had track --split train"):
        train(tmp_path, "unfinished", teacher=teacher, tracks=tracks)
    for other in ({"checkpoint": ""}, {"benchmark": "eventvot"}, {"split": "test"}):  # "": a control's
        made_by(tracks, teacher, **other)
        with pytest.raises(DataError, match=r"tracks of coesot's training split by .*model\.safetensors"):
            train(tmp_path, "other", teacher=teacher, tracks=tracks)
    made_by(tracks, teacher)
    (tracks / "toy01.txt").unlink()
    with pytest.raises(DataError, match=r"no file .*toy01\.txt"):
        train(tmp_path, "missing", teacher=teacher, tracks=tracks)
    changes = {**UNLABELLED, "training": {"student": {"sequences": 3}}}
    with pytest.raises(DataError, match=r"all of them labelled.*lower training\.sequences"):
        train(tmp_path, "all", changes=changes, teacher=teacher, tracks=tracks)


def test_all_labelled_and_unlabelled_at_once_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"training\.sequences.*distillation\.unlabelled in run 'had'"):
        experiment(tmp_path, distillation={"unlabelled": True})
    scenes = {"coesot": {"simulation": {"train": {"sequences": 3, "frames": 8}}}}
    with pytest.raises(ConfigError, match=r"runs\.had\.training\.sequences below the 3 of coesot, got 3"):
        experiment(tmp_path, benchmarks=scenes, **{**UNLABELLED, "training": {"student": {"sequences": 3}}})


def test_the_tracker_matters_to_those_who_read_its_tracks(tmp_path):
    def digests(**changes):
        one = experiment(tmp_path, **changes)
        return [run_digest(one, **IDENTITY, run=run) for run in ("student", "had")]

    few = {"training": UNLABELLED["training"]}
    other = {"tracking": {"size_rate": 0.5}}
    assert digests(**few) == digests(**few, **other)
    (plain, without), (same, read) = digests(**few), digests(**UNLABELLED)
    assert plain == same
    assert read not in (without, digests(**UNLABELLED, **other)[1])
    assert digests(**UNLABELLED, tracking={"profile_frames": 7, "one_shot_crops": 1})[1] == read
