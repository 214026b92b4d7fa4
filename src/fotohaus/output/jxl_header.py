"""The header of a JPEG XL codestream, rewritten: the encoder at hand can't say which colours it was given.

ISO/IEC 18181-1:2024, annex D: size, ImageMetadata with BitDepth, ColorEncoding and ToneMapping, in bits from the lowest
up, then up to a whole byte; frames follow. Only what the encoder writes is read: one image of three channels, no
animation, preview, ICC profile or custom transform.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_SIGNATURE = b"\xff\x0a"
_SIDES = ((1, 9), (1, 13), (1, 18), (1, 30))  # what is added to how many bits (D.2.1)
_BITS = ((8, 0), (10, 0), (12, 0), (1, 6))
_FLOAT_BITS = ((32, 0), (16, 0), (24, 0), (1, 6))
_COUNT = ((0, 0), (1, 0), (2, 4), (1, 12))
_ENUM = ((0, 0), (1, 0), (2, 4), (18, 6))
_RGB, _D65, _RELATIVE = 0, 1, 1


class Colors(NamedTuple):
    """Primaries and transfer function (D.3), numbered as in ITU-T H.273 but for P3, and cd/m2 of the brightest."""

    primaries: int
    transfer: int
    peak: float = 255.0


SRGB = Colors(1, 13)
P3 = Colors(11, 13)


def rec2100_pq(peak: float) -> Colors:
    """HDR: Rec. 2100 primaries, PQ."""
    return Colors(9, 16, peak)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data[:64], "little")
        self.at = 0

    def u(self, count: int) -> int:
        value = (self._bits >> self.at) & ((1 << count) - 1)
        self.at += count
        return value

    def choice(self, options: tuple[tuple[int, int], ...]) -> int:
        offset, count = options[self.u(2)]
        return offset + self.u(count)


class _Writer:
    def __init__(self) -> None:
        self._bits = 0
        self.count = 0

    def u(self, value: int, count: int) -> None:
        self._bits |= value << self.count
        self.count += count

    def choice(self, value: int, options: tuple[tuple[int, int], ...]) -> None:
        for which, (offset, count) in enumerate(options):
            if 0 <= value - offset < 1 << count:
                self.u(which, 2)
                self.u(value - offset, count)
                return
        raise ValueError(f"{value} has no place in the header")

    def f16(self, value: float) -> None:
        self.u(int(np.float16(value).view(np.uint16)), 16)

    def bytes(self) -> bytes:
        return self._bits.to_bytes(-(-self.count // 8), "little")


def with_colors(codestream: bytes, height: int, width: int, colors: Colors) -> list[bytes]:
    """The codestream with another header, in pieces: 16-bit samples of these colours.

    Raises ValueError for a header that is not one of those that are known here.
    """
    if codestream[:2] != _SIGNATURE:
        raise ValueError("no JPEG XL codestream")
    reader = _Reader(codestream[2:])
    if _size(reader) != (height, width):
        raise ValueError("a JPEG XL codestream of another size")
    # What the defaults stand for: 8 bits, XYB.
    narrow, xyb = 1, 1
    if not reader.u(1):
        extra = reader.u(1)
        if extra and reader.u(6):
            raise ValueError("a JPEG XL header with what is not expected")
        if reader.u(1):
            reader.choice(_FLOAT_BITS)
            reader.u(4)
        else:
            reader.choice(_BITS)
        narrow = reader.u(1)
        channels = reader.choice(_COUNT)
        xyb = reader.u(1)
        if not reader.u(1):
            channels += reader.u(1)  # an ICC profile is as unexpected
            for _ in range(3):
                reader.choice(_ENUM)
            channels += reader.u(1)  # and so is a gamma
            reader.choice(_ENUM)
            reader.choice(_ENUM)
        tone = extra and not reader.u(1)
        if channels or tone or reader.u(2):
            raise ValueError("a JPEG XL header with what is not expected")
    if not reader.u(1):
        raise ValueError("a JPEG XL header with a transform")
    begin = 2 + -(-reader.at // 8)

    head = _Writer()
    head.u(0, 1)
    head.choice(height, _SIDES)
    head.u(0, 3)
    head.choice(width, _SIDES)
    hdr = colors.transfer == 16
    head.u(0, 1)  # not all by default
    head.u(int(hdr), 1)
    if hdr:
        head.u(0, 6)  # orientation, no own size, preview or animation
    head.u(0, 1)  # integers
    head.choice(16, _BITS)
    head.u(narrow, 1)
    head.choice(0, _COUNT)
    head.u(xyb, 1)
    head.u(0, 2)  # colours other than by default, no ICC profile
    for value in (_RGB, _D65, colors.primaries):
        head.choice(value, _ENUM)
    head.u(0, 1)
    head.choice(colors.transfer, _ENUM)
    head.choice(_RELATIVE, _ENUM)
    if hdr:
        head.u(0, 1)
        head.f16(colors.peak)
        head.f16(0.0)
        head.u(0, 1)
        head.f16(0.0)
    head.u(0, 2)
    head.u(1, 1)
    return [_SIGNATURE + head.bytes(), codestream[begin:]]


def _size(reader: _Reader) -> tuple[int, int]:
    small = reader.u(1)

    def side() -> int:
        return 8 * (1 + reader.u(5)) if small else reader.choice(_SIDES)

    height = side()
    ratio = reader.u(3)
    if not ratio:
        return height, side()
    over, under = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height, height * over // under
