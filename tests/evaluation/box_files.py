"""A small benchmark of box files on disk, in the forms in which annotations are published, and what was scored."""

import numpy as np
import pandas as pd

BOXES = np.array([[10.0, 20, 30, 40], [12, 20, 30, 40], [14, 22, 30, 40], [16, 24, 30, 40]])
FLAGS = "1\n1\n0\n1\n"


def write(path, boxes=BOXES):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, boxes, fmt="%g", delimiter=",")


def annotate(root, form, names=("a", "b", "c"), flags=FLAGS):
    """Annotations in one of the published forms."""
    for name in names:
        boxes, absent = {
            "nested": (root / name / "groundtruth.txt", root / name / "absent.txt"),
            "gt_rect": (root / "gt_rect" / f"{name}.txt", root / "absent" / f"{name}.txt"),
            "flat": (root / f"{name}.txt", root / "absent" / f"{name}.txt"),
        }[form]
        write(boxes)
        if flags:
            absent.parent.mkdir(exist_ok=True)
            absent.write_text(flags)


def benchmark(folder, form="nested", names=("a", "b", "c")):
    """Annotations, and exact tracks of them."""
    annotate(folder / "truth", form, names)
    for name in names:
        write(folder / "theirs" / f"{name}.txt")


def call(folder, layout="coesot"):
    places = ("--annotations", folder / "truth", "--tracks", folder / "theirs", "--output", folder / "out")
    return ("--layout", layout, *places)


def read(folder, name="overall"):
    return pd.read_csv(folder / f"{name}.csv", dtype={"tracker": str, "sequence": str})
