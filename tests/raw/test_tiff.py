"""The bounded TIFF reader: right values, and no claim believed."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fotohaus.raw import tiff as module
from fotohaus.raw.tiff import MAX_ENTRIES, MAX_IFDS, Source, Tiff, TiffError

Maker = Callable[..., Any]

KINDS = [
    (1, [1, 255]),
    (3, [1, 65535, 7]),
    (4, [1, 2**32 - 1]),
    (6, [-128, 127, 1, 2, 3]),
    (8, [-32768, 32767]),
    (9, [-(2**31), 2**31 - 1]),
    (11, [0.5, -2.0]),
    (12, [1e-300, -2.5, 3.0]),
    (16, [2**40, 5]),
]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("path", [False, True])
def test_every_type_in_every_layout(tiff_maker: Maker, tmp_path: Path, order: str, big: bool, path: bool) -> None:
    made = tiff_maker(order, big)
    fields = {1000 + kind: (kind, values) for kind, values in KINDS}
    fields |= {1005: (5, [1, 3, 5, 0, 0, 0]), 1010: (10, [-1, 4, 7, 7]), 1002: (2, "Hörnchen"), 1007: (7, [1, 2, 3])}
    fields |= {2001: (3, 9), 2002: (2, "abc")}
    data = made.finish(made.ifd(fields))
    (tmp_path / "a.tif").write_bytes(data)
    with Source(path=tmp_path / "a.tif") if path else Source(data) as source:
        ifd = Tiff(source).ifd(Tiff(source).first)
        for kind, values in KINDS:
            np.testing.assert_array_equal(ifd.values(1000 + kind), values)
            assert ifd.values(1000 + kind).dtype.isnative
        rationals = ifd.values(1005)
        assert rationals[0] == 1 / 3
        assert rationals[1] == math.inf
        assert math.isnan(rationals[2])
        np.testing.assert_array_equal(ifd.floats(1010), [-0.25, 1.0])
        assert ifd.text(1002) == "Hörnchen"
        assert ifd.raw(1007) == b"\1\2\3"
        assert ifd.integer(2001, 0) == 9
        assert ifd.integer(3000, 17) == 17
        assert ifd.number(1005) == 1 / 3
        assert ifd.integers(1005) is None
        assert ifd.text(2002) == "abc"


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("", None),
        ("   \0\0", None),
        ("Canon\0junk", "Canon"),
        ("  GoPro  ", "GoPro"),
        ("a\nb\x1bc", "a b c"),
    ],
)
def test_text(tiff_maker: Maker, stored: str, text: str | None) -> None:
    made = tiff_maker()
    assert Tiff(Source(made.finish(made.ifd({271: (2, stored)})))).chain()[0].text(271) == text


def test_text_that_is_not_utf8_is_latin_1(tiff_maker: Maker) -> None:
    made = tiff_maker()
    assert Tiff(Source(made.finish(made.ifd({271: (1, b"H\xf6he")})))).chain()[0].text(271) == "Höhe"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"I",
        b"II*\0",
        b"II*\0\0\0\0",
        b"not a tiff at all",
        b"\xff\xd8\xff\xe0JFIF",
        b"II\x2b\0\x04\0\0\0" + bytes(8),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(TiffError):
        Tiff(Source(data))


@pytest.mark.parametrize("offset", [0, 4, 7, 10**6, 2**32 - 1])
def test_a_first_ifd_outside_the_file_is_refused(offset: int) -> None:
    data = b"II*\0" + offset.to_bytes(4, "little") + bytes(50)
    with pytest.raises(TiffError):
        Tiff(Source(data)).chain()


def test_an_ifd_that_claims_too_many_entries_is_refused() -> None:
    with pytest.raises(TiffError, match="claims 65535 entries"):
        Tiff(Source(b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * (MAX_ENTRIES + 1)))).chain()


def test_values_beyond_the_file_are_refused_before_anything_is_allocated(tiff_maker: Maker) -> None:
    made = tiff_maker()
    data = bytearray(made.finish(made.ifd({1000: (12, [1.0, 2.0])})))
    at = data.rindex(b"\xe8\x03\x0c\0")
    for count in (30, 2**20, 2**21, 2**32 - 1):
        data[at + 4 : at + 8] = count.to_bytes(4, "little")
        ifd = Tiff(Source(bytes(data))).chain()[0]
        with pytest.raises(TiffError):
            ifd.values(1000)
        with pytest.raises(TiffError):
            ifd.raw(1000)


def test_chains_that_turn_back_end(tiff_maker: Maker) -> None:
    made = tiff_maker()
    first = made.ifd({256: (3, 1)}, following=8)
    assert first == 8
    assert len(Tiff(Source(made.finish(8))).chain()) == 1


def test_a_damaged_tail_of_the_chain_does_not_hide_its_head(tiff_maker: Maker) -> None:
    made = tiff_maker()
    assert len(Tiff(Source(made.finish(made.ifd({256: (3, 1)}, following=10**7)))).images()) == 1


def test_sub_ifds_that_point_to_themselves_are_met_once(tiff_maker: Maker) -> None:
    made = tiff_maker()
    data = made.finish(made.ifd({330: (4, [8, 8, 8]), 256: (3, 1)}))
    offset = Tiff(Source(data)).first
    data = data.replace((8).to_bytes(4, "little") * 3, offset.to_bytes(4, "little") * 3)
    assert len(Tiff(Source(data)).images()) == 1


def test_the_number_of_ifds_is_bounded(tiff_maker: Maker) -> None:
    made = tiff_maker()
    leaves = [made.ifd({256: (3, i)}) for i in range(MAX_IFDS + 10)]
    tiff = Tiff(Source(made.finish(made.ifd({330: (4, leaves)}))))
    assert len(tiff.images()) == MAX_IFDS
    with pytest.raises(TiffError, match="more than"):
        tiff.ifd(leaves[-1])


def test_fields_of_unknown_type_are_skipped_and_the_first_of_two_counts(tiff_maker: Maker) -> None:
    made = tiff_maker()
    data = bytearray(made.finish(made.ifd({256: (3, 1), 257: (3, 2), 258: (3, 3)})))
    at = data.index((257).to_bytes(2, "little"))
    data[at : at + 2] = (256).to_bytes(2, "little")
    data[at + 14] = 99
    ifd = Tiff(Source(bytes(data))).chain()[0]
    assert ifd.integer(256, 0) == 1
    assert 258 not in ifd


def test_a_missing_child_is_none(tiff_maker: Maker) -> None:
    made = tiff_maker()
    ifd = Tiff(Source(made.finish(made.ifd({34665: (4, 10**6)})))).chain()[0]
    assert ifd.child(34665) is None
    assert ifd.child(34853) is None


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(1000))
    with Source(path=path) as source:
        os.truncate(path, 100)
        with pytest.raises(TiffError, match="cut short"):
            source.read(0, 1000)


def test_reading_without_preadv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)))
    monkeypatch.delattr(module.os, "preadv", raising=False)
    with Source(path=tmp_path / "a") as source:
        assert source.read(3, 200) == bytes(range(3, 203))


def test_pipes_and_folders_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in ((tmp_path / "pipe", "regular file"), (tmp_path, "folder")):
        with pytest.raises(TiffError, match=reason):
            Source(path=path)
