"""Prophesee RAW and DAT files -> the reader that their header asks for.

The text header (lines that begin with ``%``) says the format and, in newer files, the geometry.

Source: Prophesee's documentation of the EVT 2.0, EVT 3.0 and DAT data formats.
"""

from __future__ import annotations

import re
from pathlib import Path

from had.data.recordings.prophesee_dat import DatRecording
from had.data.recordings.prophesee_evt import Evt2Recording, Evt3Recording
from had.data.recordings.prophesee_words import WordRecording
from had.data.recordings.recording import Recording
from had.data.recordings.sensor_size import SIDE, Stated
from had.errors import DataError, excerpt
from had.numerals import natural

_MOST_LINES = 10_000
"""Of a header."""

_PLUGINS = {"genx320": (320, 320), "gen31": (640, 480), "gen3": (640, 480), "gen4": (1280, 720), "imx636": (1280, 720)}
_GENERATIONS = {"3.0": (640, 480), "3.1": (640, 480), "4.0": (1280, 720), "4.1": (1280, 720), "4.2": (1280, 720)}


def read_header(path: Path) -> tuple[dict[str, str], int]:
    """The header's ``% key value`` lines (keys in lower case) and the offset of the first data byte."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        for _ in range(_MOST_LINES):
            offset = file.tell()
            line = file.readline(4096)
            text = line.startswith(b"% ") and line.endswith(b"\n")
            if not text or not line.decode("latin-1").replace("\t", " ").strip().isprintable():  # data may begin so
                return fields, offset
            key, _, value = line[1:].decode("latin-1").strip().partition(" ")
            if key.lower() == "end":
                return fields, file.tell()
            fields[key.lower()] = value.strip()
    raise DataError(f"a header of at most {_MOST_LINES} lines", f"a longer one in {path}", "remove what is no header")


def open_prophesee(path: Path, *, size: tuple[int, int] | None = None) -> Recording:
    """The reader for a RAW or DAT file (`DataError` where its header names no supported format)."""
    header, offset = read_header(path)
    stated, _, details = header.get("format", "").partition(";")
    names = [name.upper() for name in (stated, f"EVT{header['evt']}" if "evt" in header else "") if name]
    names = [re.sub(r"\.0$", "", name) for name in names]
    if len({name.replace(".", "") for name in names}) > 1:
        got = f"{names[0]} and {names[1]} in that of {path}"
        raise DataError("one format in a RAW file's header", got, "remove the line that is wrong")
    name = names[0] if names else ""
    stated_sizes = _stated_sizes(header, details, path)
    if not name and ("data" in header or path.suffix.lower() == ".dat"):
        return DatRecording(path, offset, size, stated_sizes, header)
    kinds: dict[str, type[WordRecording]] = {"EVT2": Evt2Recording, "EVT3": Evt3Recording}
    if name not in kinds:
        got = f"{excerpt(name)} in the header of {path}" if name else f"a header without a format in {path}"
        remedy = "convert it with its maker's software, to CSV for instance"
        if not header:
            got = f"no header in {path}"
            remedy = "put a line '% evt 2.0' or '% evt 3.0' before its data, whichever it is"
        raise DataError("a RAW file in EVT2 or EVT3", got, remedy)
    order = {**_pairs(details), **header}.get("endianness", "little")
    if order.lower() != "little":
        raise DataError(
            "little-endian words", f"endianness {excerpt(order)} in {path}", "convert it with its maker's software"
        )
    recording = kinds[name](path, offset, size, stated_sizes)
    sensor = _named_sensor(header)
    if sensor is not None and recording.declared not in (None, sensor):
        stated = "{}x{}".format(*recording.declared)
        recording.notes.append(
            f"the header states {stated}, and a sensor of {sensor[0]}x{sensor[1]}: the first is taken"
        )
    return recording


def _pairs(details: str) -> dict[str, str]:
    """``;height=720;width=1280`` -> its values by key in lower case."""
    pairs = (part.partition("=") for part in details.split(";"))
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _stated_sizes(header: dict[str, str], details: str, path: Path) -> list[Stated]:
    """What a header states of the sensor's size: in ``geometry``, ``format``, ``width`` and ``height``.

    Where it states nothing: the size of the sensor that it names. A side of 0 is none (`DataError` for no number).
    """

    def side(text: str, where: str) -> int | None:
        number = natural(text)
        if number is None or number > SIDE:
            expected, remedy = f"a sensor of 1 to {SIDE} pixels a side", "correct that line"
            raise DataError(expected, f"{where} {excerpt(text)} in the header of {path}", remedy)
        return number or None

    texts: list[tuple[str, str | None, str | None]] = []
    if geometry := header.get("geometry"):
        width, *height = re.split(r"\s*[xX]\s*", geometry, maxsplit=1)
        texts.append(("geometry", width, "".join(height)))
    for where, values in (("format", _pairs(details)), ("header", header)):
        texts.append((where, values.get("width"), values.get("height")))
    found = []
    for where, *both in texts:
        sides = [None if text is None else side(text, where) for text in both]
        if sides != [None, None]:
            found.append(Stated(where, *sides))
    named = _named_sensor(header)
    return found or ([Stated("the sensor's name", *named)] if named else [])


def _named_sensor(header: dict[str, str]) -> tuple[int, int] | None:
    """(width, height) of the sensor that a header names."""
    plugin = header.get("plugin_name", "")
    named = _GENERATIONS.get(header.get("sensor_generation", ""))
    return named or next((size for key, size in _PLUGINS.items() if key in plugin), None)
