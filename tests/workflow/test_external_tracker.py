"""Another tracker's result files in the workflow: scored, drawn, and scored again when they are replaced."""

import csv
import os
import re

import cv2
import numpy as np
import pytest
import yaml

from tests.workflow.conftest import Snakemake, output
from tests.workflow.test_graph import jobs

CALL = ("--configfile", "others.yaml", "--")
SCORES = "results/others/metrics/coesot/other/seed0/per_sequence.csv"
NAMED = "theirs/coesot/sim_test_0002.txt"
PRODUCTS = [f"results/others/{product}_coesot" for product in ("tables/main", "figures/strips")]
TARGETS = (f"{PRODUCTS[0]}.md", f"{PRODUCTS[1]}.png", "results/others/videos/coesot.webm")


@pytest.fixture
def compared(tmp_path) -> Snakemake:
    """An experiment that trains nothing: simulated sequences, a control, and the tracker `other`."""
    run = Snakemake(tmp_path / "run")
    split = {"sequences": 2, "frames": 8}
    scenes = {"seed": 5, "width": 160, "height": 120, "train": split, "val": split, "test": split}
    configuration = {
        "results": "results/others",
        "runs": {},
        "controls": ["static"],
        "external": {"other": "theirs"},
        "benchmarks": {"coesot": {"simulation": scenes}},
        "figures": {"sequences": 1, "runs": ["other", "static"]},
        "evaluation": {"resamples": 50},
        "device": "cpu",
    }
    (run.folder / "others.yaml").write_text(yaml.safe_dump(configuration))
    for number in (1, 2):
        write(run, number, np.tile([60.0, 45, 30, 30], (8, 1)))
    return run


def write(run, number, boxes, *, folder="theirs"):
    path = run.folder / folder / "coesot" / f"sim_test_{number:04d}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, boxes, fmt="%.2f", delimiter=",")
    return path


def table(run):
    """Run -> its line of the main table."""
    with (run.folder / f"{PRODUCTS[0]}.csv").open() as file:
        return {row["run"]: row for row in csv.DictReader(file)}


def scores(run):
    with (run.folder / SCORES).open() as file:
        return {row["sequence"]: float(row["SR"]) for row in csv.DictReader(file)}


def test_its_scores_and_boxes_are_in_the_products_and_follow_its_files(compared):
    answer = compared("--cores", "2", *CALL, *TARGETS)
    assert answer.returncode == 0, output(answer)
    with (compared.folder / f"{PRODUCTS[0]}.csv").open() as file:
        assert sorted(row["run"] for row in csv.DictReader(file)) == ["other", "static"]
    assert (compared.folder / TARGETS[1]).read_bytes().startswith(b"\x89PNG")
    assert cv2.VideoCapture(str(compared.folder / TARGETS[2])).get(cv2.CAP_PROP_FRAME_COUNT) == 8
    assert not (compared.folder / "results/others/tracks/coesot/other").exists()
    assert "Nothing to be done" in output(compared("-n", *CALL, *TARGETS))

    before = scores(compared)
    truth = compared.folder / "results/others/data/coesot/raw/test/sim_test_0002/groundtruth.txt"
    replaced = write(compared, 2, np.loadtxt(truth, delimiter=","))
    os.utime(replaced, (1e9, 1e9))  # unpacked from an archive: older than its scores
    counts = jobs(compared("-n", *CALL, *TARGETS))
    assert (counts["evaluate_external"], counts["table"], counts["figure"], counts["video"]) == (1, 1, 1, 1)
    assert "evaluate" not in counts
    assert "simulate" not in counts
    assert compared("--cores", "1", *CALL, SCORES).returncode == 0
    after = scores(compared)
    assert after["sim_test_0002"] > max(0.8, before["sim_test_0002"])
    assert after["sim_test_0001"] == before["sim_test_0001"]
    write(compared, 1, np.tile([50.0, 40, 30, 30], (8, 1)))
    assert jobs(compared("-n", *CALL, SCORES)) == {"evaluate_external": 1, "total": 1}


def test_the_folder_may_bear_the_benchmarks_other_name(compared):
    theirs = compared.folder / "theirs"
    (theirs / "coesot").rename(theirs / "coco-object-meeting")
    answer = compared("-n", "-p", *CALL, SCORES)
    assert answer.returncode == 0, output(answer)
    assert "--tracks theirs/coco-object-meeting " in output(answer)


def test_a_missing_folder_stops_before_any_job_with_one_sentence(compared):
    answer = compared("--cores", "1", "--configfile", "others.yaml", "--config", "external={other: nowhere}")
    assert answer.returncode == 1
    (sentence,) = [line for line in answer.stderr.splitlines() if "profile" not in line]
    assert "expected result files nowhere/coesot/<sequence>.txt of the external tracker 'other'" in sentence
    assert "no such folder" in sentence
    assert not (compared.folder / "results").exists()


def test_a_broken_tracker_hides_no_other_and_fails_every_run_until_it_is_mended(compared):
    """Its results are never the old ones, and a number that is changed changes the tables."""
    configuration = yaml.safe_load((compared.folder / "others.yaml").read_text())
    configuration["external"]["good"] = "good"
    (compared.folder / "others.yaml").write_text(yaml.safe_dump(configuration))
    for number in (1, 2):
        write(compared, number, np.tile([60.0, 45, 30, 30], (8, 1)), folder="good")
    assert compared("--cores", "2", *CALL, "tables").returncode == 0
    before = table(compared)
    assert set(before) == {"other", "good", "static"}
    path = write(compared, 2, np.tile([60.0, 45, 30, 30], (8, 1)))
    path.write_text(path.read_text().replace("60.00", "sixty", 1))
    sentence = f"expected four numbers x, y, w, h a line, got 'sixty' in line 1 of {NAMED}"
    broken = compared("--cores", "2", *CALL, "tables")
    assert broken.returncode == 1
    assert f"other is not scored on COESOT: {sentence}" in output(broken)
    left = table(compared)
    assert set(left) == {"good", "static"}
    assert left["good"]["SR"] == before["good"]["SR"]
    assert "Not scored: other" in (compared.folder / f"{PRODUCTS[0]}.md").read_text()
    again = compared("--cores", "2", *CALL, "tables")
    assert again.returncode == 1
    assert sentence in output(again)
    made = [re.search(r"^table +\d", output(answer), flags=re.MULTILINE) is not None for answer in (broken, again)]
    assert made == [True, False]  # nothing but the last job is repeated

    write(compared, 2, np.tile([55.0, 45, 30, 30], (8, 1)))
    assert compared("--cores", "2", *CALL, "tables").returncode == 0
    assert table(compared)["other"] != before["other"]
    assert table(compared)["good"] == before["good"]


@pytest.fixture
def alone(tmp_path) -> Snakemake:
    """The tracker `other` and annotations in the published layout."""
    run = Snakemake(tmp_path / "run")
    configuration = {
        "results": "results/others",
        "runs": {},
        "controls": [],
        "external": {"other": "theirs"},
        "benchmarks": {"coesot": {"root": "annotations"}},
        "evaluation": {"resamples": 50},
    }
    (run.folder / "others.yaml").write_text(yaml.safe_dump(configuration))
    boxes, split = np.tile([60.0, 45, 30, 30], (8, 1)), run.folder / "annotations" / "test"
    for number in (1, 2):
        write(run, number, boxes + number)
        (split / f"sim_test_{number:04d}").mkdir(parents=True)
        np.savetxt(split / f"sim_test_{number:04d}" / "groundtruth.txt", boxes, delimiter=",")
        np.savetxt(split / f"sim_test_{number:04d}" / "absent.txt", np.ones(8), fmt="%d")
    (split / "list.txt").write_text("sim_test_0001\nsim_test_0002\n")
    return run


def test_external_trackers_alone_need_no_recordings(alone):
    """Annotations are enough; what shows frames is left out. Corrected annotations and broken links are noticed."""
    dry = alone("-n", *CALL, "all")
    assert not {"prepare", "video", "films"} & set(jobs(dry))
    assert "Missing:" not in output(dry)
    answer = alone("--cores", "2", *CALL, "tables", "page")
    assert answer.returncode == 0, output(answer)
    assert set(table(alone)) == {"other"}
    assert "evaluate_external" not in jobs(alone("-n", *CALL, "tables"))

    (boxes,) = alone.folder.glob("**/test/sim_test_0002/groundtruth.txt")
    whole = boxes.read_text()
    boxes.write_text(whole.replace("6.0", "5.0"))
    assert jobs(alone("-n", *CALL, "tables"))["evaluate_external"] == 1
    boxes.write_text(whole)
    assert "evaluate_external" not in jobs(alone("-n", *CALL, "tables"))

    track = alone.folder / NAMED
    track.unlink()
    track.symlink_to(alone.folder / "gone.txt")
    assert jobs(alone("-n", *CALL, "tables"))["evaluate_external"] == 1


def test_the_last_job_of_a_call_waits_for_all_its_targets_and_files(alone):
    """On one core a job that fails ends the call, so that nothing may be left to do then."""
    path = alone.folder / "others.yaml"
    configuration = yaml.safe_load(path.read_text()) | {"external": {"other": "theirs", "good": "good"}}
    path.write_text(yaml.safe_dump(configuration))
    for number in (1, 2):
        write(alone, number, np.tile([60.0, 45, 30, 30], (8, 1)), folder="good")
    write(alone, 2, np.ones((3, 4)))
    figures = "results/others/figures"
    answer = alone("--cores", "1", *CALL, "tables", "figures", f"{figures}/success_coco-object-meeting.png")
    assert answer.returncode == 1
    assert "other is not scored on COESOT: expected 8 boxes" in output(answer)
    assert (alone.folder / f"{figures}/success_coco-object-meeting.png").is_file()
    assert jobs(alone("-n", *CALL, "tables", "figures")) == {"all_scored": 1, "figures": 1, "tables": 1, "total": 3}
