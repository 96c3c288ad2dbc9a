"""`had verify` on whole and damaged folders in the published layouts: what it names, and that a run agrees with it."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from published_trees import DAMAGES, FRAMES, NAMES, write_tree
from typer.testing import CliRunner

from had import cli
from had.data.layouts import LAYOUTS
from had.data.pairs import ClipDataset
from had.data.prepare import prepare_split
from had.data.sequences import load_split
from had.data.verify import verify_folder
from had.data.verify.problems import KINDS
from had.data.verify.sequence import SequenceCheck
from had.errors import DataError
from had.options.recordings import PreparationOptions
from had.options.training import CropOptions
from had.tracking.run import first_visible

EDITIONS = {"complete": {"raw": True}, "images": {"raw": False}}
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Whole trees by layout and edition, written once."""
    trees = {}

    def tree(layout: str, edition: str) -> Path:
        if (layout, edition) not in trees:
            root = tmp_path_factory.mktemp(f"{layout}-{edition}")
            trees[layout, edition] = write_tree(LAYOUTS[layout], root, **EDITIONS[edition])
        return trees[layout, edition]

    return tree


@pytest.fixture
def tree(whole, tmp_path):
    """A copy of a whole tree, to be damaged."""

    def copy(layout: str, edition: str) -> Path:
        return Path(shutil.copytree(whole(layout, edition), tmp_path / "root"))

    return copy


def verify(layout: str, root: Path, folder: Path, *more: str) -> tuple[dict, str, BaseException | None]:
    """The verb's JSON, its table and its error."""
    out = folder / "found.json"
    arguments = ["verify", layout, "--root", str(root), "--json", str(out), "--cache", str(folder / "cache.json")]
    answer = CliRunner().invoke(cli.app, [*arguments, "--workers", "1", *more])
    assert answer.exception is None or isinstance(answer.exception, DataError), answer.exception
    return json.loads(out.read_text(encoding="utf-8")), answer.stdout, answer.exception


def run(layout_name: str, root: Path, output: Path) -> None:
    """Prepare all splits, read every frame as the networks do, find where training and tracking begin."""
    layout = LAYOUTS[layout_name]
    streams = [stream for stream in (*layout.teacher_streams, *layout.student_streams) if stream != "voxel"]
    for split in layout.splits:
        prepare_split(layout=layout, options=PreparationOptions(), root=root, split=split, output=output)
        sequences = load_split(output, split)
        for sequence in sequences:
            for index in range(len(sequence)):
                frame = sequence.frame(index)
                assert [frame.image(stream).shape for stream in streams] == [(48, 64, 3)] * len(streams)
            if split != "train":
                first_visible(sequence)
        if split == "train":
            ClipDataset(sequences, tuple(streams), CropOptions(), 0, 1)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_whole_folder_passes_and_runs(whole, tmp_path, name, edition):
    root, layout = whole(name, edition), LAYOUTS[name]
    found, table, error = verify(name, root, tmp_path, "--deep")
    assert error is None
    assert found["passed"]
    counts = {"split-size"} if layout.published else set()
    assert {(problem["severity"], problem["kind"]) for problem in found["problems"]} == {("note", k) for k in counts}
    for split, summary in found["splits"].items():
        assert summary["listed"] == summary["folders"] == summary["used"] == 2
        assert summary["frames"] == summary["present"] == 2 * FRAMES
        assert summary["edition"] == {"complete": "complete", "images": "images only"}[edition]
        assert set(found["sequences"][split]) == set(NAMES[split])
        for facts in found["sequences"][split].values():
            assert facts["frames"] == facts["voxels"] == FRAMES
            assert facts["images"] == dict.fromkeys(layout.images, FRAMES)
            assert facts["flags"] == (FRAMES if layout.presence else None)
            assert (facts["raw"] is None) == (edition == "images")
    assert layout.title in table
    assert "0 errors in 0 of" in table
    run(name, root, tmp_path / "prepared")


@pytest.mark.parametrize("title", DAMAGES)
def test_each_damage_is_named_and_a_run_agrees(tree, tmp_path, title):
    damage = DAMAGES[title]
    root = tree(damage.layout, damage.edition)
    before, _, _ = verify(damage.layout, root, tmp_path, *(["--deep"] if damage.deep else []))
    damage.apply(root)
    if damage.deep:
        quick, _, _ = verify(damage.layout, root, tmp_path)
        assert quick["passed"]
    found, table, error = verify(damage.layout, root, tmp_path, *(["--deep"] if damage.deep else []))
    new = [problem for problem in found["problems"] if problem not in before["problems"]]
    (named,) = [p for p in new if p["kind"] == damage.kind and p["file"].endswith(damage.file)][:1]
    assert (named["severity"], named["line"]) == (damage.severity, damage.line)
    assert not any(p["severity"] == "error" for p in new if damage.severity == "note")
    shown = named["file"] + (f":{named['line']}" if named["line"] else "")
    (line,) = [line for line in table.splitlines() if shown in line and named["what"] in line][:1]
    assert named["remedy"] in line
    assert KINDS[damage.kind] in table
    assert (error is not None) == (damage.severity == "error")
    if damage.severity == "note":
        assert found["passed"]
        run(damage.layout, root, tmp_path / "prepared")
    else:
        assert not found["passed"]
        with pytest.raises(DataError):
            run(damage.layout, root, tmp_path / "prepared")


def test_the_verb_ends_with_status_2_and_one_sentence(tree, tmp_path):
    root = tree("coesot", "images")
    command = [sys.executable, "-m", "had.cli", "verify", "coco-object-meeting", "--root", str(root), "--split", "val"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(REPOSITORY)}
    whole = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (whole.returncode, len(list((tmp_path / "cache" / "had").iterdir()))) == (0, 1)
    (root / "val" / "list.txt").unlink()
    broken = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert broken.returncode == 2
    (sentence,) = [line for line in broken.stderr.splitlines() if " INFO " not in line]
    assert sentence == f"had: expected COESOT as a run can use it, got 1 errors in {root}; " + (
        "see the table above for what to do about each"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--root", "no/such"], "no folder no/such"), (["--root", ".", "--split", "tset"], "did you mean 'test'?")],
)
def test_a_wrong_call_is_one_sentence(arguments, sentence):
    answer = CliRunner().invoke(cli.app, ["verify", "fe108", *arguments])
    assert isinstance(answer.exception, DataError)
    assert sentence in str(answer.exception)


def test_a_root_one_level_too_high_is_named(whole, tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "FE108").symlink_to(whole("fe108", "images"))
    found, _, error = verify("fe108", tmp_path / "datasets", tmp_path)
    assert error is not None
    assert {problem["remedy"] for problem in found["problems"]} == {f"did you mean --root {tmp_path}/datasets/FE108?"}


@pytest.mark.parametrize(("held", "asked"), [("coesot", "eventvot"), ("visevent", "coesot"), ("fe108", "visevent")])
def test_the_folder_of_another_benchmark_is_named(whole, tmp_path, held, asked):
    root = whole(held, "complete")
    found, _, error = verify(asked, root, tmp_path)
    assert error is not None
    first = found["problems"][0]
    assert (first["kind"], first["severity"]) == ("benchmark", "error")
    assert f"had verify {held} --root {root}" in first["remedy"]


def test_a_byte_order_mark_is_no_part_of_a_frame_range(tree, tmp_path):
    root = tree("coesot", "complete")
    for folder in sorted((root / "test").iterdir()):
        if folder.is_dir():
            (folder / "start_end_index.txt").write_bytes(b"\xef\xbb\xbf1,%d\r\n" % FRAMES)
    found, _, _ = verify("coesot", root, tmp_path)
    assert "start-end" not in {problem["kind"] for problem in found["problems"]}


def test_a_killed_process_is_one_sentence(tree, tmp_path, monkeypatch):
    def killed(self, function, jobs, chunksize):
        raise BrokenProcessPool
        yield

    monkeypatch.setattr("had.data.verify.ProcessPoolExecutor.map", killed)
    with pytest.raises(DataError, match="one that was killed"):
        verify_folder(LAYOUTS["fe108"], tree("fe108", "images"), workers=2, cache_file=tmp_path / "cache.json")


def test_options_of_the_run_decide_what_is_an_error(tree, tmp_path):
    root = tree("eventvot", "images")
    for split, names in NAMES.items():
        for name in names:
            shutil.rmtree(root / split / name / f"{name}_voxel")
    assert not verify_folder(LAYOUTS["eventvot"], root, cache_file=tmp_path / "cache").count("note") > 3
    assert verify_folder(LAYOUTS["eventvot"], root, cache_file=tmp_path / "cache").count("error") == 6
    without = PreparationOptions(voxels=False)
    assert verify_folder(LAYOUTS["eventvot"], root, options=without, cache_file=tmp_path / "cache").count("error") == 0


def test_only_what_has_changed_is_looked_at_again(tree, tmp_path, monkeypatch):
    root = tree("visevent", "images")
    looked_at = []
    original = SequenceCheck.run
    monkeypatch.setattr(SequenceCheck, "run", lambda job: (looked_at.append(job.name), original(job))[1])

    def names(**options) -> list[str]:
        looked_at.clear()
        report = verify_folder(LAYOUTS["visevent"], root, cache_file=tmp_path / "cache.json", **options)
        assert report.checked == len(looked_at)
        assert report.checked + report.unchanged == 4
        return looked_at

    assert len(names()) == 4
    assert names() == []
    picture = root / "train_subset" / "train_one" / "vis_imgs" / "frame0002.png"
    picture.write_bytes(picture.read_bytes()[:-3])
    assert names() == ["train_one"]
    assert names() == []
    os.utime(root / "test_subset" / "test_one" / "absent.txt", (1, 1))
    assert names() == ["test_one"]
    picture.unlink()
    assert names() == ["train_one"]
    assert len(names(deep=True)) == 4
    assert names() == []  # a deep look answers a quick question, too
    assert len(names(options=PreparationOptions(slicing="equal"))) == 4


def test_results_are_the_same_side_by_side_and_from_the_cache(tree, tmp_path):
    root = tree("eventvot", "images")
    DAMAGES["voxels of NaN"].apply(root)
    DAMAGES["box outside"].apply(root)
    alone = verify_folder(LAYOUTS["eventvot"], root, cache_file=tmp_path / "a.json")
    together = verify_folder(LAYOUTS["eventvot"], root, cache_file=tmp_path / "b.json", workers=2)
    again = verify_folder(LAYOUTS["eventvot"], root, cache_file=tmp_path / "b.json", workers=2)
    assert alone.problems == together.problems == again.problems
    assert alone.sequences == together.sequences == again.sequences
    assert (together.checked, again.checked) == (6, 0)


def test_a_cache_that_is_broken_or_cannot_be_written_costs_time_alone(tree, tmp_path, caplog):
    root = tree("fe108", "images")
    broken = tmp_path / "cache.json"
    broken.write_text("{not json")
    assert verify_folder(LAYOUTS["fe108"], root, cache_file=broken).checked == 4
    assert verify_folder(LAYOUTS["fe108"], root, cache_file=broken).checked == 0
    (tmp_path / "file").touch()
    report = verify_folder(LAYOUTS["fe108"], root, cache_file=tmp_path / "file" / "cache.json")
    assert (report.checked, report.count("error")) == (4, 0)
    assert "not kept" in caplog.text


def test_nothing_is_written_below_the_root(tree, tmp_path):
    root = tree("coesot", "complete")
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    verify("coesot", root, tmp_path)
    assert before == sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))


def test_what_cannot_be_opened_is_a_problem_and_is_asked_again(tree, tmp_path, monkeypatch):
    root = tree("fe108", "images")
    locked = root / "test" / "test_one" / "dvs"
    original = os.scandir

    def scandir(path):
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = verify_folder(LAYOUTS["fe108"], root, cache_file=tmp_path / "cache.json")
    (problem,) = report.problems
    assert (problem.severity, problem.kind, problem.file) == ("error", "no-access", "test/test_one/dvs")
    monkeypatch.undo()
    report = verify_folder(LAYOUTS["fe108"], root, cache_file=tmp_path / "cache.json")
    assert (report.checked, report.problems) == (1, [])


def test_names_that_are_no_text_are_shown(tree, tmp_path):
    root = tree("fe108", "images")
    os.mkdir(os.fsencode(root / "test") + b"/caf\xe9")
    (root / "train" / "list.txt").unlink()
    os.mkdir(os.fsencode(root / "train") + b"/caf\xe9")
    found, table, _ = verify("fe108", root, tmp_path)
    assert "test/caf\\udce9" in table
    assert {p["file"] for p in found["problems"] if p["kind"] == "unlisted"} == {"test/caf\\udce9"}


@pytest.mark.parametrize("first", [0, 1])
def test_images_are_numbered_from_0_or_1(tmp_path, first):
    root = write_tree(LAYOUTS["eventvot"], tmp_path / "root", raw=False, first=first)
    assert verify_folder(LAYOUTS["eventvot"], root, cache_file=tmp_path / "cache.json").count("error") == 0


def test_many_problems_of_a_kind_are_summed_up_in_the_table_and_all_in_the_json(tree, tmp_path):
    root = tree("fe108", "images")
    for number in range(25):
        (root / "test" / f"extra{number:02d}").mkdir()
    found, table, _ = verify("fe108", root, tmp_path)
    assert len([p for p in found["problems"] if p["kind"] == "unlisted"]) == 25
    assert "(25, unlisted)" in table
    assert "and 15 more" in table
