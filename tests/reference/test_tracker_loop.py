"""Twelve frames through the tracker, as the released loop follows them: boxes, maxima, response maps."""

import numpy as np
import pytest
import torch
from test_networks import published

from had.data.frames import Frame
from had.options.tracking import TrackingOptions
from had.options.training import CropOptions
from had.tracking.tracker import Tracker


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("size", ["small", "vitb"])
def test_twelve_frames(reference, compare, size, precision):
    comparison = compare(f"tracker_{size}", precision)
    given = reference.arrays("tracker_frames")
    frames = [Frame((image.shape[1], image.shape[0]), images={"event_image": image}) for image in given["frames"]]
    network = published(reference, size, "student", "eventvot").to(getattr(torch, precision))
    crops = CropOptions(template_size=128, search_size=256, geometry="released")
    tracker = Tracker(network, crops, TrackingOptions(clip_margin=10))
    responses = []
    network.box_head.register_forward_hook(lambda module, entered, left: responses.append(left.response[0]))
    tracker.initialize(frames[0], given["gt"][0])
    boxes = np.stack([given["gt"][0], *(tracker.track(frame) for frame in frames[1:])])
    if precision == "float64":
        comparison.add("boxes", boxes)
        comparison.add("saved_as_int", np.trunc(boxes).astype(np.int64))  # What the released code writes to its files.
    else:
        comparison.add("boxes_f32", boxes, tolerance=comparison.facts["atol"])
    weighted = [(response * tracker.weight.to(response.dtype)).flatten() for response in responses]
    comparison.add("argmax", np.array([int(values.argmax()) for values in weighted]))
    # The maps have no tolerance of their own for float32: they are as far apart as those of the networks' fixtures.
    far = None if precision == "float64" else score_tolerance(reference, size)
    margins = torch.stack([values.topk(2).values for values in weighted])
    comparison.add("margin_top1_top2", margins[:, 0] - margins[:, 1], tolerance=far and 2 * far)
    for name, response in (("score_map_frame1", responses[0]), ("score_map_last", responses[-1])):
        comparison.add(name, response, tolerance=far)


def score_tolerance(reference, size):
    """Of a response map in float32: what the set states for the same network's."""
    return reference.manifest["fixtures"][f"{size}_student_eventvot"]["arrays"]["score_map"]["atol_suggested_f32"]
