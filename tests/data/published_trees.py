"""The four published layouts in miniature, whole; and thirty-odd ways in which such a folder can be damaged."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from miniature import annotate, random_events, some_boxes, write_aedat4, write_csv, write_list
from scipy.io import savemat

from had.data.layouts import LAYOUTS, SENSOR_FILE, SLICES_FILE, Layout
from had.data.recordings.aedat4 import Aedat4Recording

SIZE = (64, 48)
FRAMES = 6
NAMES = {split: (f"{split}_one", f"{split} zwei Wörter") for split in ("train", "val", "test")}
"""With a space and an umlaut, as researchers name recordings."""


def write_tree(
    layout: Layout, root: Path, *, raw: bool = True, images: bool = True, voxels: bool = True, first: int = 0
) -> Path:
    """All splits of a layout.

    Args:
        raw, images, voxels: what its edition has.
        first: number of the first image.
    """
    for number, split in enumerate(layout.splits):
        write_list(layout, root, split, NAMES[split])
        for k, name in enumerate(NAMES[split]):
            folder = root / layout.splits[split] / name
            write_sequence(layout, folder, seed=10 * number + k, raw=raw, images=images, voxels=voxels, first=first)
    if layout.attributes:
        rows = [["sequence", *layout.attributes]]
        rows += [[name, *("0" for _ in layout.attributes)] for split in layout.splits for name in NAMES[split]]
        (root / "attributes.csv").write_text("".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    return root


def write_sequence(layout: Layout, folder: Path, *, seed: int, raw: bool, images: bool, voxels: bool, first: int):
    """One sequence, with everything that the layout publishes."""
    name = folder.name
    annotate(layout, folder, some_boxes(FRAMES))
    (folder / SENSOR_FILE).write_text("{},{}\n".format(*SIZE), encoding="utf-8")
    if layout.slicing == "equal":
        (folder / SLICES_FILE).write_text(f"{FRAMES + 1}\n", encoding="utf-8")
    if layout.name == "coesot":
        (folder / "start_end_index.txt").write_text(f"1,{FRAMES}\n", encoding="utf-8")
    rng = np.random.default_rng(seed)
    if raw:
        path = folder / layout.raw.format(sequence=name)
        events = random_events(600, seed=seed, begin=5000, step=200)
        if layout.raw_format == "csv":
            write_csv(path, events)
        else:
            write_aedat4(path, events, camera(FRAMES))
    for pattern in layout.images.values() if images else ():
        for index in range(first, first + FRAMES):
            write_picture(folder / f"{pattern.format(sequence=name, index=index)}.png", rng)
    if voxels and layout.voxels:
        for index in range(first, first + FRAMES):
            write_voxels(layout, folder / layout.voxels.format(sequence=name, index=index), rng)


def camera(frames: int) -> list:
    """Camera frames for `write_aedat4`, 10 ms apart."""
    image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    return [(10_000 * (i + 1), 2000, image + i) for i in range(frames)]


def write_picture(path: Path, rng: np.random.Generator, size=SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = cv2.imencode(path.suffix, rng.integers(0, 256, (size[1], size[0], 3), np.uint8))[1]
    path.write_bytes(data.tobytes())


def write_voxels(layout: Layout, path: Path, rng: np.random.Generator, cells: int = 9) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    places = rng.integers(0, layout.voxel.grid, (cells, 3)).astype(np.float64)
    savemat(path, {"coor": places, "features": rng.choice([-1.0, 1.0], (cells, layout.voxel.events))})


# --- damage ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Damage:
    """One way to damage a tree, and what must be said about it.

    Attributes:
        layout: name of the layout.
        edition: ``"complete"`` or ``"images"``.
        harm: does it, given the folder of the first sequence of the split.
        kind, severity: of the problem.
        file: end of the path that is named.
        line: that is named, None where there is none.
        split: whose first sequence is harmed.
        deep: whether only a deep look finds it.
    """

    layout: str
    edition: str
    harm: Callable[[Path], object]
    kind: str
    severity: str
    file: str
    line: int | None = None
    split: str = "test"
    deep: bool = False

    def apply(self, root: Path) -> None:
        layout = LAYOUTS[self.layout]
        self.harm(root / layout.splits[self.split] / NAMES[self.split][0])


def edit(path: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], object]:
    """Change the lines of a text file; ``path`` is relative to the sequence, ``{name}`` stands for its name."""

    def harm(folder: Path) -> None:
        target = folder / path.format(name=folder.name)
        lines = target.read_text(encoding="utf-8").splitlines()
        target.write_text("".join(f"{line}\n" for line in change(lines)), encoding="utf-8")

    return harm


def put(path: str, content: bytes | str) -> Callable[[Path], object]:
    """Replace a file's content."""
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / path.format(name=folder.name)).write_bytes(data)


def cut(path: str, count: int) -> Callable[[Path], object]:
    """Take the last bytes from a file."""

    def harm(folder: Path) -> None:
        target = folder / path.format(name=folder.name)
        target.write_bytes(target.read_bytes()[:-count])

    return harm


def remove(path: str) -> Callable[[Path], object]:
    def harm(folder: Path) -> None:
        target = (folder / path.format(name=folder.name)).resolve()
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return harm


def with_line(number: int, text: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [*lines[: number - 1], text, *lines[number:]]


def picture(path: str, size=SIZE) -> Callable[[Path], object]:
    return lambda folder: write_picture(folder / path.format(name=folder.name), np.random.default_rng(1), size)


def deepen(folder: str) -> Callable[[Path], object]:
    """12 bits in files of 16, as cameras write them."""

    def apply(sequence: Path) -> None:
        for path in sorted((sequence / folder).iterdir()):
            path.write_bytes(cv2.imencode(".png", np.full((SIZE[1], SIZE[0], 3), 2032, np.uint16))[1].tobytes())

    return apply


def mat(**content) -> Callable[[Path], object]:
    return lambda folder: savemat(folder / f"{folder.name}_voxel" / "frame0002.mat", content)


def renumber(folder: Path) -> None:
    for path in sorted((folder / "img").iterdir(), reverse=True):
        path.rename(path.with_stem(f"{int(path.stem) + 5:04d}"))


def recompose(folder: Path) -> None:
    """Write the umlaut of the second sequence's folder as another file system does."""
    other = folder.with_name(NAMES["test"][1])
    other.rename(other.with_name(unicodedata.normalize("NFD", other.name)))


def flip_pixels(path: str) -> Callable[[Path], object]:
    """Damage a PNG behind its header and before its end."""

    def harm(folder: Path) -> None:
        data = bytearray((folder / path.format(name=folder.name)).read_bytes())
        data[len(data) // 2] ^= 255
        (folder / path.format(name=folder.name)).write_bytes(bytes(data))

    return harm


def aedat4(frames: int) -> Callable[[Path], object]:
    def harm(folder: Path) -> None:
        shutil.rmtree(folder / f"{folder.name}_aps")
        write_aedat4(folder / f"{folder.name}.aedat4", random_events(600, begin=5000, step=200), camera(frames))

    return harm


def break_first_frame(folder: Path) -> None:
    path = folder / f"{folder.name}.aedat4"
    recording = Aedat4Recording(path)
    offset, size = next(iter(recording._packets(recording._frame_stream)))
    data = path.read_bytes()
    path.write_bytes(data[:offset] + bytes(size) + data[offset + size :])


def mostly_absent(folder: Path) -> None:
    for path in folder.parent.glob("*/absent.txt"):
        path.write_text("1\n1\n0\n0\n0\n0\n")


def place_link(path: Path) -> None:
    path.symlink_to(path.name)


RNG = np.random.default_rng(2)
GRID = np.array([[1.0, 2.0, 3.0]])
ONES = np.ones((1, 16))
CSV = "{name}.csv"
VOXEL = "{name}_voxel/frame0002.mat"
DAMAGES = {
    # lists and folders
    "no list": Damage("coesot", "complete", remove("../list.txt"), "list", "error", "test/list.txt"),
    "name twice": Damage(
        "eventvot", "complete", edit("../list.txt", lambda x: [*x, x[0]]), "list", "error", "test/list.txt", 3
    ),
    "name with a path": Damage(
        "fe108", "complete", edit("../list.txt", with_line(2, "a/b")), "list", "error", "test/list.txt", 2
    ),
    "list of no text": Damage(
        "fe108", "complete", put("../list.txt", b"a\n\xff\xfe\0"), "list", "error", "test/list.txt", 2
    ),
    "folder in the place of a list": Damage(
        "fe108",
        "complete",
        lambda folder: (remove("../list.txt")(folder), (folder.parent / "list.txt").mkdir()),
        "list",
        "error",
        "test/list.txt",
    ),
    "empty list": Damage("visevent", "complete", put("../list.txt", ""), "list", "error", "test_subset/list.txt"),
    "broken list of validation": Damage(
        "eventvot", "complete", put("../list.txt", ""), "list", "error", "val/list.txt", split="val"
    ),
    "no folder of a split": Damage("coesot", "complete", remove(".."), "list", "error", "val", split="val"),
    "listed in two splits": Damage(
        "eventvot",
        "complete",
        edit("../../train/list.txt", lambda x: [*x, NAMES["val"][0]]),
        "two-splits",
        "note",
        "train/list.txt",
        3,
        "train",
    ),
    "listed without a folder": Damage(
        "eventvot", "images", edit("../list.txt", lambda x: [*x, "three"]), "no-folder", "error", "test/list.txt", 3
    ),
    "folder in another split": Damage(
        "coesot",
        "complete",
        lambda folder: folder.rename(folder.parents[1] / "val" / folder.name),
        "no-folder",
        "error",
        "test/list.txt",
        1,
    ),
    "folder with another umlaut": Damage("eventvot", "images", recompose, "no-folder", "error", "test/list.txt", 2),
    "folder not listed": Damage(
        "fe108", "complete", lambda folder: (folder.parent / "more").mkdir(), "unlisted", "note", "test/more"
    ),
    "broken attributes": Damage(
        "coesot",
        "complete",
        edit("../../attributes.csv", with_line(3, "x,1,2")),
        "attributes",
        "error",
        "attributes.csv",
        3,
    ),
    # boxes, flags and other text
    "no boxes": Damage("eventvot", "complete", remove("groundtruth.txt"), "boxes", "error", "groundtruth.txt"),
    "empty boxes": Damage(
        "fe108", "complete", put("groundtruth_rect.txt", ""), "boxes", "error", "groundtruth_rect.txt"
    ),
    "broken box": Damage(
        "visevent",
        "complete",
        edit("groundtruth.txt", with_line(3, "1,2,3,x")),
        "boxes",
        "error",
        "groundtruth.txt",
        3,
    ),
    "box of NaN": Damage(
        "eventvot", "images", edit("groundtruth.txt", with_line(2, "1,2,nan,4")), "boxes", "error", "groundtruth.txt", 2
    ),
    "box of five": Damage(
        "coesot", "images", edit("groundtruth.txt", with_line(6, "1,2,3,4,5")), "boxes", "error", "groundtruth.txt", 6
    ),
    "boxes as shares": Damage(
        "coesot",
        "images",
        edit("groundtruth.txt", lambda x: ["0.1,0.2,0.25,0.5"] * len(x)),
        "box-units",
        "note",
        "groundtruth.txt",
    ),
    "flags of the other meaning": Damage("coesot", "images", mostly_absent, "flags-meaning", "note", "test"),
    "box outside": Damage(
        "eventvot",
        "complete",
        edit("groundtruth.txt", with_line(4, "64,3,5,5")),
        "box-outside",
        "note",
        "groundtruth.txt",
        4,
    ),
    "box over the border": Damage(
        "coesot",
        "images",
        edit("groundtruth.txt", with_line(5, "-3,3,9,9")),
        "box-outside",
        "note",
        "groundtruth.txt",
        5,
    ),
    "box that lost its decimal point": Damage(
        "coesot",
        "complete",
        edit("groundtruth.txt", with_line(5, "3,3,351249,206037")),
        "box-outside",
        "error",
        "groundtruth.txt",
        5,
    ),
    "box without area": Damage(
        "coesot", "images", edit("groundtruth.txt", with_line(5, "3,3,0,9")), "box-empty", "note", "groundtruth.txt", 5
    ),
    "more boxes than images": Damage(
        "visevent",
        "images",
        lambda folder: [edit(name, lambda x: [*x, x[-1]])(folder) for name in ("groundtruth.txt", "absent.txt")],
        "image-missing",
        "error",
        "vis_imgs",
    ),
    "no flags": Damage("visevent", "complete", remove("absent.txt"), "flags", "error", "absent.txt"),
    "flag of 2": Damage("coesot", "complete", edit("absent.txt", with_line(3, "2")), "flags", "error", "absent.txt", 3),
    "too few flags": Damage("coesot", "complete", edit("absent.txt", lambda x: x[1:]), "flags", "error", "absent.txt"),
    "never visible": Damage(
        "visevent", "complete", put("absent.txt", "1\n" * FRAMES), "no-target", "error", "groundtruth.txt"
    ),
    "no clip in training": Damage(
        "eventvot",
        "complete",
        put("absent.txt", "0\n0\n0\n0\n0\n1\n"),
        "no-target",
        "error",
        "groundtruth.txt",
        split="train",
    ),
    "box of negative size": Damage(
        "coesot", "images", edit("groundtruth.txt", with_line(5, "3,3,-4,9")), "box-empty", "note", "groundtruth.txt", 5
    ),
    "another frame range": Damage(
        "coesot", "complete", put("start_end_index.txt", "3,9\n"), "start-end", "note", "start_end_index.txt", 1
    ),
    "no frame range": Damage(
        "coesot", "complete", put("start_end_index.txt", "x\n"), "start-end", "note", "start_end_index.txt", 1
    ),
    "broken sensor": Damage("eventvot", "complete", put(SENSOR_FILE, "64\n"), "statement", "error", SENSOR_FILE),
    "broken slices": Damage("eventvot", "complete", put(SLICES_FILE, "one\n"), "statement", "error", SLICES_FILE),
    # raw recordings
    "CSV of no bytes": Damage("eventvot", "complete", put(CSV, ""), "raw-broken", "error", ".csv"),
    "CSV cut inside a line": Damage("eventvot", "complete", cut(CSV, 9), "raw-broken", "error", ".csv", 601),
    "CSV cut inside a time": Damage("eventvot", "complete", cut(CSV, 3), "raw-broken", "error", ".csv", 601),
    "CSV outside the sensor": Damage(
        "eventvot", "complete", edit(CSV, with_line(9, "64,1,1,5000")), "raw-broken", "error", ".csv", 9
    ),
    "CSV of other columns": Damage(
        "eventvot", "complete", edit(CSV, with_line(1, "a,b,c,d")), "raw-broken", "error", ".csv"
    ),
    "CSV without events": Damage("eventvot", "complete", put(CSV, "x,y,polarity,t\n"), "raw-silent", "note", ".csv"),
    "CSV broken inside": Damage(
        "eventvot",
        "complete",
        lambda folder: (
            write_csv(folder / f"{folder.name}.csv", random_events(40_000)),
            edit(CSV, with_line(20_000, "1,1,x,9"))(folder),
        ),
        "raw-broken",
        "error",
        ".csv",
        20_000,
        deep=True,
    ),
    "recording of another name": Damage(
        "coesot",
        "complete",
        lambda f: (f / f"{f.name}.aedat4").rename(f / "dvSave.aedat4"),
        "raw-name",
        "note",
        ".aedat4",
    ),
    "link to no recording": Damage(
        "visevent",
        "complete",
        lambda f: (remove("{name}.aedat4")(f), (f / f"{f.name}.aedat4").symlink_to("/no/such")),
        "raw-name",
        "note",
        ".aedat4",
    ),
    "first camera frame broken": Damage("coesot", "complete", break_first_frame, "raw-broken", "error", ".aedat4"),
    "too few slices": Damage("eventvot", "complete", put(SLICES_FILE, "5\n"), "raw-short", "error", ".csv"),
    "too many slices": Damage("eventvot", "complete", put(SLICES_FILE, "9\n"), "raw-long", "note", ".csv"),
    "AEDAT4 of no bytes": Damage("fe108", "complete", put("{name}.aedat4", ""), "raw-broken", "error", ".aedat4"),
    "AEDAT4 cut off": Damage("coesot", "complete", cut("{name}.aedat4", 2000), "raw-broken", "error", ".aedat4"),
    "AEDAT4 without a header": Damage(
        "visevent", "complete", put("{name}.aedat4", b"#!AER-DAT4.0\r\n\5\0\0\0abc"), "raw-broken", "error", ".aedat4"
    ),
    "something else for AEDAT4": Damage(
        "fe108", "complete", put("{name}.aedat4", "<html>"), "raw-broken", "error", ".aedat4"
    ),
    "too few camera frames": Damage("coesot", "complete", aedat4(4), "raw-short", "error", ".aedat4"),
    "no camera frames": Damage("coesot", "complete", aedat4(0), "raw-short", "error", ".aedat4"),
    "too many camera frames": Damage("coesot", "complete", aedat4(8), "raw-long", "note", ".aedat4"),
    # images
    "no image folder": Damage("eventvot", "images", remove("img"), "no-source", "error", "img"),
    "empty image folder": Damage(
        "fe108", "images", lambda f: (remove("dvs")(f), (f / "dvs").mkdir()), "no-source", "error", "dvs"
    ),
    "images from number 5": Damage("eventvot", "images", renumber, "no-source", "error", "img"),
    "image missing": Damage(
        "visevent", "images", remove("event_imgs/frame0003.png"), "image-missing", "error", "event_imgs"
    ),
    "image of no bytes": Damage("eventvot", "images", put("img/0002.png", ""), "image-broken", "error", "img/0002.png"),
    "image cut off": Damage("eventvot", "images", cut("img/0002.png", 7), "image-broken", "error", "img/0002.png"),
    "BMP cut off": Damage(
        "coesot",
        "images",
        lambda f: (
            (remove("{name}_aps")(f), [picture(f"{{name}}_aps/frame{i:04d}.bmp")(f) for i in range(FRAMES)])
            and cut("{name}_aps/frame0005.bmp", 7)(f)
        ),
        "image-broken",
        "error",
        "_aps/frame0005.bmp",
    ),
    "no image at all": Damage(
        "fe108", "images", put("aps/frame0001.png", "<html>404"), "image-broken", "error", "aps/frame0001.png"
    ),
    "pixels broken": Damage(
        "fe108", "images", flip_pixels("dvs/frame0001.png"), "image-broken", "error", "dvs/frame0001.png", deep=True
    ),
    "image of another size": Damage(
        "coesot",
        "images",
        picture("{name}_dvs/frame0004.png", (48, 64)),
        "image-size",
        "error",
        "_dvs/frame0004.png",
    ),
    "JPEG cut off": Damage(
        "visevent",
        "images",
        lambda f: (
            [(p.unlink(), write_picture(p.with_suffix(".jpg"), RNG)) for p in sorted((f / "vis_imgs").iterdir())],
            cut("vis_imgs/frame0002.jpg", 2)(f),
        ),
        "image-broken",
        "error",
        "vis_imgs/frame0002.jpg",
    ),
    "images of 16 bits": Damage("eventvot", "images", deepen("img"), "image-depth", "error", "img/0000.png"),
    "camera image of 16 bits beside a recording": Damage(
        "visevent", "complete", deepen("vis_imgs"), "image-depth", "error", "vis_imgs/frame0000.png"
    ),
    "link to no image": Damage(
        "eventvot",
        "images",
        lambda f: (remove("img/0003.png")(f), (f / "img/0003.png").symlink_to("/no/such")),
        "image-broken",
        "error",
        "img/0003.png",
    ),
    "image that is a link to itself": Damage(
        "coesot",
        "complete",
        lambda f: (remove("{name}_aps/frame0003.png")(f), place_link(f / f"{f.name}_aps/frame0003.png")),
        "image-broken",
        "error",
        "_aps/frame0003.png",
    ),
    "folder in the place of an image": Damage(
        "fe108",
        "images",
        lambda f: (remove("dvs/frame0003.png")(f), (f / "dvs/frame0003.png").mkdir()),
        "image-broken",
        "error",
        "dvs/frame0003.png",
    ),
    "image without a box": Damage("eventvot", "images", picture("img/0006.png"), "image-extra", "note", "img"),
    "camera image missing beside a recording": Damage(
        "coesot", "complete", remove("{name}_aps/frame0003.png"), "image-missing", "error", "_aps"
    ),
    "camera image of another size beside a recording": Damage(
        "visevent", "complete", picture("vis_imgs/frame0003.png", (10, 10)), "image-size", "error", "frame0003.png"
    ),
    "event image broken beside a recording": Damage(
        "eventvot", "complete", put("img/0002.png", "x"), "image-broken", "note", "img/0002.png"
    ),
    # voxels
    "no voxel folder": Damage("eventvot", "images", remove("{name}_voxel"), "voxel-missing", "error", "_voxel"),
    "voxel file missing": Damage("eventvot", "images", remove(VOXEL), "voxel-missing", "error", "frame0002.mat"),
    "voxel file of no bytes": Damage("eventvot", "images", put(VOXEL, ""), "voxel-broken", "error", "frame0002.mat"),
    "voxel file cut off": Damage("eventvot", "images", cut(VOXEL, 99), "voxel-broken", "error", "frame0002.mat"),
    "voxels of NaN": Damage(
        "eventvot", "images", mat(coor=GRID * np.nan, features=ONES), "voxel-broken", "error", "frame0002.mat"
    ),
    "voxels of fractions": Damage(
        "eventvot", "images", mat(coor=GRID + 0.5, features=ONES), "voxel-broken", "error", "frame0002.mat"
    ),
    "voxels of text": Damage(
        "eventvot", "images", mat(coor=np.array(["abc"]), features=ONES), "voxel-broken", "error", "frame0002.mat"
    ),
    "voxel file of a few bytes": Damage(
        "eventvot", "images", put(VOXEL, b"MATLAB 5.0"), "voxel-broken", "error", "frame0002.mat"
    ),
    "voxels without keys": Damage("eventvot", "images", mat(x=GRID), "voxel-broken", "error", "frame0002.mat"),
    "voxels of another shape": Damage(
        "eventvot", "images", mat(coor=GRID, features=ONES[:, :3]), "voxel-broken", "error", "frame0002.mat"
    ),
    "voxels outside the grid": Damage(
        "eventvot", "images", mat(coor=GRID * 99, features=ONES), "voxel-broken", "error", "frame0002.mat"
    ),
    "voxels without a cell": Damage(
        "eventvot",
        "images",
        mat(coor=np.zeros((0, 3)), features=np.zeros((0, 16))),
        "voxel-silent",
        "note",
        "frame0002.mat",
    ),
    "voxels without a box": Damage(
        "eventvot",
        "images",
        lambda f: shutil.copy(f / f"{f.name}_voxel/frame0002.mat", f / f"{f.name}_voxel/frame0006.mat"),
        "voxel-extra",
        "note",
        "_voxel",
    ),
    "voxels broken beside a recording": Damage(
        "coesot", "complete", put(VOXEL, "x"), "voxel-broken", "note", "frame0002.mat"
    ),
}
