"""The published layouts as data: folders, file names, splits, sensors, attributes, streams.

Nothing here touches a disk. The facts were read from the publishers' loaders and toolkits; the sizes
and recipes from their preparation scripts. Adding a benchmark is adding one `Layout` to `LAYOUTS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from had.data.annotation_layouts import ANNOTATED, AnnotationLayout, find

Stream = Literal["rgb", "event_image", "voxel"]

SLICES_FILE = "slices.txt"
"""States the number of equal slices inside the folder of a sequence that was not cut as published; not published."""
SENSOR_FILE = "sensor.txt"
"""States ``width,height`` inside the folder of a sequence whose sensor is not the layout's; not published."""


@dataclass(frozen=True)
class VoxelRecipe:
    """How a time slice becomes a voxel list.

    Attributes:
        cell: (t, x, y) size of a cell: t in thousandths of the slice, x and y in pixels of ``sensor``.
        grid: (t, x, y) number of cells; events beyond are dropped.
        most: cells that are filled at most.
        kept: the fullest cells that are kept.
        sensor: (width, height) in pixels for which ``cell`` is stated; on another sensor cells scale with it.
        events: events a cell remembers at most (their polarities are its features).
    """

    cell: tuple[float, float, float]
    grid: tuple[int, int, int]
    most: int
    kept: int
    sensor: tuple[int, int]
    events: int = 16


@dataclass(frozen=True, kw_only=True)
class Layout(AnnotationLayout):
    """One benchmark's files: what `AnnotationLayout` says, and its recordings.

    Patterns are filled with ``sequence`` (its name) and ``index`` (a frame number) by `str.format`.

    Attributes:
        sensor: (width, height) in pixels.
        splits: split name -> folder under the root.
        list_file: names of a split's sequences, one a line, inside the split folder.
        images: stream -> pattern of its image files, without extension.
        extensions: image extensions in order of preference.
        voxels: pattern of the published voxel files, or None.
        raw: pattern of the raw recording.
        raw_also: other patterns by which it is published.
        raw_format: ``"csv"``, ``"aedat4"`` or ``"hdf5"``.
        starts: names of the publishers' list of each recording's first frame with a box (`had.data.box_frames`); empty
            where recordings begin with their first box.
        teacher_streams, student_streams: what the two networks read; the student's is one of the teacher's.
        slicing: default of `PreparationOptions.slicing`.
        slices: slices of an equally sliced recording (the first is dropped), or None.
        voxel: recipe of the voxels.
        note: printed under tables.
        published: split name -> number of its sequences as published.
        home: page of the publisher, where the recordings can be got.
    """

    sensor: tuple[int, int]
    splits: dict[str, str]
    images: dict[str, str]
    voxels: str | None
    raw: str
    raw_format: Literal["csv", "aedat4", "hdf5"]
    teacher_streams: tuple[Stream, Stream]
    student_streams: tuple[Stream]
    slicing: Literal["frame", "exposure", "interval", "equal"]
    slices: int | None
    voxel: VoxelRecipe
    raw_also: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    list_file: str = "list.txt"
    extensions: tuple[str, ...] = (".png", ".bmp", ".jpg")
    note: str = ""
    published: dict[str, int] = field(default_factory=dict)
    home: str = ""


ATTRIBUTE_NAMES = {
    "ARC": "aspect ratio change",
    "BC": "background clutter",
    "BOM": "background object motion",
    "CM": "camera motion",
    "DEF": "deformation",
    "FM": "fast motion",
    "FOC": "full occlusion",
    "HOC": "heavy occlusion",
    "IV": "illumination variation",
    "LI": "low illumination",
    "MB": "motion blur",
    "MOC": "mild occlusion",
    "NM": "no motion",
    "NMO": "no motion",
    "OE": "over-exposure",
    "OV": "out of view",
    "POC": "partial occlusion",
    "ROT": "rotation",
    "SIO": "similar interfering objects",
    "ST": "small target",
    "SV": "scale variation",
    "VC": "viewpoint change",
}
"""What the attributes' abbreviations mean."""

_DAVIS_ATTRIBUTES = (
    "CM",
    "ROT",
    "DEF",
    "FOC",
    "LI",
    "OV",
    "POC",
    "VC",
    "SV",
    "BC",
    "MB",
    "ARC",
    "FM",
    "NMO",
    "IV",
    "OE",
    "BOM",
)
_DAVIS_VOXELS = VoxelRecipe(cell=(50, 10, 10), grid=(20, 34, 25), most=16000, kept=5000, sensor=(346, 260))
_SPLITS = {"train": "train", "val": "val", "test": "test"}

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            name="eventvot",
            title="EventVOT",
            citation="arXiv 2309.14611",
            sensor=(1280, 720),
            splits=_SPLITS,
            boxes="groundtruth.txt",
            presence="absent.txt",
            present_value=1,
            images={"event_image": "img/{index:04d}"},
            voxels="{sequence}_voxel/frame{index:04d}.mat",
            raw="{sequence}.csv",
            raw_format="csv",
            attributes=(
                "CM",
                "DEF",
                "MOC",
                "HOC",
                "FOC",
                "LI",
                "OV",
                "FM",
                "BC",
                "NM",
                "BOM",
                "SIO",
                "SV",
                "ST",
            ),
            ambiguous=("recording_2022-12-02_19-53-10", "recording_2022-12-02_19-53-20"),
            teacher_streams=("event_image", "voxel"),
            student_streams=("event_image",),
            slicing="equal",
            slices=500,
            voxel=VoxelRecipe(cell=(50, 17, 13), grid=(20, 75, 55), most=10000, kept=4000, sensor=(1280, 720)),
            published={"train": 841, "val": 18, "test": 282},
            home="https://github.com/Event-AHU/EventVOT_Benchmark",
        ),
        Layout(
            name="coesot",
            title="COESOT",
            citation="arXiv 2211.11010",
            sensor=(346, 260),
            splits=_SPLITS,
            boxes="groundtruth.txt",
            presence="absent.txt",
            present_value=1,
            images={"rgb": "{sequence}_aps/frame{index:04d}", "event_image": "{sequence}_dvs/frame{index:04d}"},
            voxels="{sequence}_voxel/frame{index:04d}.mat",
            raw="{sequence}.aedat4",
            raw_format="aedat4",
            attributes=_DAVIS_ATTRIBUTES,
            teacher_streams=("rgb", "event_image"),
            student_streams=("event_image",),
            slicing="frame",
            slices=None,
            voxel=_DAVIS_VOXELS,
            aliases=("coco-object-meeting",),
            note='"COCO-Object-Meeting" is another name for COESOT.',
            published={"train": 800, "val": 27, "test": 528},
            home="https://github.com/Event-AHU/COESOT",
        ),
        Layout(
            name="visevent",
            title="VisEvent",
            citation="arXiv 2108.05015",
            sensor=(346, 260),
            splits={"train": "train_subset", "test": "test_subset"},
            boxes="groundtruth.txt",
            presence="absent.txt",
            present_value=0,
            images={"rgb": "vis_imgs/frame{index:04d}", "event_image": "event_imgs/frame{index:04d}"},
            voxels="voxel/frame{index:04d}.mat",
            raw="{sequence}.aedat4",
            raw_format="aedat4",
            attributes=_DAVIS_ATTRIBUTES,
            teacher_streams=("rgb", "event_image"),
            student_streams=("event_image",),
            slicing="frame",
            slices=None,
            voxel=_DAVIS_VOXELS,
            published={"train": 500, "test": 320},
            home="https://github.com/wangxiao5791509/VisEvent_SOT_Benchmark",
        ),
        Layout(
            name="fe108",
            title="FE108",
            citation="arXiv 2109.09052",
            sensor=(346, 260),
            splits={"train": "train", "test": "test"},
            boxes="groundtruth_rect.txt",
            presence=None,
            present_value=1,
            images={"rgb": "aps/frame{index:04d}", "event_image": "dvs/frame{index:04d}"},
            voxels="{sequence}_voxel/frame{index:04d}.mat",
            raw="{sequence}.aedat4",
            raw_format="aedat4",
            attributes=(),
            teacher_streams=("rgb", "event_image"),
            student_streams=("event_image",),
            slicing="frame",
            slices=None,
            voxel=_DAVIS_VOXELS,
            raw_also=("events.aedat4",),
            starts=("start_frame_idx_FE108.txt", "start_frame_idx.txt"),
            aliases=("fe240",),
            home="https://zhangjiqing.com/dataset/",
        ),
    )
}


def canonical_name(name: str) -> str:
    """The layout's name for any accepted spelling (`ConfigError` if no benchmark with recordings has it)."""
    return layout_of(name).name


def layout_of(name: str) -> Layout:
    """The layout of a benchmark given by any accepted name (`ConfigError` if there is none)."""
    return find(name, LAYOUTS.values())


def annotation_layout_of(name: str) -> AnnotationLayout:
    """The same for scoring, which also knows benchmarks of which there are annotations only."""
    return find(name, (*LAYOUTS.values(), *ANNOTATED))
