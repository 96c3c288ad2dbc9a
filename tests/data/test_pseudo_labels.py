"""Training sequences without labels: tracks for boxes, and companions of the labelled samples."""

import numpy as np
import pytest
import torch
from toy import same, toy_split

from had.data.pairs import ClipDataset, collate
from had.data.pseudo_labels import pseudo_labelled, tracks_digest
from had.errors import DataError
from had.options.training import CropOptions

STREAMS = ("event_image", "rgb")
CROPS = CropOptions(template_size=32, search_size=64, clip_frames=3, max_gap=4)


def write_tracks(folder, sequences, shift=3.0):
    """What a tracker has left that is always ``shift`` pixels beside the target and begins one frame late."""
    folder.mkdir(exist_ok=True)
    for sequence in sequences:
        boxes = sequence.boxes + np.array([shift, 0, 0, 0])
        boxes[0] = 0
        np.savetxt(folder / f"{sequence.name}.txt", boxes, fmt="%.4f", delimiter="\t")
    return folder


def test_tracks_stand_for_the_boxes(tmp_path):
    sequences = toy_split(2)
    found = pseudo_labelled(sequences, write_tracks(tmp_path, sequences))
    for sequence, other in zip(sequences, found, strict=True):
        assert (other.name, other.size, len(other)) == (sequence.name, sequence.size, len(sequence))
        np.testing.assert_allclose(other.boxes[1:], sequence.boxes[1:] + np.array([3, 0, 0, 0]), atol=1e-4)
        assert other.present.tolist() == [False] + [True] * 9
        assert (other.frame(4).events == sequence.frame(4).events).all()
        assert sequence.present.all(), "the labelled one has changed"


def test_only_the_times_of_other_tracks_are_left_out_of_what_tracks_are(tmp_path):
    names = ["car", "bus_time"]
    digests = []
    for changed in (None, "car.txt", "car_time.txt", "bus_time.txt", "bus_time_time.txt"):
        for name in names:
            for suffix in ("", "_time"):
                (tmp_path / f"{name}{suffix}.txt").write_text("1 2 3 4")
        if changed:
            (tmp_path / changed).write_text("5 6 7 8")
        digests.append(tracks_digest(tmp_path))
    assert [digest == digests[0] for digest in digests] == [True, False, True, False, True]


@pytest.mark.parametrize("content", [None, "", "1 2 3 4\n" * 9, "1 2 3 4\n" * 9 + "nan 2 3 4\n", "1 2 3\n" * 10])
def test_a_missing_short_or_broken_track_is_refused(tmp_path, content):
    sequences = toy_split(1)
    if content is not None:
        (tmp_path / "toy00.txt").write_text(content)
    with pytest.raises(DataError, match=r"a track of 10 boxes.*toy00\.txt.*had track --split train"):
        pseudo_labelled(sequences, tmp_path)


def clips(tmp_path, samples=6, labelled=2):
    sequences = toy_split(5)
    unlabelled = pseudo_labelled(sequences[labelled:], write_tracks(tmp_path, sequences[labelled:]))
    return ClipDataset(sequences[:labelled], STREAMS, CROPS, 5, samples, unlabelled)


def test_the_labelled_samples_stay_what_they_are(tmp_path):
    plain, both = ClipDataset(toy_split(2), STREAMS, CROPS, 5, 6), clips(tmp_path)
    assert (len(plain), len(both)) == (6, 12)
    for index in range(6):
        assert same(plain[index], both[index])
        assert plain[index].labelled
        assert both[index].labelled


def test_a_companion_shows_a_sequence_without_labels_around_its_track(tmp_path):
    made = clips(tmp_path, samples=60)
    drawn = []
    made.cut = lambda clip, rng: drawn.append(clip)
    for index in range(60, 120):
        made[index]
    assert {clip.sequence for clip in drawn} == {2, 3, 4}
    assert min(frame for clip in drawn for frame in (clip.template, *clip.frames)) > 0, "before the track begins"
    del made.cut
    assert not any(made[index].labelled for index in range(60, 70))


def test_every_batch_has_as_many_of_both(tmp_path):
    made = clips(tmp_path)
    assert made.batches(4) == [[0, 1, 2, 3, 6, 7, 8, 9], [4, 5, 10, 11]]
    assert ClipDataset(toy_split(2), STREAMS, CROPS, 5, 6).batches(4) == [[0, 1, 2, 3], [4, 5]]
    batch = collate([made[index] for index in made.batches(4)[1]])
    assert torch.equal(batch.labelled, torch.tensor([True, True, False, False]))
