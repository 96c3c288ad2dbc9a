"""Crops, box maps, jitter, voxels, heat maps, decoding and clipping of the released code, geometry ``released``."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from had.boxes import clip_xywh, cxcywh_to_xywh, jitter_xywh, xywh_to_cxcywh
from had.data import released
from had.data.crops import crop, from_window, to_window, window_around
from had.data.frames import Frame
from had.data.layouts import VoxelRecipe
from had.data.pairs import Clip, ClipDataset
from had.data.representations import voxel_rows
from had.errors import DataError
from had.losses.localization import gaussian_radius, heat_target
from had.models.head import CentreHead, decode
from had.models.normalize import normalize
from had.options.training import CropOptions
from had.tracking.tracker import hann_window

GREY_LEVEL = 1.0
"""Crops come from an image library whose rounding differs between versions."""


def moved_window(box, side, size):
    """A released window whose side need not be whole: what a box and a resize factor alone say."""
    left, top = xywh_to_cxcywh(np.asarray(box, dtype=np.float64))[:2] - side / 2
    return released.ReleasedWindow(np.round(left), np.round(top), side, size, left, top)


# --- crops ----------------------------------------------------------------------------------------


def test_crop(compare):
    comparison = compare("crop")
    wanted = comparison.wanted
    image, mask = wanted["image"], wanted["mask"]
    sensor = (image.shape[1], image.shape[0])
    frame = Frame(sensor, images={"rgb": image, "event_image": image})
    for case, status in wanted["status"]:
        index, factor, size = re.fullmatch(r"(\d+)_f([\d.]+)_s(\d+)", case).groups()
        box, size = wanted["boxes"][int(index)], int(size)
        if status != "ok":
            with pytest.raises(DataError):
                crop(frame, "rgb", window_around(box, float(factor), size, "released"))
            continue
        window = window_around(box, float(factor), size, "released")
        cut = crop(frame, "rgb", window)
        assert np.array_equal(cut, crop(frame, "event_image", window))  # Black beyond the border in every stream.
        comparison.add(f"crop_{case}", cut, tolerance=GREY_LEVEL)
        comparison.add(f"att_{case}", np.packbits(released.padding(window, sensor)))
        comparison.add(f"meta_{case}", [size / window.side, *released.part_inside(window, sensor)])
        if f"maskcrop_{case}" in wanted:
            cut = torch.from_numpy(released.cut(mask, window))[None, None]
            comparison.add(f"maskcrop_{case}", F.interpolate(cut, (size, size), mode="bilinear")[0, 0])
    untested = set(wanted) - set(comparison.ratios) - {"image", "boxes", "mask", "status"}
    assert all(name.startswith("same_with_tensor_box_") for name in untested)  # Facts of that code: we have one kind.


def test_boxes_to_crop(compare):
    comparison = compare("boxes_to_crop")
    wanted, facts = comparison.wanted, comparison.facts

    def bound(name):  # The official run is in float32 and takes differences of large numbers.
        return facts["atol"] + facts["rtol_suggested"] * np.abs(wanted[name])

    for size in (128, 256):
        maps = [
            to_window(box, moved_window(around, size / factor, size))
            for box, around, factor in zip(
                wanted["box_in"], wanted["box_extract"], wanted["resize_factor"], strict=True
            )
        ]
        comparison.add(f"out_{size}", cxcywh_to_xywh(np.stack(maps)), tolerance=bound(f"out_{size}"))
    jittered = []
    for box, normal, uniform in zip(wanted["box_in"], wanted["jitter_normal"], wanted["jitter_uniform"], strict=True):
        draws = SimpleNamespace(standard_normal=lambda n, d=normal: d[:n], random=lambda n, d=uniform: d[:n])
        jittered.append(jitter_xywh(box, 3.0, 0.25, draws))
    comparison.add("jittered_search", np.stack(jittered), tolerance=bound("jittered_search"))


# --- samples --------------------------------------------------------------------------------------


class Pair:
    """A sequence of two frames, the template's and the search region's."""

    name = "pair"

    def __init__(self, boxes, frames):
        self.boxes, self.frames, self.size = np.stack(boxes), frames, frames[0].size
        self.present = np.ones(2, dtype=bool)

    def frame(self, index):
        return self.frames[index]


def sample(pair, streams):
    """Template and search crops without jitter, and the released windows."""
    options = CropOptions(
        geometry="released",
        template_size=128,
        search_size=256,
        template_voxels=1024,
        search_voxels=4096,
        clip_frames=1,
        **dict.fromkeys(("flip", "colour_jitter", "grey"), 0.0),
    )
    windows = [
        window_around(pair.boxes[0], options.template_factor, options.template_size, "released"),
        window_around(pair.boxes[1], options.search_factor, options.search_size, "released"),
    ]
    dataset = ClipDataset([pair], streams, options, 0, 1)
    return dataset.cut(Clip(0, 0, np.array([1]), [windows[1]]), np.random.default_rng(0)), windows


def add_sample(comparison, case, pair, cut, windows, images):
    """Validity, boxes and images of one case."""
    comparison.add(f"{case}_valid", np.array(not any(released.is_blind(window, pair.size) for window in windows)))
    template_box = cxcywh_to_xywh(to_window(pair.boxes[0], windows[0]))[None]
    search_box = cxcywh_to_xywh(to_window(pair.boxes[1], windows[1]))[None]
    comparison.add(f"{case}_template_anno_out", template_box)
    comparison.add(f"{case}_search_anno_out", search_box)
    np.testing.assert_allclose(cxcywh_to_xywh(cut.boxes.numpy()), search_box, rtol=0, atol=1e-6)
    crops = {"template": {name: value[None] for name, value in cut.template.items()}, "search": cut.search}
    for part, streams in crops.items():
        for stream, name in images.items():
            values = normalize(streams[stream], "imagenet")[0]
            atol = comparison.facts["atol"] if name != "image" else GREY_LEVEL / 255 / 0.224
            comparison.add(f"{case}_{part}_{name}_sub", values[:, ::8, ::8], tolerance=atol)
            stats = torch.stack([values.mean(), values.std()])
            comparison.add(f"{case}_{part}_{name}_stats", stats, tolerance=atol)


def cases(wanted):
    return sorted({name.split("_")[0] for name in wanted if re.match(r"c\d+_", name)})


def test_coesot_processing(compare):
    comparison = compare("coesot_processing")
    wanted = comparison.wanted
    height, width = wanted["rgb"].shape[:2]
    frame = Frame((width, height), images={"rgb": wanted["rgb"], "event_image": wanted["event_image"]})
    for case in cases(wanted):
        pair = Pair([wanted[f"{case}_template_box"], wanted[f"{case}_search_box"]], [frame, frame])
        cut, windows = sample(pair, ("rgb", "event_image"))
        add_sample(comparison, case, pair, cut, windows, {"rgb": "rgb", "event_image": "event"})
    boxes = {f"{case}_{part}_box" for case in cases(wanted) for part in ("template", "search")}
    assert set(comparison.ratios) == set(wanted) - boxes - {"rgb", "event_image"}


def test_voxel_processing(compare):
    comparison = compare("voxel_processing")
    wanted = comparison.wanted
    height, width = wanted["image"].shape[:2]
    recipe = VoxelRecipe(
        cell=(1000 / 19, 10, 10), grid=(19, width // 10, height // 10), most=0, kept=0, sensor=(width, height)
    )
    entered = {"image"}
    for case in cases(wanted):
        frames = []
        for part in ("template", "search"):
            cells = wanted[f"{case}_{part}_voxel_in"]
            voxels = voxel_rows(cells, recipe=recipe, size=(width, height))
            frames.append(Frame((width, height), voxels=voxels, images={"event_image": wanted["image"]}))
            entered |= {f"{case}_{part}_voxel_in", f"{case}_{part}_box"}
        pair = Pair([wanted[f"{case}_template_box"], wanted[f"{case}_search_box"]], frames)
        cut, windows = sample(pair, ("event_image", "voxel"))
        add_sample(comparison, case, pair, cut, windows, {"event_image": "image"})
        for part, rows in (("template", cut.template["voxel"]), ("search", cut.search["voxel"][0])):
            comparison.add(f"{case}_{part}_voxel_out", rows.mT[None, None])
            comparison.add(f"{case}_{part}_n_kept", np.array(int(rows[:, 2].ne(0).sum())))
    assert set(comparison.ratios) == set(wanted) - entered


# --- heat maps, decoding, the way back ------------------------------------------------------------


def test_hann_windows_and_heat_maps(compare):
    comparison = compare("hann_heatmap")
    wanted = comparison.wanted
    comparison.add("hann16", hann_window(16, 16)[None, None])
    comparison.add("hann7", hann_window(7, 1)[:, 0])
    for name, boxes in (("heatmap", wanted["boxes_xywh"]), ("heatmap64", wanted["boxes_xywh"].astype(np.float64))):
        centred = torch.from_numpy(xywh_to_cxcywh(boxes))
        target = heat_target(centred, torch.ones(len(boxes), dtype=torch.bool), (16, 16), centre="round", radius=0)
        comparison.add(name, target.heat)
    comparison.add("gaussian_radius", gaussian_radius(*torch.from_numpy(wanted["wh"]).unbind(1)))
    assert set(comparison.ratios) == set(wanted) - {"boxes_xywh", "wh"}


def test_decode(compare):
    comparison = compare("decode")
    score, size, offset, logit = (torch.from_numpy(comparison.wanted[n]) for n in ("score", "size", "offset", "logit"))
    comparison.add("boxes", decode(score[:, 0], size, offset))
    comparison.add("boxes_hann", decode(score[:, 0] * hann_window(*score.shape[2:]), size, offset))
    head = CentreHead(inputs=1, channels=8)
    head.branch = lambda grid, name: logit.view(1, 1, 1, -1).expand(1, 1 if name == "ctr" else 2, 1, -1)
    prediction = head(logit)
    comparison.add("clamped", prediction.response[0, 0])
    assert torch.equal(prediction.size[0, 1], prediction.response[0])


def test_clip_and_map(compare):
    comparison = compare("clip_map")
    wanted = comparison.wanted
    for name in (name for name in wanted if name.startswith("clip_out_")):
        height, width, margin = (int(number) for number in re.findall(r"\d+", name))
        comparison.add(name, clip_xywh(wanted["clip_in"], width, height, margin=margin))
    boxes = []
    for row in wanted["map_in"]:
        side = 256 / row[8]
        boxes.append(from_window(row[4:8] / side, moved_window(row[:4], side, 256)))
    comparison.add("map_out", np.stack(boxes))
    assert set(comparison.ratios) == set(wanted) - {"clip_in", "map_in"}
