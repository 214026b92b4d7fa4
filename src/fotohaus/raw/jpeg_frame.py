"""Headers of JPEG (ITU-T T.81 annex B) and JPEG XL (ISO/IEC 18181-1 annex D): segments, and sizes before decoding."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from fotohaus.raw.tiff import Source, TiffError
from fotohaus.records import record

_MAX_SEGMENTS = 10_000
_MAX_BETWEEN = 1 << 16  # bytes that belong to no segment

_LOSSLESS = 0xC3
_EXTENDED = 0xC1
_BASELINE = (0xC0, _EXTENDED)  # extended sequential differs in its tables only
_END = 0xD9
_AMONG_SCANS = (0xC4, 0xDA, 0xDC, 0xDD, 0xFF)  # tables, the next scan's header, number of lines, a fill byte


@record
class Frame:
    """What a compressed image says about its size. `bits` is the precision of its samples."""

    height: int
    width: int
    components: int
    bits: int
    floating: bool = False

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.height * self.width * self.components


def jpeg_segments(source: Source, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(marker, offset, size) of the segments' data of a JPEG file at a place, up to the coded data (T.81 annex B).

    As decoders do, it goes over fill bytes, and over what some programs left between two segments.
    """
    at += 2
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > end:
            return
        marker, length = struct.unpack(">HH", source.read(at, 4))
        if marker == 0xFFFF:
            at += 1
            continue
        if marker < 0xFF00:
            between = bytes(source.read(at, min(_MAX_BETWEEN, end - at)))
            found = between.find(b"\xff")
            if found < 0:
                return
            at += found
            continue
        if length < 2 or marker < 0xFFC0 or marker in (0xFFD9, 0xFFDA) or at + 2 + length > end:
            return
        yield marker, at + 4, length - 2
        at += 2 + length


def tile_segments(data: bytes | bytearray) -> Iterator[tuple[int, int, int]]:
    """(second byte of the marker, first byte, end) of the segments of a tile's JPEG, that of its scan the last.

    Stricter than `jpeg_segments`: nothing may lie between two but fill bytes. The end may lie beyond the data's.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at + 4, at + 2 + length
        if length < 2 or marker == 0xDA:
            return
        at += 2 + length


def scans_are_whole(data: bytes | bytearray) -> bool:
    """Whether the coded data of a tile's JPEG hold no marker but those that belong there (T.81, B.1.1.5 and B.2.1).

    Decoders make something up for what follows a stray one, and most say nothing. The data end at the first EOI.
    """
    scan = max((end for _, _, end in tile_segments(data)), default=0)
    coded = np.frombuffer(data, np.uint8)[scan:]
    after = coded[1:][coded[:-1] == 0xFF]
    markers = after[(after != 0) & (after & 0xF8 != 0xD0)]
    ends = np.flatnonzero(markers == _END)
    return bool(np.isin(markers[: ends[0]] if len(ends) else markers, _AMONG_SCANS).all())


def jpeg_frame(data: bytes | bytearray, lossless: bool) -> Frame:
    """The frame header of a lossless (SOF3) or baseline (SOF0, SOF1) JPEG; TiffError if there is none.

    Among lossless ones counts a DCT of one component and 12 bits (SOF1), which cinema cameras put in their place.
    """
    for marker, first, end in tile_segments(data) if data[:2] == b"\xff\xd8" else ():
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _frame(marker, data[first:end], lossless)
    raise TiffError(f"is damaged: a strip or tile is not a {'lossless' if lossless else 'baseline'} JPEG")


def _frame(marker: int, body: bytes | bytearray, lossless: bool) -> Frame:
    if lossless and marker != _LOSSLESS and (marker != _EXTENDED or bytes(body[:1] + body[5:6]) != b"\x0c\x01"):
        raise TiffError("is damaged: a lossy JPEG where a lossless one belongs")
    if not lossless and marker not in _BASELINE:
        # A progressive JPEG of a few bytes can keep a decoder busy for minutes.
        raise TiffError("a JPEG that is neither baseline nor lossless is not supported")
    depths = range(2, 17) if lossless else (8,)
    if len(body) < 6 or len(body) != 6 + 3 * body[5] or not 1 <= body[5] <= 4 or body[0] not in depths:
        raise TiffError("is damaged: a JPEG's frame header makes no sense")
    if lossless and body[5] > 1 and any(factor != 0x11 for factor in body[7::3]):
        raise TiffError("a lossless JPEG with subsampled components is not supported")
    return Frame(int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), body[5], body[0])


class _Bits:
    """Bits from the lowest of each byte on, as JPEG XL's headers have them; TiffError past the end."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.value, self.left = int.from_bytes(data[:256], "little"), 8 * min(len(data), 256)

    def take(self, count: int) -> int:
        if count > self.left:
            raise TiffError("is damaged: a JPEG XL header is cut short")
        taken = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return taken

    def choice(self, *kinds: tuple[int, int]) -> int:
        """U32: one of four (bits, offset)."""
        count, offset = kinds[self.take(2)]
        return self.take(count) + offset


# Width to height, by the ratio field of a JPEG XL size header.
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def _jxl_size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        return (bits.take(5) + 1) * 8 if small else bits.choice((9, 1), (13, 1), (18, 1), (30, 1))

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return height, side()
    across, down = _RATIOS[ratio]
    return height, height * across // down


def jxl_frame(data: bytes | bytearray) -> Frame:
    """The size header and image metadata of a JPEG XL codestream, bare or in a container; components is 0 (unknown).

    Raises TiffError for what is none, and for previews, animations and extra channels, which DNG has no use for.
    """
    bits = _Bits(_codestream(data))
    if bits.take(16) != 0x0AFF:
        raise TiffError("is damaged: a strip or tile is not a JPEG XL image")
    height, width = _jxl_size(bits)
    depth, floating = 8, False
    if not bits.take(1):
        if bits.take(1):
            bits.take(3)  # orientation, which DNG has elsewhere
            if bits.take(1):
                _jxl_size(bits)
            if bits.take(2):
                raise TiffError("a JPEG XL image with a preview or an animation is not supported")
        floating = bool(bits.take(1))
        if floating:
            depth = bits.choice((0, 32), (0, 16), (0, 24), (6, 1))
            bits.take(4)
        else:
            depth = bits.choice((0, 8), (0, 10), (0, 12), (6, 1))
        bits.take(1)
        if bits.choice((0, 0), (0, 1), (4, 2), (12, 1)):
            raise TiffError("a JPEG XL image with extra channels is not supported")
    return Frame(height, width, 0, depth, floating)


def _codestream(data: bytes | bytearray) -> bytes | bytearray:
    """The beginning of the codestream: all, or the first jxlc or jxlp box of a container (ISO/IEC 18181-2)."""
    if data[:12] != b"\0\0\0\x0cJXL \r\n\x87\n":
        return data[:256]
    at = 12
    for _ in range(64):
        length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if kind == b"jxlc":
            return data[at + head : at + head + 256]
        if kind == b"jxlp":
            return data[at + head + 4 : at + head + 260]
        if length < head or at + length >= len(data):
            break
        at += length
    raise TiffError("is damaged: a JPEG XL container without an image")
