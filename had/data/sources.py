"""What a run reads and does not find: recordings and published weights, and how each is got.

Enters: where the configuration says that recordings and weights are. Leaves: a `Source` for each that `had download`
knows, with what is missing of it in one line, and the steps of a person where a browser is needed. No network is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from had.data.annotations import split_folder
from had.data.datasets import WEIGHTS, data_file, read_dataset
from had.data.download import Request, by_hand, instructions, own, request
from had.data.layouts import layout_of
from had.data.unfinished import there


@dataclass(frozen=True)
class Source:
    """Recordings of a benchmark, or one published network's weights.

    Attributes:
        wanted: what `had download` is asked for.
        datasets: folder of the data file that describes it.
    """

    wanted: Request
    datasets: Path

    @property
    def fetchable(self) -> bool:
        """Whether no browser is needed for any of it."""
        return all(self.wanted.content.items[item].fetchable for item in self.wanted.items)

    @property
    def call(self) -> str:
        """The line that fetches it, or says how it is fetched."""
        items = [*self.wanted.items] if self.wanted.name == WEIGHTS else []
        return " ".join(["had download", self.wanted.name, *items, "--root", quote(str(self.wanted.root))])

    def missing(self) -> str:
        """One line about what is not there; empty: a program can do all that is left."""
        items = by_hand(self.wanted)
        if not items:
            return ""
        title = self.wanted.dataset.title
        return f"{title} ({', '.join(items)}) is not in {self.wanted.root} and needs a browser: `{self.call}` says how"

    def check(self, file: Path) -> None:
        """Hold a file of weights that is there against what is published of it (`DataError`), once."""
        for item in self.wanted.items:
            for published in self.wanted.content.items[item].files or ():
                if published.name == file.name:
                    there(published, file)

    def steps(self) -> str:
        """What a person does about it, step by step."""
        return instructions(self.wanted, by_hand(self.wanted))


def recordings_source(benchmark: str, root: Path, folder: Path) -> Source | None:
    """What `had download` would do for a benchmark's root; None where it is the user's own or complete.

    Args:
        benchmark: its canonical name.
        root: the folder in the published layout.
        folder: the first place for data files (else config/datasets).

    Raises:
        ConfigError: a broken data file.
    """
    path = data_file(benchmark, folder) or data_file(benchmark)
    if path is None or not own(root):
        return None
    return Source(request(benchmark, read_dataset(benchmark, path.parent), root), path.parent)


def weights_source(file: Path, folder: Path) -> Source | None:
    """What `had download` would do for a file of weights; None where its name is not a published one.

    Args:
        file: where a training looks for it.
        folder: the first place for data files (else config/datasets).

    Raises:
        ConfigError: a broken data file.
    """
    path = data_file(WEIGHTS, folder) or data_file(WEIGHTS)
    if path is None:
        return None
    dataset = read_dataset(WEIGHTS, path.parent)
    for edition, content in dataset.editions.items():
        for name, item in content.items.items():
            if file.name in [published.name for published in item.files or ()]:
                return Source(request(WEIGHTS, dataset, file.parent, [name], edition), path.parent)
    return None


def missing_lists(benchmark: str, root: Path) -> list[Path]:
    """The lists of a benchmark's splits that are not below a root."""
    layout = layout_of(benchmark)
    lists = (split_folder(layout, root, split) / layout.list_file for split in layout.splits)
    return [path for path in lists if not path.is_file()]
