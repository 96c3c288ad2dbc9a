"""Damaged tar and zip archives, whole and split: files in one folder or our refusal."""

import io
import shutil
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from had.data.archives import find_archives
from had.data.layouts import LAYOUTS
from had.data.placing import place
from had.data.unpack import unpack
from had.errors import HadError
from tests.fuzz.budget import fuzzed
from tests.fuzz.damage import damaged

FILES = {
    f"{name}/{file}": b"1,2,3,4\n" * 9 for name in ("one", "zwei ü", "x" * 120) for file in ("groundtruth.txt", "a.csv")
}


def tar(mode, form):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode, format=form) as file:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = len(content), {"comment": "x"}
            file.addfile(member, io.BytesIO(content))
    return data.getvalue()


def packed(method):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as file:
        for name, content in FILES.items():
            file.writestr(name, content)
    return data.getvalue()


FORMS = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
WHOLE = {
    "a.tar": [tar("w", form) for form in FORMS],
    "a.tar.gz": [tar("w:gz", form) for form in FORMS],
    "a.tar.xz": [tar("w:xz", form) for form in FORMS],
    "a.tar.bz2": [tar("w:bz2", form) for form in FORMS],
    "a.zip": [packed(method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)],
}


@st.composite
def archives(draw):
    name = draw(st.sampled_from(sorted(WHOLE)))
    return name, draw(damaged(WHOLE[name])), draw(st.integers(0, 400)) if name == "a.zip" else 0


@fuzzed
@given(archive=archives())
def test_damaged_archives_are_unpacked_into_their_folder_or_refused(tmp_path_factory, archive):
    name, content, first = archive
    folder = Path(tmp_path_factory.getbasetemp()) / "archive"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "in").mkdir(parents=True)
    if first:  # in two pieces
        (folder / "in/a.z01").write_bytes(content[:first])
        content = content[first:]
    (folder / "in" / name).write_bytes(content)
    with suppress(HadError):
        for found in find_archives(folder / "in"):
            unpack(found, folder / "out/unpacked", lambda *_: None)
        place(LAYOUTS["coesot"], folder / "out/unpacked", folder / "out/test", folder / "out/beside", whole=False)
    assert {path.name for path in folder.iterdir()} <= {"in", "out"}
