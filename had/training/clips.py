"""The samples of one training run: of its labelled sequences and, for distillation, of those without labels."""

from __future__ import annotations

from pathlib import Path

from had.data.pairs import ClipDataset
from had.data.pseudo_labels import check_tracks, pseudo_labelled, tracks_digest
from had.data.sequences import Sequence, check_arrays, load_split
from had.errors import DataError
from had.options.experiment import RunOptions


def training_clips(
    options: RunOptions,
    streams: tuple[str, ...],
    *,
    benchmark: str,
    seed: int,
    data: Path,
    teacher: Path | None,
    tracks: Path | None,
) -> ClipDataset:
    """The clips that a run sees.

    Args:
        options: the resolved run.
        streams: the streams to cut.
        benchmark, seed: whose.
        data: folder of the prepared splits.
        teacher: the teacher's ``model.safetensors``.
        tracks: its tracks of the training split, for a run that is distilled without labels.

    Raises:
        DataError: no prepared training split, no tracks where they are needed or another teacher's, or no sequence
            without labels.
    """
    sequences, training = load_split(data, "train", benchmark=benchmark), options.training
    count = len(sequences[: training.sequences])
    labelled, rest = sequences[:count], sequences[count:]
    unlabelled: list[Sequence] = []
    if options.reads_unlabelled:
        assert teacher is not None, "whoever is distilled has a teacher"
        given = _given(options, tracks)
        check_tracks(given, benchmark=benchmark, teacher=teacher)
        if not rest:
            got = f"{len(sequences)} in {data / 'train'}, all of them labelled"
            raise DataError("training sequences behind training.sequences", got, "lower training.sequences")
        unlabelled = pseudo_labelled(rest, given)
    check_arrays([*labelled, *unlabelled])
    return ClipDataset(labelled, streams, options.crops, seed, training.samples, unlabelled)


def clips_digests(options: RunOptions, tracks: Path | None) -> list[str]:
    """What the clips depend on beside options, seed and prepared split; nothing for a run that sees labels only.

    Raises:
        DataError: no tracks where they are needed.
    """
    return [tracks_digest(_given(options, tracks))] if options.reads_unlabelled else []


def _given(options: RunOptions, tracks: Path | None) -> Path:
    if tracks is None:
        remedy = "track the training split with the teacher and give the folder (--tracks)"
        raise DataError(f"the teacher's tracks for run {options.run!r}", "none", remedy)
    return tracks
