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
from had.data.recordings.sensor_size import SIDE, Stated, pairings
from had.data.recordings.statements import Statement, agreed
from had.errors import DataError, excerpt
from had.numerals import natural

_MOST_LINES = 10_000
"""Of a header."""
_REMEDY = "remove the line that is wrong"

_PLUGINS = {"genx320": (320, 320), "gen31": (640, 480), "gen3": (640, 480), "gen4": (1280, 720), "imx636": (1280, 720)}
_GENERATIONS = {"3.0": (640, 480), "3.1": (640, 480), "4.0": (1280, 720), "4.1": (1280, 720), "4.2": (1280, 720)}


def read_header(path: Path) -> tuple[dict[str, list[str]], int]:
    """The values of the header's ``% key value`` lines by key in lower case, and the offset of the first data byte."""
    fields: dict[str, list[str]] = {}
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
            fields.setdefault(key.lower(), []).append(value.strip())
    raise DataError(f"a header of at most {_MOST_LINES} lines", f"a longer one in {path}", "remove what is no header")


def open_prophesee(path: Path, *, size: tuple[int, int] | None = None) -> Recording:
    """The reader for a RAW or DAT file (`DataError` where its header names no supported format, or two)."""
    header, offset = read_header(path)
    formats = [value.partition(";") for value in header.get("format", [])]
    details = _pairs(";".join(pairs for _, _, pairs in formats))
    names = [Statement(name.strip().upper(), "format") for name, _, _ in formats if name.strip()]
    names += [Statement(f"EVT{version}", "evt") for version in header.get("evt", [])]
    agreed("format", names, path, lambda name: _without_zero(name).replace(".", ""), _REMEDY)
    name = _without_zero(names[0].text) if names else ""
    stated_sizes = _stated_sizes(header, details, path)
    if not name and ("data" in header or path.suffix.lower() == ".dat"):
        version = agreed("version", [Statement(v, "Version") for v in header.get("version", [])], path, str, _REMEDY)
        return DatRecording(path, offset, size, stated_sizes, has_header=bool(header), version=version)
    kinds: dict[str, type[WordRecording]] = {"EVT2": Evt2Recording, "EVT3": Evt3Recording}
    if name not in kinds:
        got = f"{excerpt(name)} in the header of {path}" if name else f"a header without a format in {path}"
        remedy = "convert it with its maker's software, to CSV for instance"
        if not header:
            got = f"no header in {path}"
            remedy = "put a line '% evt 2.0' or '% evt 3.0' before its data, whichever it is"
        raise DataError("a RAW file in EVT2 or EVT3", got, remedy)
    orders = [Statement(order, where) for where, of in _places(header, details) for order in of.get("endianness", [])]
    order = agreed("byte order", orders, path, str.lower, _REMEDY)
    if order not in (None, "little"):
        raise DataError(
            "little-endian words", f"endianness {excerpt(order)} in {path}", "convert it with its maker's software"
        )
    recording = kinds[name](path, offset, size, stated_sizes)
    for sensor in _named_sensors(header):
        if recording.declared is not None and not sensor.fits(*recording.declared):
            stated = "{}x{}".format(*recording.declared)
            recording.notes.append(
                f"the header states {stated}, and a sensor of {sensor.width}x{sensor.height}: the first is taken"
            )
    return recording


def _without_zero(name: str) -> str:
    return re.sub(r"\.0$", "", name)


def _pairs(details: str) -> dict[str, list[str]]:
    """``;height=720;width=1280`` -> its values by key in lower case."""
    pairs: dict[str, list[str]] = {}
    for key, equals, value in (part.partition("=") for part in details.split(";")):
        if equals:
            pairs.setdefault(key.strip().lower(), []).append(value.strip())
    return pairs


def _places(
    header: dict[str, list[str]], details: dict[str, list[str]]
) -> tuple[tuple[str, dict[str, list[str]]], ...]:
    """Where a header states something: behind its format, and in lines of their own."""
    return ("format", details), ("header", header)


def _stated_sizes(header: dict[str, list[str]], details: dict[str, list[str]], path: Path) -> list[Stated]:
    """What a header states of the sensor's size: in ``geometry``, ``format``, ``width`` and ``height``.

    Where it states nothing: the size of the sensor that it names. A side of 0 is none (`DataError` for no number).
    """

    def side(text: str, where: str) -> int | None:
        number = natural(text)
        if number is None or number > SIDE:
            expected, remedy = f"a sensor of 1 to {SIDE} pixels a side", "correct that line"
            raise DataError(expected, f"{where} {excerpt(text)} in the header of {path}", remedy)
        return number or None

    found = []
    for geometry in filter(None, header.get("geometry", [])):
        width, *height = re.split(r"\s*[xX]\s*", geometry, maxsplit=1)
        found += pairings("geometry", [side(width, "geometry")], [side("".join(height), "geometry")])
    for where, values in _places(header, details):
        sides = ([side(text, where) for text in values.get(name, [])] for name in ("width", "height"))
        found += pairings(where, *sides)
    return found or _named_sensors(header)


def _named_sensors(header: dict[str, list[str]]) -> list[Stated]:
    """The sizes of the sensors that a header names, by their generation or by the plugin of their software."""
    named = [_GENERATIONS.get(generation) for generation in header.get("sensor_generation", [])]
    for plugin in header.get("plugin_name", []):
        named.append(next((size for key, size in _PLUGINS.items() if key in plugin), None))
    return [Stated("the sensor's name", *size) for size in dict.fromkeys(named) if size]
