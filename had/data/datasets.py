"""What publishers say about their files: addresses, sizes, checksums, and the page where each was read.

A YAML file of config/datasets/ enters, a checked `Dataset` leaves. What nobody has published is null there, never a
guess; what a person must fetch with a browser has places instead of addresses.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from had.data.layouts import LAYOUTS
from had.errors import ConfigError, nearest
from had.options.base import Options
from had.shipped import FOLDER
from had.yaml_text import read_mapping

WEIGHTS = "weights"
"""The one data file that is no benchmark's."""
WHOLE = "all"
"""The item of a benchmark that is published as one archive of all splits."""


def _web_address(value: str | None) -> str | None:
    if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
        raise ValueError(f"{value!r} is no http(s) address")
    return value


_UNITS = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def _bytes_of(words: str | None) -> float | None:
    """``"180.7 GB"`` -> 180.7e9; None for other words."""
    number, _, unit = (words or "").partition(" ")
    try:
        return float(number) * _UNITS[unit.upper()]
    except (KeyError, ValueError):
        return None


class PublishedFile(Options):
    """One file as its publisher offers it."""

    name: str
    """What it is called on disk."""
    url: str | None = None
    """Where it can be fetched without a browser; null: nowhere."""
    bytes: int | None = Field(None, gt=0)
    """Its exact size; null: not published."""
    stated_size: str | None = None
    """Its size in the publisher's words, which are rounded."""
    md5: str | None = Field(None, pattern=r"^[0-9a-f]{6,32}$")
    """Its MD5 digits, or as many of the first as are published; null: not published."""
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{8,64}$")
    """Its SHA-256 digits, or as many of the first as are published; null: not published."""

    _address = field_validator("url")(_web_address)

    @field_validator("name")
    @classmethod
    def _one_file_name(cls, name: str) -> str:
        if not name or name[0] == "." or "/" in name or "\\" in name or not name.isprintable():
            raise ValueError(f"{name!r} is no plain file name")
        return name

    @property
    def checksum(self) -> tuple[str, str] | None:
        """The published checksum that tells most: (algorithm, first digits)."""
        found = [(name, digits) for name, digits in (("sha256", self.sha256), ("md5", self.md5)) if digits]
        return max(found, key=lambda pair: len(pair[1]), default=None)


class Place(Options):
    """A page where a person can fetch files."""

    host: str
    """Who runs it."""
    url: str
    """Its address."""
    password: str | None = None
    """The password that the publisher states in public; null: none is stated."""
    read: str
    """The page that states it."""
    note: str = ""
    """What else is known of it."""

    _address = field_validator("url", "read")(_web_address)


class Item(Options):
    """A split of a benchmark, or one network's weights."""

    files: tuple[PublishedFile, ...] | None = None
    """The files it consists of, the parts of a split archive in their order; null: their names are not published."""
    unpack: bool = True
    """Whether they are archives."""
    read: str | None = None
    """The page that states files, sizes and checksums."""
    places: tuple[Place, ...] = ()
    """Where it is offered; empty: where its edition is."""
    note: str = ""
    """What else is known of it."""
    stated_size: str | None = None
    """The size of all its files in the publisher's words, where the files' own are not stated."""
    frames: int | None = Field(None, gt=0)
    """Annotated frames; null: not stated."""

    _address = field_validator("read")(_web_address)

    @model_validator(mode="after")
    def _different_names(self):
        names = [file.name for file in self.files or ()]
        if len(set(names)) < len(names) or self.files == ():
            raise ValueError("`files` names none, or one twice")
        if self.files is not None and self.read is None:
            raise ValueError("`files` without `read`, the page where they were read")
        if self.files is None and not self.unpack:
            raise ValueError("`unpack: false` needs the names of the `files`")
        return self

    @property
    def fetchable(self) -> bool:
        """Whether all of it can be fetched without a browser."""
        return self.files is not None and all(file.url for file in self.files)

    @property
    def stated_bytes(self) -> float | None:
        """The size of all its files, as exactly as it is stated; None where that is unknown of one of them."""
        words = [file.stated_size if file.bytes is None else f"{file.bytes} B" for file in self.files or ()]
        sizes = [_bytes_of(size) for size in (words if self.files and None not in words else [self.stated_size])]
        return None if None in sizes else sum(size for size in sizes if size)


class Edition(Options):
    """One of several forms in which a dataset is published."""

    title: str
    """What is in it."""
    items: dict[str, Item] = Field(min_length=1)
    """Its splits or networks."""
    places: tuple[Place, ...] = ()
    """Where it is offered."""

    @property
    def fetchable(self) -> bool:
        """Whether all of it can be fetched without a browser."""
        return all(item.fetchable for item in self.items.values())


class Dataset(Options):
    """One data file."""

    title: str
    """What readers call it."""
    kind: Literal["benchmark", "weights"]
    """Recordings in a published layout, or checkpoints."""
    read_on: date
    """The day on which the pages, or stored copies of them, were read."""
    editions: dict[str, Edition] = Field(min_length=1)
    """The forms in which it is published; the first is taken where none is named."""
    notes: tuple[str, ...] = ()
    """What a person who fetches it should know."""

    def edition(self, name: str = "") -> tuple[str, Edition]:
        """A form by its name, empty for the first (`ConfigError` if there is none)."""
        name = name or next(iter(self.editions))
        if name not in self.editions:
            raise ConfigError(f"an edition of {self.title}", repr(name), nearest(name, self.editions))
        return name, self.editions[name]


def data_file(name: str, folder: Path | None = None) -> Path | None:
    """The data file of a benchmark (canonical name) or of the weights: in ``folder``, here, or as shipped."""
    folders = [Path("config/datasets"), FOLDER / "config" / "datasets"] if folder is None else [folder]
    return next((path for path in (f / f"{name}.yaml" for f in folders) if path.is_file()), None)


def read_dataset(name: str, folder: Path | None = None) -> Dataset:
    """Read and check a data file.

    Args:
        name: a benchmark's canonical name, or ``weights``.
        folder: where it lies; None: config/datasets of the working directory, else the shipped ones.

    Raises:
        ConfigError: no such file, no YAML, an unknown key, or a value that cannot be.
    """
    path = data_file(name, folder)
    if path is None:
        got = f"no {name}.yaml in {folder or 'config/datasets'}"
        raise ConfigError("a data file that says where the files are", got, "write one like those in config/datasets")
    try:
        dataset = Dataset.model_validate(read_mapping(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise ConfigError(f"a data file {path}", f"at {where}: {first['msg']}", "correct it") from None
    if (dataset.kind == "weights") != (name == WEIGHTS):
        raise ConfigError(f"kind of {path} to fit its name", dataset.kind, "correct one of them")
    known = () if name == WEIGHTS else (*LAYOUTS[name].splits, WHOLE)
    for edition in dataset.editions.values():
        for item in edition.items if known else ():
            if item not in known:
                raise ConfigError(f"splits of {dataset.title} in {path}", repr(item), nearest(item, known))
    return dataset
