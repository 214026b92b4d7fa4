"""The TIFF writer, read back by readers that we did not write, and by hand where those are too kind."""

import io
import struct
from fractions import Fraction

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from fotohaus.raw.tiff_write import Directory, Type, encode, rational


def whole(root: Directory) -> bytes:
    return b"".join(encode(root))


def image(root: Directory, pixels: np.ndarray) -> None:
    height, width = pixels.shape
    values = {256: width, 257: height, 258: 16, 259: 1, 262: 1, 277: 1, 278: 4}
    for tag, value in values.items():
        root.set(tag, Type.LONG, value)
    root.strips([pixels[y : y + 4].astype("<u2").tobytes() for y in range(0, height, 4)])


def test_every_type_survives() -> None:
    root = Directory()
    image(root, np.arange(6 * 5).reshape(6, 5))
    root.set(60001, Type.BYTE, bytes(range(7)))
    root.text(60002, "text")
    root.set(60003, Type.SHORT, (1, 65535, 3))
    root.set(60004, Type.LONG, (1, 0xFFFFFFFF))
    root.set(60005, Type.RATIONAL, (Fraction(1, 455), 2.8))
    root.set(60006, Type.SBYTE, (-128, 127))
    root.set(60007, Type.UNDEFINED, b"\0\1\2")
    root.set(60008, Type.SSHORT, (-32768, 5))
    root.set(60009, Type.SLONG, -5)
    root.set(60010, Type.SRATIONAL, (-0.3333333333, 2))
    root.set(60011, Type.FLOAT, (0.5, -2.0, 1e-3))
    root.set(60012, Type.DOUBLE, (1.5e-4, 2.5e-8))
    with tifffile.TiffFile(io.BytesIO(whole(root))) as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
        assert np.array_equal(file.pages[0].asarray(), np.arange(6 * 5).reshape(6, 5))
    assert tags[60001] == bytes(range(7))
    assert tags[60002] == "text"
    assert tags[60003] == (1, 65535, 3)
    assert tags[60004] == (1, 0xFFFFFFFF)
    assert tags[60005] == (1, 455, 14, 5)
    assert tags[60006] == (-128, 127)
    assert tags[60007] == b"\0\1\2"
    assert tags[60008] == (-32768, 5)
    assert tags[60009] == -5
    assert tags[60010] == (-1, 3, 2, 1)
    assert tags[60011] == pytest.approx((0.5, -2.0, 1e-3))
    assert tags[60012] == (1.5e-4, 2.5e-8)


def test_entries_are_sorted_and_everything_lies_at_even_offsets() -> None:
    root = Directory()
    root.set(700, Type.BYTE, b"odd")
    root.set(270, Type.ASCII, b"seven..")
    child = root.below(34665, Directory())
    child.set(36864, Type.UNDEFINED, b"0232")
    child.set(33434, Type.RATIONAL, Fraction(1, 50))
    grandchild = child.below(330, Directory())
    grandchild.strips([b"abc", b"d", b"efghi"])
    grandchild.text(305, "long enough")
    data = whole(root)

    def walk(offset: int) -> int:
        assert offset % 2 == 0
        (count,) = struct.unpack_from("<H", data, offset)
        entries = [struct.unpack_from("<HHII", data, offset + 2 + 12 * i) for i in range(count)]
        assert [e[0] for e in entries] == sorted({e[0] for e in entries})
        seen = 1
        for tag, kind, number, value in entries:
            size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}[kind] * number
            if size > 4:
                assert value % 2 == 0
                assert value + size <= len(data)
            if tag in (330, 34665):
                seen += walk(value)
            if tag == 273:
                offsets = struct.unpack_from("<3I", data, value)
                assert [data[o : o + n] for o, n in zip(offsets, (3, 1, 5), strict=True)] == [b"abc", b"d", b"efghi"]
                assert all(o % 2 == 0 for o in offsets)
        return seen

    assert data[:8] == b"II*\0\x08\0\0\0"
    assert walk(8) == 3


@given(st.floats(1e-7, 1e9))
def test_a_rational_is_true_to_seven_digits(value: float) -> None:
    fraction = rational(value)
    assert abs(float(fraction) - value) <= value * 3e-7
    assert 0 < fraction.denominator < 2**32
    assert 0 <= fraction.numerator < 2**32


@given(st.integers(1, 9999), st.integers(1, 999))
def test_a_rational_finds_the_fraction_that_a_camera_wrote(above: int, below: int) -> None:
    assert rational(above / below) == Fraction(above, below)
    assert rational(float(np.float32(1 / 455))) == Fraction(1, 455)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 5e9])
def test_what_is_no_rational_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not a rational"):
        rational(value)


@pytest.mark.parametrize(
    ("kind", "value"), [(Type.SHORT, 65536), (Type.BYTE, -1), (Type.LONG, 2**32), (Type.SHORT, 1.5)]
)
def test_what_a_type_cannot_hold_is_refused(kind: Type, value: float) -> None:
    with pytest.raises(ValueError, match="tag 256"):
        Directory().set(256, kind, value)


def test_text_without_printable_characters_leaves_no_tag() -> None:
    root = Directory()
    root.text(270, "\0 \n")
    root.text(271, None)
    assert 270 not in root
    assert 271 not in root
    root.text(315, "Ärger\n\0mit NUL")
    assert "Ärger  mit NUL\0".encode() in whole(root)
