"""Archives are joined and unpacked safely, placed in the layout, once; what needs a browser is explained."""

import io
import os
import random
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
import yaml

from had.data import unpack as module
from had.data.archives import find_archives
from had.data.datasets import WEIGHTS, read_dataset
from had.data.download import download, instructions, own, request
from had.data.fetch import Patience
from had.data.layouts import LAYOUTS
from had.data.unpack import unpack
from had.errors import ConfigError, DataError
from tests.data.web import Server, content

REPOSITORY = Path(__file__).resolve().parents[2]
NOISE = random.Random(0).randbytes(300_000)
FILES = {
    f"train/s{n}/{name}": NOISE[n * 100 : n * 100 + size]
    for n in (1, 2)
    for name, size in (("groundtruth.txt", 40), ("s.csv", 90_000))
}


def quiet(name: str, done: int, total: int | None) -> None:
    """No progress."""


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz", *others: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in others:
            archive.addfile(info)
    return buffer.getvalue()


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def pieces(folder: Path, name: str, data: bytes, endings: list[str]) -> Path:
    """Cut an archive as `split` does."""
    folder.mkdir(parents=True, exist_ok=True)
    step = -(-len(data) // len(endings))
    for number, ending in enumerate(endings):
        (folder / f"{name}{ending}").write_bytes(data[number * step : (number + 1) * step])
    return folder


@pytest.mark.parametrize(
    ("name", "data", "endings"),
    [
        ("a.zip", zipped(FILES), [""]),
        ("a.tar", tarred(FILES, "w"), [""]),
        ("a.tar.gz", tarred(FILES), [""]),
        ("a.tgz", tarred(FILES), [""]),
        ("a.tar.xz", tarred(FILES, "w:xz"), [""]),
        ("a.zip", zipped(FILES), [".001", ".002", ".003"]),
        ("a.zip", zipped(FILES), [".000", ".001"]),
        ("a.tar.gz", tarred(FILES), [".aa", ".ab", ".ac"]),
        ("a.tar.gz", tarred(FILES), [".part-aa", ".part-ab"]),
        ("a.tar", tarred(FILES, "w"), [f".{a}{b}" for a in "ab" for b in "abcdefghijklmnopqrstuvwxyz"]),
    ],
    ids=lambda value: f"{len(value)} parts" if isinstance(value, list) else value if isinstance(value, str) else "",
)
def test_archives_whole_and_in_pieces(tmp_path, name, data, endings):
    (archive,) = find_archives(pieces(tmp_path / "in", name, data, endings))
    assert unpack(archive, tmp_path / "out", quiet) == len(FILES)
    assert tree(tmp_path / "out") == FILES
    assert archive.bytes == len(data)


def split_zip(folder: Path) -> Path:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "in").mkdir()
    command = ["zip", "-q", "-r", "-s", "64k", "in/a.zip", "train"]
    try:
        subprocess.run(command, cwd=folder, check=True)
    except FileNotFoundError:
        pytest.skip("writing a split zip archive needs Info-ZIP's zip")
    return folder / "in"


def test_a_split_zip_archive_is_read_as_one(tmp_path):
    folder = split_zip(tmp_path)
    assert len(list(folder.iterdir())) > 2
    (archive,) = find_archives(folder)
    unpack(archive, tmp_path / "out", quiet)
    assert tree(tmp_path / "out") == FILES


@pytest.mark.parametrize("gone", ["a.z01", "a.z02", "a.zip", "last"])
def test_a_missing_piece_of_a_split_zip_archive_is_named(tmp_path, gone):
    folder = split_zip(tmp_path)
    last = sorted(folder.glob("a.z??"))[-1].name
    (folder / (last if gone == "last" else gone)).unlink()
    with pytest.raises(DataError, match=r"pieces of a\.zip.*fetch"):
        unpack(find_archives(folder)[0], tmp_path / "out", quiet)


@pytest.mark.parametrize("gone", [".aa", ".ab", ".ac"])
def test_a_missing_piece_is_seen(tmp_path, gone):
    folder = pieces(tmp_path / "in", "a.tar.gz", tarred(FILES), [".aa", ".ab", ".ac"])
    (folder / f"a.tar.gz{gone}").unlink()
    with pytest.raises(DataError, match=r"pieces|whole archive"):
        unpack(find_archives(folder)[0], tmp_path / "out", quiet)


@pytest.mark.parametrize("name", ["a.rar", "a.part1.rar", "a.7z.001", "a.zip.crdownload", "readme.txt"])
def test_what_is_not_known_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=name):
        find_archives(tmp_path)


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def zip_link() -> bytes:
    info = zipfile.ZipInfo("s/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped({info: b"/etc/passwd"})


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.zip", zipped({"../a": b"1"}), "name"),
        ("a.zip", zipped({"s/../../a": b"1"}), "name"),
        ("a.zip", zipped({"/elsewhere/a": b"1"}), "name"),
        ("a.zip", zipped({"C:\\a": b"1"}), "name"),
        ("a.zip", zipped({"..\\a": b"1"}), "name"),
        ("a.zip", zip_link(), "link"),
        ("a.zip", zipped({"s": b"1", "s/a": b"2"}), "both"),
        ("a.tar", tarred({"../a": b"1"}, "w"), "name"),
        ("a.tar", tarred({"/elsewhere/a": b"1"}, "w"), "name"),
        ("a.tar", tarred({}, "w", link("a", "/etc/passwd")), "link"),
        ("a.tar", tarred({}, "w", link("a", "../b", tarfile.LNKTYPE)), "link"),
        ("a.tar", tarred({}, "w", link("a", "", tarfile.CHRTYPE)), "device"),
        ("a.tar", tarred({}, "w", link("a", "", tarfile.FIFOTYPE)), "device"),
        ("a.zip", zipped({"s/a": b"1", "s/./a": b"2"}), "twice"),
        ("a.tar", tarred({"s/a": b"1", "s//a": b"2"}, "w"), "twice"),
    ],
)
def test_what_is_not_a_plain_file_inside_is_refused(tmp_path, name, data, reason):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)
    with pytest.raises(DataError, match=reason):
        unpack(find_archives(tmp_path / "in")[0], tmp_path / "deep" / "out", quiet)
    assert {path for path in tree(tmp_path)} <= {f"in/{name}", "deep/out/s/a"}


@pytest.mark.parametrize(("name", "make"), [("a.zip", zipped), ("a.tar.gz", tarred)])
def test_bombs_are_not_unpacked(tmp_path, monkeypatch, name, make):
    monkeypatch.setattr(module, "FREE_BYTES", 1000)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(make({"s/zeros": bytes(5_000_000)}))
    with pytest.raises(DataError, match="100 times its size"):
        unpack(find_archives(tmp_path / "in")[0], tmp_path / "out", quiet)
    assert not tree(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "data"), [("a.zip", zipped(FILES)), ("a.tar", tarred(FILES, "w")), ("a.tar.gz", tarred(FILES))]
)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_archive_is_never_taken_for_whole(tmp_path, name, data, part):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data[: int(len(data.rstrip(b"\0")) * part)])
    with pytest.raises(DataError, match="whole archive"):
        unpack(find_archives(tmp_path / "in")[0], tmp_path / "out", quiet)


def test_a_tar_that_ends_between_two_members_is_truncated(tmp_path):
    one = tarred({"s/a": bytes(range(256)) * 2}, "w")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(one[:1024])
    with pytest.raises(DataError, match="its end is missing"):
        unpack(find_archives(tmp_path / "in")[0], tmp_path / "out", quiet)


def test_a_flipped_bit_is_seen(tmp_path):
    data = bytearray(zipped(FILES))
    data[len(data) // 2] ^= 1
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.zip").write_bytes(data)
    with pytest.raises(DataError, match="whole archive"):
        unpack(find_archives(tmp_path / "in")[0], tmp_path / "out", quiet)


@pytest.mark.parametrize(("name", "data"), [("a.zip", zipped(FILES)), ("a.tar.gz", tarred(FILES))])
def test_nothing_is_overwritten_and_what_is_there_is_kept(tmp_path, name, data):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)
    (archive,) = find_archives(tmp_path / "in")
    unpack(archive, tmp_path / "out", quiet)
    first = (tmp_path / "out/train/s1/s.csv").stat().st_ino
    unpack(archive, tmp_path / "out", quiet)
    assert (tmp_path / "out/train/s1/s.csv").stat().st_ino == first
    (tmp_path / "out/train/s1/s.csv").write_bytes(b"mine")
    with pytest.raises(DataError, match="nothing was overwritten"):
        unpack(archive, tmp_path / "out", quiet)
    assert (tmp_path / "out/train/s1/s.csv").read_bytes() == b"mine"


def test_an_unpacking_that_was_killed_is_gone_on_with(tmp_path):
    files = {f"s{n}/groundtruth.txt": NOISE[n : n + 5000] for n in range(3000)}
    root = tmp_path / "root"
    folder = pieces(root / "archives" / "train", "a.zip", zipped(files), [""])
    command = [sys.executable, "-m", "had.cli", "download", "eventvot", "train", "--root", str(root)]
    process = subprocess.Popen(command, cwd=REPOSITORY)
    staging, deadline = root / "train" / ".unpacking-a.zip", time.monotonic() + 60
    while not (staging.is_dir() and len(list(staging.iterdir())) > 50):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.wait()
    assert not [path for path in (root / "train").iterdir() if not path.name.startswith(".")]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    assert tree(root / "train") == files
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == ["a.zip"]


# --- whole datasets -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LAYOUTS, WEIGHTS])
def test_every_data_file_says_where_it_was_read_or_what_is_unknown(name, tmp_path):
    dataset = read_dataset(name)
    for edition_name, edition in dataset.editions.items():
        wanted = request(name, dataset, tmp_path, edition=edition_name)
        text = instructions(wanted, list(edition.items))
        for item in edition.items.values():
            assert item.fetchable or item.places or edition.places
            for place in item.places or edition.places:
                assert place.read.startswith("https://")
                assert place.url in text
                assert (place.password or "") in text
        assert str(tmp_path) in text


def test_no_address_is_a_hosts_page_that_wants_a_browser():
    for name in (*LAYOUTS, WEIGHTS):
        for edition in read_dataset(name).editions.values():
            urls = [file.url for item in edition.items.values() for file in item.files or () if file.url]
            assert not [u for u in urls if any(host in u for host in ("baidu", "dropbox", "drive.google", "1drv"))]


def write_dataset(folder: Path, items: dict, name: str = "eventvot") -> Path:
    folder.mkdir(exist_ok=True)
    place = {"host": "H", "url": "https://h.org/x", "password": "pw", "read": "https://h.org"}
    edition = {"title": "all", "items": items, "places": [place]}
    kind = "weights" if name == WEIGHTS else "benchmark"
    data = {"title": "EventVOT", "kind": kind, "read_on": "2026-01-01", "editions": {"one": edition}}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return folder


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ({"tran": {}}, "did you mean 'train'"),
        ({"train": {"files": [{"name": "../a.zip"}], "read": "https://a.org"}}, "file name"),
        ({"train": {"files": [{"name": "a.zip", "url": "ftp://a.org/a"}], "read": "https://a.org"}}, "no http"),
        ({"train": {"files": [{"name": "a.zip"}]}}, "without `read`"),
        ({"train": {"files": [{"name": "a.zip", "md5": "xyz"}], "read": "https://a.org"}}, "md5"),
        ({"train": {"fils": []}}, "fils"),
    ],
)
def test_a_wrong_data_file_is_one_sentence(tmp_path, items, reason):
    with pytest.raises(ConfigError, match=reason):
        read_dataset("eventvot", write_dataset(tmp_path / "d", items))


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


def fetchable(server: Server, folder: Path) -> Path:
    """EventVOT on a server: train in pieces, test as a tar; with a folder above, and a file beside the sequences."""
    files = {f"EventVOT/{name}": data for name, data in FILES.items()} | {"EventVOT/readme.txt": b"hello"}
    data, items = zipped(files), {}
    half = len(data) // 2
    served = {
        "train.zip.001": data[:half],
        "train.zip.002": data[half:],
        "t.tar.gz": tarred({"s9/groundtruth.txt": b"1,2,3,4", "list.txt": b"s9"}),
    }
    for name, part in served.items():
        server.answers[f"/{name}"] = [content(part, cut=1000), content(part)]
    for item, names in {"train": ["train.zip.001", "train.zip.002"], "test": ["t.tar.gz"]}.items():
        parts = [{"name": n, "url": server.url(f"/{n}"), "bytes": len(served[n])} for n in names]
        items[item] = {"read": "https://h.org", "files": parts}
    return write_dataset(folder, items)


QUICK = Patience(connect=2, stall=2, attempts=3, progress=100, backoff=0.01)


def test_a_dataset_is_fetched_joined_placed_and_left_alone_afterwards(server, tmp_path):
    dataset = read_dataset("eventvot", fetchable(server, tmp_path / "d"))
    root = tmp_path / "root"
    assert own(root)
    wanted = request("eventvot", dataset, root)
    assert download(wanted, patience=QUICK) == []
    assert tree(root / "train") == {name.removeprefix("train/"): data for name, data in FILES.items()}
    assert tree(root / "test") == {"s9/groundtruth.txt": b"1,2,3,4", "list.txt": b"s9"}
    assert tree(root / "beside-train-train.zip") == {"EventVOT/readme.txt": b"hello"}
    assert own(root)
    before, asked = {p: p.stat().st_mtime_ns for p in root.rglob("*")}, len(server.seen)
    assert download(wanted, patience=QUICK) == []
    assert len(server.seen) == asked
    locks = {p for p in before if p.suffix == ".lock"}
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*") if p not in locks} == {
        p: t for p, t in before.items() if p not in locks
    }
    for path in (root / "archives").rglob("*"):
        if path.is_file():
            path.unlink()  # a user who needs the room
    assert download(wanted, patience=QUICK) == []
    assert len(server.seen) == asked


def test_one_missing_file_stops_all_and_nothing_is_unpacked(server, tmp_path):
    dataset = read_dataset("eventvot", fetchable(server, tmp_path / "d"))
    del server.answers["/train.zip.002"]
    with pytest.raises(DataError, match=r"train\.zip\.002.*status 404"):
        download(request("eventvot", dataset, tmp_path / "root"), patience=QUICK)
    assert not (tmp_path / "root/train").exists()


def test_what_was_put_here_by_hand_is_joined_and_placed(tmp_path):
    dataset = read_dataset("eventvot", write_dataset(tmp_path / "d", {"train": {}, "test": {}}))
    root = tmp_path / "root"
    wanted = request("eventvot", dataset, root)
    assert download(wanted) == ["train", "test"]
    text = instructions(wanted, ["train", "test"])
    assert f"put all its archives (zip or tar, also in pieces) into {root}/archives/train/" in text
    assert "https://h.org/x" in text
    assert "password pw" in text
    assert f"had verify eventvot --root {root}" in text
    pieces(root / "archives" / "train", "any name.zip", zipped(FILES), [".001", ".002"])
    assert download(wanted) == ["test"]
    assert tree(root / "train") == {name.removeprefix("train/"): data for name, data in FILES.items()}


def test_a_folder_of_the_users_is_left_alone(tmp_path):
    dataset = read_dataset("eventvot", write_dataset(tmp_path / "d", {"train": {}}))
    (tmp_path / "root/train/mine").mkdir(parents=True)
    assert not own(tmp_path / "root")
    assert download(request("eventvot", dataset, tmp_path / "root")) == []
    assert [p.name for p in (tmp_path / "root/train").iterdir()] == ["mine"]


@pytest.mark.parametrize("files", [{}, {"readme.txt": b"x"}, {"s1/groundtruth_rect.txt": b"1,2,3,4"}])
def test_archives_without_a_sequence_are_never_taken_for_a_split(tmp_path, files):
    dataset = read_dataset("eventvot", write_dataset(tmp_path / "d", {"train": {}}))
    wanted = request("eventvot", dataset, tmp_path / "root")
    pieces(wanted.folder("train"), "a.zip", zipped(files), [""])
    for _ in range(2):
        with pytest.raises(DataError, match=r"sequences with groundtruth\.txt, got none in a\.zip"):
            download(wanted)


def test_an_archive_of_archives_is_named(tmp_path):
    dataset = read_dataset("eventvot", write_dataset(tmp_path / "d", {"train": {}}))
    wanted = request("eventvot", dataset, tmp_path / "root")
    pieces(wanted.folder("train"), "EventVOT.zip", zipped({"a/train.zip": zipped(FILES)}), [""])
    with pytest.raises(DataError, match=r"another archive, .*/a/train\.zip"):
        download(wanted)
    assert not [path for path in wanted.target("train").iterdir() if not path.name.startswith(".")]


def test_another_edition_is_not_there_because_the_first_is(tmp_path):
    folder = write_dataset(tmp_path / "d", {"train": {}})
    text = yaml.safe_load((folder / "eventvot.yaml").read_text())
    text["editions"]["two"] = text["editions"]["one"]
    (folder / "eventvot.yaml").write_text(yaml.safe_dump(text))
    first, second = (
        request("eventvot", read_dataset("eventvot", folder), tmp_path / "root", (), e) for e in ("", "two")
    )
    pieces(first.folder("train"), "train.zip", zipped(FILES), [""])
    assert download(first) == []
    assert download(second) == ["train"]
    shutil.rmtree(first.folder("train"))  # a user who needs the room
    assert download(second) == ["train"]
    assert str(second.folder("train")) in instructions(second, ["train"])
    pieces(second.folder("train"), "train.zip", zipped(FILES | {"train/s1/more.txt": b"x"}), [""])
    assert download(second) == download(first) == []
    assert (first.target("train") / "s1/more.txt").read_bytes() == b"x"


def test_half_unpacked_is_not_the_users_own(tmp_path):
    dataset = read_dataset("eventvot", write_dataset(tmp_path / "d", {"train": {}}))
    wanted = request("eventvot", dataset, tmp_path / "root")
    (wanted.target("train") / ".unpacking-a.zip/s1").mkdir(parents=True)  # and the archive was removed
    assert download(wanted) == ["train"]


def test_an_item_with_a_file_for_the_browser_waits_for_it(server, tmp_path):
    files = [{"name": "a.zip", "url": server.url("/a.zip")}, {"name": "b.zip", "url": None}]
    dataset = read_dataset(
        "eventvot", write_dataset(tmp_path / "d", {"train": {"read": "https://h.org", "files": files}})
    )
    server.answers["/a.zip"] = [content(zipped(FILES))]
    wanted = request("eventvot", dataset, tmp_path / "root", ["train", "train"])
    assert download(wanted, patience=QUICK) == ["train"]
    pieces(wanted.folder("train"), "b.zip", zipped({"train/s8/groundtruth.txt": b"1,2,3,4"}), [""])
    assert download(wanted, patience=QUICK) == []
    assert {path.name for path in wanted.target("train").iterdir()} >= {"s1", "s8"}


def test_a_root_may_be_called_like_a_split(tmp_path):
    dataset = read_dataset("eventvot", write_dataset(tmp_path / "d", {"all": {}}))
    wanted = request("eventvot", dataset, tmp_path / "test")
    pieces(wanted.folder("all"), "a.zip", zipped(FILES | {"test/s9/groundtruth.txt": b"1,2,3,4"}), [""])
    assert download(wanted) == []
    assert (tmp_path / "test/test/s9/groundtruth.txt").is_file()


def test_a_second_process_is_refused(tmp_path):
    from had.data.unfinished import alone

    dataset = read_dataset("eventvot", write_dataset(tmp_path / "d", {"train": {}}))
    (tmp_path / "root/.download").mkdir(parents=True)
    with alone(tmp_path / "root/.download/train.lock"), pytest.raises(DataError, match="another `had download`"):
        download(request("eventvot", dataset, tmp_path / "root"))


def had(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "had.cli", "download", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, env=dict(os.environ), capture_output=True, text=True, check=False)


def test_the_verb(server, tmp_path):
    folder = fetchable(server, tmp_path / "d")
    answer = had("eventvot", "--datasets", folder, "--root", tmp_path / "root", "--output", tmp_path / "done.txt")
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "done.txt").is_file()
    answer = had("coesot", "test", "--root", tmp_path / "c", "--output", tmp_path / "never.txt")
    assert answer.returncode == 2
    assert "https://pan.baidu.com/s/12XDlKABlz3lDkJJEDvsu9A" in answer.stdout
    assert "password AHUT" in answer.stdout
    assert [line for line in answer.stderr.splitlines() if " INFO " not in line] == [
        f"had: expected COESOT: test, got no files in {tmp_path / 'c'}; follow the steps above"
    ]
    assert not (tmp_path / "never.txt").exists()
    shown = had("weights", "--show").stdout
    assert shown.count("needs a browser") == 2
    assert "https://pan.baidu.com/s/1B6VPTqoltVCgOCfceK7bTA" in shown
    assert had("weights", "mea").returncode == 2


def test_weights_are_checked_and_not_unpacked(server, tmp_path):
    server.answers["/m.pth"] = [content(b"weights" * 100)]
    file = {"name": "m.pth", "url": server.url("/m.pth")}
    items = {"m": {"read": "https://h.org", "unpack": False, "files": [file]}}
    dataset = read_dataset(WEIGHTS, write_dataset(tmp_path / "d", items, WEIGHTS))
    assert download(request(WEIGHTS, dataset, tmp_path / "w"), patience=QUICK) == []
    assert (tmp_path / "w/m.pth").read_bytes() == b"weights" * 100


def test_the_repository_has_a_file_for_every_layout():
    assert {path.stem for path in (REPOSITORY / "config" / "datasets").glob("*.yaml")} == {*LAYOUTS, WEIGHTS}
