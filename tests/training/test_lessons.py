"""Lessons that are kept teach the same as a teacher who is asked: to the bit, and nobody else's."""

import json
import os
import resource
import shutil

import pytest
import torch
from safetensors.torch import load_file
from toy_experiment import Recorded, experiment, load_toy_split

from had.data.pairs import ClipDataset, collate
from had.errors import CheckpointError, DataError
from had.losses.hierarchical import matched_tokens
from had.models.weights import load_network
from had.training import build, clips, lessons, loop

IDENTITY = {"benchmark": "coesot", "seed": 0}


@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    record = Recorded()
    for module in (build, clips):
        monkeypatch.setattr(module, "load_split", load_toy_split)
    monkeypatch.setattr(loop, "open_run", record.open_run)
    return record


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a trained teacher, and what it says to `had`."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        for module in (build, clips):
            patch.setattr(module, "load_split", load_toy_split)
        patch.setattr(loop, "open_run", Recorded().open_run)
        loop.train(experiment(folder), **IDENTITY, run="teacher", data=folder, output=folder / "teacher")
        keep(folder, folder / "teacher" / "model.safetensors")
    return folder


@pytest.fixture
def teacher(tmp_path, made):
    shutil.copytree(made / "teacher", tmp_path / "teacher")
    return tmp_path / "teacher" / "model.safetensors"


def keep(folder, teacher, output="lessons", seed=0, **changes):
    options = experiment(folder, **changes)
    identity = {"benchmark": "coesot", "run": "had", "seed": seed}
    lessons.write_lessons(options, **identity, data=folder, teacher=teacher, output=folder / output)
    return folder / output


def train(folder, teacher, name, kept=None, **changes):
    options, output = experiment(folder, **changes), folder / name
    loop.train(options, **IDENTITY, run="had", data=folder, output=output, teacher=teacher, lessons=kept)
    return load_file(output / "model.safetensors")


@pytest.mark.parametrize(
    "changes", [{}, {"distillation": {"match_stream": "mean"}}, {"training": {"student": {"sequences": 1}}}]
)
def test_kept_lessons_lead_to_the_same_weights(tmp_path, teacher, changes):
    asked = train(tmp_path, teacher, "asked", **changes)
    told = train(tmp_path, teacher, "told", keep(tmp_path, teacher, **changes), **changes)
    assert all(bool((asked[name] == told[name]).all()) for name in asked)
    one, other = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("asked", "told"))
    assert one["digest"] == other["digest"]


@pytest.mark.parametrize(
    ("match", "streams"),
    [("same", ["event_image"]), ("event", ["event_image"]), ("image", ["rgb"]), ("mean", ["rgb", "event_image"])],
)
def test_a_lesson_is_about_the_streams_that_are_asked_for(tmp_path, teacher, match, streams):
    network, _ = load_network(teacher)
    clips = ClipDataset(load_toy_split(tmp_path, "train"), network.streams, experiment(tmp_path).crops, 0, 3)
    sample = collate([clips[i] for i in range(3)])
    said = lessons.LiveTeacher(network, ("event_image",), match).lesson(sample, 0, [])
    with torch.no_grad():
        _, features = network(*lessons.crops_of(sample), need_attention=True)
    expected = sum(matched_tokens(features, stream) for stream in streams) / len(streams)
    torch.testing.assert_close(said.tokens, expected)
    assert said.attention.shape[-2:] == (expected.shape[1],) * 2


def test_with_kept_lessons_only_the_students_stream_is_cut(tmp_path, teacher):
    kept = keep(tmp_path, teacher)
    job = build.build_training(
        experiment(tmp_path), **IDENTITY, run="had", data=tmp_path, teacher=teacher, lessons=kept
    )
    assert job.clips.streams == ("event_image",)


@pytest.mark.parametrize(
    "changes",
    [{"crops": {"centre_jitter": 1}}, {"training": {"student": {"samples": 12}}}, {"crops": {"clip_frames": 3}}],
)
def test_lessons_about_other_crops_are_refused(tmp_path, teacher, changes):
    kept = keep(tmp_path, teacher, **changes)
    with pytest.raises(DataError, match="lessons of this run's crops"):
        train(tmp_path, teacher, "had", kept)


def test_lessons_of_another_seed_or_teacher_are_refused(tmp_path, teacher):
    with pytest.raises(DataError, match="lessons of this run's crops"):
        train(tmp_path, teacher, "had", keep(tmp_path, teacher, seed=1))
    options = experiment(tmp_path)
    loop.train(options, benchmark="coesot", seed=5, run="teacher", data=tmp_path, output=tmp_path / "another")
    kept = keep(tmp_path, tmp_path / "another/model.safetensors")
    with pytest.raises(DataError, match="lessons of this run's crops"):
        train(tmp_path, teacher, "had", kept)


def test_missing_lessons_and_a_student_as_teacher_are_refused(tmp_path, teacher):
    with pytest.raises(DataError, match="had teach"):
        train(tmp_path, teacher, "had", tmp_path / "nowhere")
    loop.train(experiment(tmp_path), **IDENTITY, run="student", data=tmp_path, output=tmp_path / "student")
    with pytest.raises(CheckpointError, match="rgb, event_image"):
        keep(tmp_path, tmp_path / "student/model.safetensors")


def test_after_the_arrays_are_deleted_the_teacher_is_asked(tmp_path, teacher):
    kept = keep(tmp_path, teacher)
    told = train(tmp_path, teacher, "told", kept)
    for array in kept.glob("*.npy"):
        array.unlink()
    asked = train(tmp_path, teacher, "asked", kept)
    assert all(bool((asked[name] == told[name]).all()) for name in asked)


def test_one_deleted_array_is_enough_to_ask_the_teacher(tmp_path, teacher):
    kept = keep(tmp_path, teacher)
    assert not lessons.are_deleted(kept)
    (kept / "tokens.npy").unlink()
    assert lessons.are_deleted(kept)
    assert len(train(tmp_path, teacher, "asked", kept)) > 0
    assert not lessons.are_deleted(tmp_path / "nowhere")


@pytest.fixture
def kept(tmp_path, made):
    return shutil.copytree(made / "lessons", tmp_path / "lessons")


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def zeroed(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def exchanged(path):
    size = path.with_name("size.npy")
    offset = path.with_name("offset.npy")  # of the same shape
    size.rename(path.with_name("other"))
    offset.rename(size)
    path.with_name("other").rename(offset)


@pytest.mark.parametrize("damage", [cut, zeroed, flipped, exchanged])
@pytest.mark.parametrize("name", ["tokens.npy", "logits.npy"])
def test_damaged_arrays_are_refused_before_a_step(tmp_path, teacher, kept, recorded, damage, name):
    recorded.rows.clear()
    damage(kept / name)
    with pytest.raises(DataError, match=r"lessons as they were written, got \S+npy \(.*remove .*lessons and write"):
        train(tmp_path, teacher, "had", kept)
    assert not recorded.rows
    assert not (tmp_path / "had").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"digest": "x", "samples": 10, "arrays": ["logits"]}'],
)
def test_a_damaged_index_is_refused(tmp_path, teacher, kept, content):
    index = kept / "index.json"
    for changed in (content, index.read_bytes().replace(b'"samples": 10', b'"samples": 11')):
        index.write_bytes(changed)
        with pytest.raises(DataError, match=r"index\.json \(damaged, or of an earlier version\)"):
            train(tmp_path, teacher, "had", kept)


def test_an_array_that_is_cut_while_it_is_read_is_named(tmp_path, teacher, kept):
    stored = lessons.StoredTeacher(kept, json.loads((kept / "index.json").read_text())["digest"], device="cpu")
    assert len(stored.lesson(None, 1, [8, 9]).tokens) == 4
    os.truncate(kept / "tokens.npy", 1000)
    with pytest.raises(DataError, match=r"as it was when it was opened, got .*tokens\.npy, which ends before row 18"):
        stored.lesson(None, 1, [8, 9])


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, teacher, monkeypatch):
    """A limit on the size of files stands for it."""
    asked = []
    monkeypatch.setattr(lessons.LiveTeacher, "lesson", spied(lessons.LiveTeacher.lesson, asked))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(DataError, match=r"lessons that can be written, got .*\(File too large\); make room"):
            keep(tmp_path, teacher)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(asked) == 1
    assert not list(tmp_path.glob("*lessons*"))


def spied(method, calls):
    def noted(*arguments):
        calls.append(1)
        return method(*arguments)

    return noted


def only_responses(folder):
    had = {"title": "HAD", "terms": ["response"]}
    return experiment(folder, runs={"had": had})


def test_lessons_do_not_depend_on_which_rows_there_are(tmp_path, teacher):
    """A later row with `similarity` reads what rows without it have left; those learn the same from either teacher."""
    identity = {**IDENTITY, "run": "had", "data": tmp_path, "teacher": teacher}
    lessons.write_lessons(only_responses(tmp_path), **identity, output=tmp_path / "lessons")
    assert len(train(tmp_path, teacher, "had", tmp_path / "lessons")) > 0
    for name, kept in (("asked", None), ("told", tmp_path / "lessons")):
        loop.train(only_responses(tmp_path), **identity, output=tmp_path / name, lessons=kept)
    asked, told = (load_file(tmp_path / name / "model.safetensors") for name in ("asked", "told"))
    assert all(bool((asked[name] == told[name]).all()) for name in asked)


def test_an_interrupted_job_leaves_nothing(tmp_path, teacher, monkeypatch):
    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(lessons.LiveTeacher, "lesson", broken)
    with pytest.raises(KeyboardInterrupt):
        keep(tmp_path, teacher)
    assert not list(tmp_path.glob("*lessons*"))
