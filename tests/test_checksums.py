"""Checksums: equal for equal bytes, however they are cut; other ones after damage."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from had.checksums import checksum, file_checksum


def test_known_value_of_the_standard():
    assert checksum([b"123456789"]) == "crc32:cbf43926"
    assert checksum([]) == checksum([b""]) == "crc32:00000000"


@given(st.binary(max_size=300), st.integers(0, 300))
def test_parts_and_whole_have_one_checksum(content, cut):
    assert checksum([content[:cut], content[cut:]]) == checksum([content])


@given(st.binary(min_size=1, max_size=300), st.data())
def test_flipped_bit_and_truncation_change_it(content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    assert checksum([flipped]) != checksum([content]) != checksum([content[:place] + b"\0\0\0\0" + content[place:]])


def test_array_and_its_file_have_one_checksum(tmp_path):
    events = np.zeros(700_000, dtype=[("t", "<i8"), ("x", "<u2"), ("p", "?")])  # longer than a block
    events["t"] = np.arange(len(events))
    events.tofile(tmp_path / "events.bin")
    assert file_checksum(tmp_path / "events.bin") == checksum([events]) != checksum([np.zeros_like(events)])
