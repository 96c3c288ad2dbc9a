"""A dataset's files -> the published layout on disk: fetched where that is possible, joined, unpacked, put in place.

Written under the root::

    archives/<split>/       what is fetched here, or put here by hand; may be removed once it is unpacked
    archives/<edition>/<split>/         the same of an edition that is not the first
    <split folder>/         the sequences
    .download/              records of what is done, so that a further call does nothing

What a publisher's host gives to a browser alone is not fetched: `instructions` say how a person gets it, where it
goes, and what to call then. Weights lie in the root itself.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from had.data.archives import find_archives
from had.data.datasets import WHOLE, Dataset, Edition, Item, PublishedFile
from had.data.fetch import PATIENCE, Patience, StoppedError, fetch
from had.data.layouts import LAYOUTS
from had.data.placing import place
from had.data.transfer_progress import byte_progress
from had.data.unfinished import Space, alone, there
from had.data.unpack import unpack
from had.errors import ConfigError, DataError, nearest
from had.files import atomic_file, read_json

log = logging.getLogger(__name__)
RECORDS = ".download"
ARCHIVES = "archives"


@dataclass(frozen=True)
class Request:
    """What is wanted.

    Attributes:
        name: a benchmark's canonical name, or ``weights``.
        dataset: its data file.
        edition: the form's name.
        items: names of splits or networks.
        root: the folder in the published layout; of weights, the folder of the files.
    """

    name: str
    dataset: Dataset
    edition: str
    items: tuple[str, ...]
    root: Path

    @property
    def content(self) -> Edition:
        """What is published of it."""
        return self.dataset.editions[self.edition]

    def folder(self, item: str) -> Path:
        """Where an item's files go."""
        if not self.content.items[item].unpack:
            return self.root
        first = self.edition == next(iter(self.dataset.editions))
        return self.root / ARCHIVES / ("" if first else self.edition) / ("" if item == WHOLE else item)

    def target(self, item: str) -> Path:
        """Where an item's sequences go."""
        return self.root if item == WHOLE else self.root / LAYOUTS[self.name].splits[item]

    def record(self, item: str) -> Path:
        """What says that an item is unpacked."""
        return self.root / RECORDS / f"{self.edition}-{item}.json"


def request(name: str, dataset: Dataset, root: Path, items: Sequence[str] = (), edition: str = "") -> Request:
    """What is wanted, checked (`ConfigError` for an unknown edition or item); all items where none is named."""
    edition, content = dataset.edition(edition)
    for item in items:
        if item not in content.items:
            raise ConfigError(f"a part of {dataset.title} ({edition})", repr(item), nearest(item, content.items))
    return Request(name, dataset, edition, tuple(dict.fromkeys(items)) or tuple(content.items), root)


def own(root: Path) -> bool:
    """Whether a folder is missing, or was begun by `download` or with archives: the workflow may fill it."""
    return not root.exists() or (root / RECORDS).is_dir() or (root / ARCHIVES).is_dir()


def by_hand(wanted: Request) -> list[str]:
    """The items that `download` would ask a person for: without an address, and no archive of them is there."""
    content = wanted.content.items
    open_items = [item for item in wanted.items if not content[item].fetchable and not _done(wanted, item)]
    return [item for item in open_items if not content[item].unpack or not find_archives(wanted.folder(item))]


def download(wanted: Request, *, connections: int = 4, patience: Patience = PATIENCE) -> list[str]:
    """Fetch what can be fetched, then unpack and place what is there.

    Args:
        connections: files that are fetched at the same time.
        patience: when a server is given up.

    Returns:
        The items that are not there, because a person must fetch them.

    Raises:
        DataError: a transfer, a checksum or an archive failed, or there is no room; what was done stays done.
    """
    try:
        (wanted.root / RECORDS).mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            for item in sorted(wanted.items):  # of any edition: all have the same target
                locks.enter_context(alone(wanted.root / RECORDS / f"{item}.lock"))
            open_items = [item for item in wanted.items if not _done(wanted, item)]
            _fetch_all(wanted, open_items, connections, patience)
            return [item for item in open_items if not _unpacked(wanted, item)]
    except OSError as error:
        raise DataError(f"to read and write in {wanted.root}", str(error), "mend that and call again") from None


def instructions(wanted: Request, missing: Sequence[str]) -> str:
    """What a person does about items that no program can fetch, step by step."""
    title = f"{wanted.dataset.title}, {wanted.edition} ({wanted.content.title})"
    lines = [f"{title}: {', '.join(missing)} must be fetched with a browser.", ""]
    unpacked = any(wanted.content.items[item].unpack for item in missing)
    for item in missing:
        published = wanted.content.items[item]
        lines += [f"{item}:" + (f" {published.note}" if published.note else "")]
        lines += _pages(wanted, item)
        lines += [f"  put {_files(published)} into {wanted.folder(item)}/"]
        lines += [f"  unknown: {_unknown(published)}"]
    root = quote(str(wanted.root))
    again = f"had download {wanted.name} {' '.join(missing)} --root {root}"
    if wanted.edition != next(iter(wanted.dataset.editions)):
        again += f" --edition {wanted.edition}"
    lines += ["", f"then call: {again}", "  which " + ("joins, unpacks and places them" if unpacked else "checks them")]
    if unpacked:
        lines += [f"and then: had verify {wanted.name} --root {root}"]
    return "\n".join([*lines, *(f"note: {note}" for note in wanted.dataset.notes)])


def summary(wanted: Request) -> str:
    """What the data file says of the items, without touching a network."""
    lines = [f"{wanted.dataset.title}, {wanted.edition}: {wanted.content.title} (read on {wanted.dataset.read_on})"]
    for item in wanted.items:
        published = wanted.content.items[item]
        how = "fetched by had download" if published.fetchable else "needs a browser"
        lines += [f"{item}: {_files(published)}; {how}; unknown: {_unknown(published)}"]
        lines += [f"  {file.url}" for file in published.files or () if file.url]
        lines += [] if published.fetchable else _pages(wanted, item)
    return "\n".join([*lines, *(f"note: {note}" for note in wanted.dataset.notes)])


def _pages(wanted: Request, item: str) -> list[str]:
    """Where a person gets an item."""
    lines = []
    for page in wanted.content.items[item].places or wanted.content.places:
        password = f", password {page.password}" if page.password else ""
        lines += [f"  open {page.url}", f"    ({page.host}{password}; stated on {page.read})"]
        lines += [f"    {page.note}"] if page.note else []
    return lines


def _done(wanted: Request, item: str) -> bool:
    """Whether nothing is left to do for an item."""
    published = wanted.content.items[item]
    if not published.unpack:
        return all([there(file, wanted.folder(item) / file.name) for file in published.files or ()])
    target, folder = wanted.target(item), wanted.folder(item)
    if read_json(wanted.record(item)).get("unpacked") and target.is_dir():
        return True
    if folder.is_dir() or item == WHOLE or any((wanted.root / RECORDS).glob(f"*-{item}*.json")):
        return False
    if not target.is_dir() or all(entry.name.startswith(".") for entry in target.iterdir()):
        return False
    log.info("%s is there and not from `had download`: left alone (had verify says whether it is whole)", target)
    return True


def _fetch_all(wanted: Request, items: Sequence[str], connections: int, patience: Patience) -> None:
    jobs: list[tuple[PublishedFile, Path]] = []
    for item in items:
        published = wanted.content.items[item]
        for file in published.files or ():
            path = wanted.folder(item) / file.name
            if file.url and not there(file, path):
                jobs.append((file, path))
    if not jobs:
        return
    space, stop = Space(wanted.root), threading.Event()
    for file, path in jobs:
        part = path.with_name(f".{path.name}.part")
        if file.bytes:
            space.claim(part, max(0, file.bytes - (part.stat().st_size if part.exists() else 0)))
    with byte_progress(f"download {wanted.name}") as show, ThreadPoolExecutor(connections) as pool:
        futures = [
            pool.submit(fetch, file, path, space=space, patience=patience, show=show, stop=stop) for file, path in jobs
        ]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        failed = [f.exception() for f in futures if f.done() and not f.cancelled() and f.exception()]
        for error in sorted(failed, key=lambda error: isinstance(error, StoppedError)):
            if error is not None:
                raise error


def _unpacked(wanted: Request, item: str) -> bool:
    """Unpack and place an item whose archives are there; False where they are not."""
    published, folder = wanted.content.items[item], wanted.folder(item)
    files = published.files or ()
    whole = all([there(file, folder / file.name) for file in files])
    # A browser may have given the archives other names than those that are published.
    if not whole and (not published.unpack or any(file.url for file in files)):
        return False
    if not published.unpack:
        return True
    archives, target = find_archives(folder), wanted.target(item)
    if not archives:
        return False
    target.mkdir(parents=True, exist_ok=True)
    layout, count = LAYOUTS[wanted.name], 0
    for archive in archives:
        record = wanted.record(f"{item}-{archive.name}")
        state = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in archive.parts]
        if read_json(record).get("parts") != state:
            staging = target / f".unpacking-{archive.name}"
            with byte_progress(f"unpack {archive.name}") as show:
                unpacked = unpack(archive, staging, show)
            place(layout, staging, target, wanted.root / f"beside-{item}-{archive.name}", whole=item == WHOLE)
            _write(record, {"parts": state, "files": unpacked})
        count += read_json(record).get("files", 0)
    if not any(target.glob(f"{'*/' if item == WHOLE else ''}*/{layout.boxes}")):
        got = f"none in {', '.join(archive.name for archive in archives)}"
        remedy = f"put the archives of {wanted.dataset.title} into {folder}, and move others away"
        raise DataError(f"sequences with {layout.boxes}", got, remedy)
    _write(wanted.record(item), {"unpacked": [archive.name for archive in archives], "files": count})
    log.info("%s: %d files unpacked into %s", item, count, target)
    return True


def _write(path: Path, content: dict) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _files(item: Item) -> str:
    if item.files is None:
        return "all its archives (zip or tar, also in pieces)"
    return ", ".join(f"{f.name} ({f.stated_size} as stated)" if f.stated_size else f.name for f in item.files)


def _unknown(item: Item) -> str:
    """What the publishers do not state."""
    if item.files is None:
        return "names, exact sizes and checksums of the files"
    checksums = [len(f.checksum[1]) if f.checksum else 0 for f in item.files]
    missing = ["exact sizes"] if any(file.bytes is None for file in item.files) else []
    missing += ["checksums"] if not all(checksums) else []
    missing += ["most digits of the checksum"] if all(checksums) and min(checksums) < 32 else []
    return ", ".join(missing) or "nothing"
