"""Small files that ask for much, and names that are no sequences: refused in one sentence, or passed over."""

import io
import logging
import os
import struct
import tarfile
import zipfile
import zlib

import cv2
import h5py
import numpy as np
import pytest
from miniature import annotate, some_boxes, write_eventvot

from had.data.annotation_folders import find_annotations
from had.data.annotations import read_attributes, read_sensor, read_slices
from had.data.archives import find_archives
from had.data.frames import read_image
from had.data.image_header import checked_size
from had.data.image_size import image_size
from had.data.layouts import LAYOUTS, SENSOR_FILE, SLICES_FILE
from had.data.mat_files import mat_names, read_mat
from had.data.names import MOST_NAME, read_list
from had.data.prepare import prepare_split
from had.data.sequences import load_split
from had.data.simulate.video import Video
from had.data.unpack import unpack
from had.errors import DataError
from had.files import atomic_file
from had.options.recordings import PreparationOptions

COESOT, EVENTVOT = LAYOUTS["coesot"], LAYOUTS["eventvot"]
HIDDEN = bytes((0, 5, 22, 7, 0, 2, 0, 0)) + b"Mac OS X        " + bytes(4072)


def png(width, height, depth=8, colour=2, rows=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def resized_jpeg(width, height):
    data = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def bmp(width, height, depth, packed):
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, width, height, 1, depth, packed, 0, 0, 0, 0, 0)


def tiff(order, **tags):
    entries = b"".join(struct.pack(f"{order}HHII", int(tag[1:]), 4, 1, side) for tag, side in tags.items())
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags)) + entries


LARGE = {
    "PNG": png(32_000, 32_000, 1, 0, bytes(1000)),
    "PNG in too few bytes": png(7000, 7000, 8, 2, b"x"),
    "PNG of no pixels": png(0, 5),
    "PNG of another depth": png(5, 5, depth=3),
    "JPEG": resized_jpeg(65_000, 65_000),
    "JPEG in too few bytes": resized_jpeg(8000, 8000),
    "BMP": bmp(2**31 - 1, 9, 24, 0),
    "BMP whose rows are packed": bmp(30_000, 30_000, 8, 1),
    "TIFF": tiff("<", t256=10**6, t257=10**6),
    "TIFF of large tiles": tiff(">", t256=5, t257=5, t322=10**5, t323=10**5),
    "another format": b"P6 64 48 255\n" + bytes(64 * 48 * 3),
    "PNG with a chunk of 4 GB": png(64, 48).replace(struct.pack(">I", 8) + b"IDAT", b"\xff\xff\xff\xfeIDAT"),
    "a header alone": png(64, 48)[:20],
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("title", LARGE)
def test_images_that_state_too_much_are_not_decoded(tmp_path, title, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(LARGE[title])
    with pytest.raises(ValueError, match=r"states|neither|header|tiles|chunk"):
        checked_size(LARGE[title])
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(DataError, match=r"a readable image, got a broken file .*a\.png"):
        read_image(path)
    assert image_size(path, decode=True) is None


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".tif"])
@pytest.mark.parametrize("shape", [(48, 64, 3), (1, 1, 3), (720, 1280), (5, 7, 4), (3000, 4000)])
def test_images_of_all_formats_state_their_size(tmp_path, suffix, shape):
    if suffix == ".jpg" and len(shape) == 3 and shape[2] == 4:
        pytest.skip("has no transparency")
    for value in (0, 255):
        content = cv2.imencode(suffix, np.full(shape, value, np.uint8))[1].tobytes()
        assert checked_size(content) == (shape[1], shape[0])
        path = tmp_path / f"{value}{suffix}"
        path.write_bytes(content)
        assert np.array_equal(read_image(path), cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))


def jpeg_of_12_bits():
    data = bytearray(resized_jpeg(64, 48))
    data[data.index(b"\xff\xc0") + 4] = 12
    return bytes(data)


DEEP = {
    **{
        f"{suffix} of 16 bits, {shape}": (cv2.imencode(suffix, np.full(shape, 2032, np.uint16))[1].tobytes(), 16)
        for suffix in (".png", ".tif")
        for shape in ((48, 64), (48, 64, 3), (48, 64, 4))
    },
    "JPEG of 12 bits": (jpeg_of_12_bits(), 12),
    "TIFF of 32 bits": (cv2.imencode(".tif", np.ones((48, 64), np.float32))[1].tobytes(), 32),
    "big-endian TIFF of long numbers": (tiff(">", t256=64, t257=48, t258=32), 32),
}


@pytest.mark.parametrize("title", DEEP)
def test_images_of_more_than_8_bits_a_channel_are_refused_in_one_sentence(tmp_path, title):
    content, bits = DEEP[title]
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"at most 8 bits a channel, got {bits} bits a channel in .*; convert"):
        read_image(path)
    assert image_size(path) is None


def hdf5(path, **changes):
    with h5py.File(path, "w") as file:
        for name in ("coor", "features"):
            stored = file.create_dataset(name, **changes)
            stored.attrs["MATLAB_empty"] = np.uint8(0)


MATLAB = {
    "empty, but of 1e18 numbers": {"data": np.array([10**9, 10**9], np.uint64)},
    "of 1e12 numbers": {"shape": (10**6, 10**6), "dtype": "f8"},
    "in chunks of 1e8": {"shape": (3, 3), "dtype": "f8", "maxshape": (None, None), "chunks": (10**4, 10**4)},
    "of text": {"data": np.array([b"x" * 100])},
    "in another file": {"shape": (9,), "dtype": "u1", "external": [("/etc/passwd", 0, 9)]},
}  # fmt: skip


@pytest.mark.parametrize("title", MATLAB)
def test_matlab_files_that_state_too_much_are_not_read(tmp_path, title):
    hdf5(tmp_path / "a.mat", **MATLAB[title])
    if title.startswith("empty"):
        with h5py.File(tmp_path / "a.mat", "r+") as file:
            for name in ("coor", "features"):
                file[name].attrs["MATLAB_empty"] = np.uint8(1)
    with pytest.raises(DataError, match=r"cells, got .*a\.mat"):
        read_mat(tmp_path / "a.mat", ("coor", "features"), expected="cells")


def test_a_compressed_matrix_of_version_5_that_states_too_much_is_not_unpacked(tmp_path):
    shape = (
        struct.pack("<4I", 6, 8, 6, 0) + struct.pack("<2I2i", 5, 8, 10**4, 10**4) + struct.pack("<HH4s", 1, 4, b"coor")
    )
    inner = struct.pack("<2I", 14, 8 * 10**8) + shape + struct.pack("<2I", 9, 8 * 10**8) + bytes(1 << 20)
    packed = zlib.compress(inner)
    head = b"MATLAB 5.0".ljust(124) + struct.pack("<H2s", 0x100, b"IM")
    (tmp_path / "a.mat").write_bytes(head + struct.pack("<2I", 15, len(packed)) + packed)
    with pytest.raises(DataError, match=r"shape \(10000, 10000\) of coor"):
        read_mat(tmp_path / "a.mat", ("coor",), expected="cells")


def unpacked(folder, name, content):
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_bytes(content)
    (archive,) = find_archives(folder / "in")
    return unpack(archive, folder / "out", lambda *_: None)


def tar_of(*headers):
    """Headers that only name the next member: (type, size stated, bytes)."""
    data = io.BytesIO()
    for kind, size, content in headers:
        member = tarfile.TarInfo("x")
        member.type, member.size = kind, size
        data.write(member.tobuf(tarfile.GNU_FORMAT) + content.ljust(-(-len(content) // 512) * 512, b"\0"))
    return data.getvalue() + bytes(1024)


CHAINS = {
    "20,000 long names": [(tarfile.GNUTYPE_LONGNAME, 2, b"a\0")] * 20_000,
    "20,000 comments": [(tarfile.XHDTYPE, 10, b"10 a=bcde\n")] * 20_000,
    "a name of 8 GB": [(tarfile.GNUTYPE_LONGNAME, 8 << 30, b"a")],
    "a comment of 1 GB": [(tarfile.XGLTYPE, 1 << 30, b"a")],
}


@pytest.mark.parametrize("title", CHAINS)
def test_archives_of_headers_are_broken_archives(tmp_path, title):
    with pytest.raises(DataError, match=r"a whole archive, got .*one\.tar: .*names the next member"):
        unpacked(tmp_path, "one.tar", tar_of(*CHAINS[title]))


def test_long_names_as_programs_write_them_are_unpacked(tmp_path):
    data, name = io.BytesIO(), "/".join(["folder " * 20] * 20) + "/groundtruth.txt"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=form, pax_headers={"comment": "x"}) as file:
            for number in range(30):
                member = tarfile.TarInfo(f"{number}/{name}")
                member.pax_headers = {"mtime": "1.5"}
                file.addfile(member)
        assert unpacked(tmp_path, "one.tar", data.getvalue()) == 30


@pytest.mark.parametrize("name", ["", ".."])
def test_a_zip_archive_with_a_strange_name_is_refused(tmp_path, name):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("abc", "x")
    content = data.getvalue().replace(b"abc", name.encode().ljust(3, b"\0") if name else b"abc")
    if not name:  # state no length
        begin = content.index(b"PK\1\2")
        content = content[: begin + 28] + b"\0\0" + content[begin + 30 : begin + 46] + content[begin + 49 :]
        end = content.index(b"PK\5\6")
        content = content[: end + 12] + struct.pack("<I", end - begin) + content[end + 16 :]
    with pytest.raises(DataError, match=r"one\.zip"):
        unpacked(tmp_path, "one.zip", content)


@pytest.mark.parametrize(
    "name", [".", "..", "._car", ".car", "a/b", "a\\b", "a\0b", "x" * 226, "ü" * 113, "index.json", "Index.JSON"]
)
def test_a_list_with_what_is_no_folders_name_is_refused(tmp_path, name):
    (tmp_path / "list.txt").write_text(f"one\n{name}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"names of folders, got .* in line 2 of"):
        read_list(tmp_path / "list.txt")


@pytest.mark.parametrize("name", ["x" * MOST_NAME, "x" + "é" * (MOST_NAME // 2)])
def test_the_longest_name_is_prepared_and_fits_the_files_of_its_track(tmp_path, monkeypatch, name):
    monkeypatch.setattr("had.files._writer", lambda: "abcdef-4194303")
    write_eventvot(EVENTVOT, tmp_path / "raw", names=(name,), count=300)
    asked = {"layout": EVENTVOT, "options": PreparationOptions(), "root": tmp_path / "raw", "split": "test"}
    prepare_split(**asked, output=tmp_path / "out")
    assert load_split(tmp_path / "out", "test")[0].name == name
    for suffix in ("_time.txt", ".txt", ".npz", ".webm"):
        with atomic_file(tmp_path / f"{name}{suffix}") as path:
            path.touch()


def test_a_long_list_of_doubled_names_is_refused_quickly(tmp_path):
    (tmp_path / "list.txt").write_text("".join(f"s{number % 100_000}\n" for number in range(200_000)))
    with pytest.raises(DataError, match="'s0' more than once"):
        read_list(tmp_path / "list.txt")


@pytest.mark.parametrize("text", ["²,48", "٦٤,48", "1" * 5000 + ",48", "64,0", "64,-1", "64", "1e3,48", "64,99999"])
def test_sensors_and_slices_are_plain_numbers(tmp_path, text):
    (tmp_path / SENSOR_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="width,height in pixels"):
        read_sensor(COESOT, tmp_path)
    (tmp_path / SLICES_FILE).write_text(text.split(",")[0].replace("64", "1"), encoding="utf-8")
    with pytest.raises(DataError, match="a number of slices above 1"):
        read_slices(tmp_path)


def test_hidden_files_are_no_annotations(tmp_path):
    for form in ("nested", "flat"):
        folder = tmp_path / form
        annotate(COESOT, folder / "car", some_boxes(4))
        if form == "flat":
            (folder / "car/groundtruth.txt").rename(folder / "car.txt")
            (folder / "absent").mkdir()
            (folder / "car/absent.txt").rename(folder / "absent/car.txt")
            (folder / "car").rmdir()
            (folder / "._car.txt").write_bytes(HIDDEN)
        else:
            annotate(COESOT, folder / ".trash", some_boxes(4))
        (folder / "att").mkdir()
        (folder / "att/car.txt").write_text("0\n" * 17)
        (folder / "att/._car.txt").write_bytes(HIDDEN)
        found = find_annotations(COESOT, folder)
        assert list(found.files) == ["car"]
        assert len(found.read("car").boxes) == 4
        assert list(read_attributes(COESOT, folder)) == ["car"]


def frames_of(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    return folder


def test_hidden_files_are_no_frames_of_a_video_and_strange_digits_no_numbers(tmp_path):
    folder = frames_of(tmp_path / "video", "f9.png", "f10.png", "f11.png")
    (folder / "._f9.png").write_bytes(HIDDEN)
    assert [path.name for path in Video(folder)._files] == ["f9.png", "f10.png", "f11.png"]
    assert len(Video(frames_of(tmp_path / "other", "f².png", "f3.png", "f.png", "f3_2.png"))) == 4


def test_a_frame_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"each frame once, got .*f7\.png and f07\.png|f07\.png and f7\.png"):
        Video(frames_of(tmp_path / "video", "f6.png", "f7.png", "f07.png"))


@pytest.mark.parametrize(
    ("names", "missing"),
    [(("f1", "f2", "f5", "f6"), "f5.png"), (("f10", "f20", "f30"), ""), (("a_1_of_3", "a_2_of_3", "a_3_of_3"), "")],
)
def test_numbers_that_are_missing_in_a_video_are_said(tmp_path, caplog, names, missing):
    with caplog.at_level(logging.WARNING):
        Video(frames_of(tmp_path / "video", *(f"{name}.png" for name in names)))
    assert (f"before {missing}" in caplog.text) if missing else not caplog.text


def test_pipes_in_the_place_of_files_are_no_files(tmp_path):
    path = tmp_path / "att/pipe.txt"
    path.parent.mkdir()
    os.mkfifo(path)
    assert image_size(path) is image_size(path, decode=True) is None
    assert read_attributes(COESOT, tmp_path) == {}
    for read in (read_image, mat_names, lambda path: read_mat(path, ("coor",), expected="cells")):
        with pytest.raises(DataError, match="no file"):
            read(path)
