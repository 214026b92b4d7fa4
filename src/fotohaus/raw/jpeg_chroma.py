"""Lossy DNGs with subsampled chroma, as Adobe's code reads them.

Adobe's DNG software writes chroma at half the rows. Its libjpeg (of version 7 and later) enlarges such a component in
the DCT: each block of 8 x 8 becomes one of 8 x 16 or 16 x 16 whose further coefficients are 0. libjpeg-turbo, which is
at hand, interpolates between samples, and both differ by up to 60 of 255 in fine texture. So chroma is decoded at its
own size, out of a copy of the file whose header calls the luma blocks of a unit components (or columns) of their own:
their DC predictions then are wrong, those of chroma are not (ITU-T T.81, A.2.3, F.2.1.3.1). The copy says 12 bits, and
has quantization steps 16 times as large, so that samples come with fractions of a code: 8 bits would hide what steps of
1 and 2 say. Luma comes from the file as it is.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.jpeg_frame import tile_segments
from fotohaus.raw.tiff import TiffError

Float32 = NDArray[np.float32]

_SOF, _SOS, _KEPT = (0xC0, 0xC1), 0xDA, (0xC4, 0xDB, 0xDD)  # tables and restart intervals
_HALVES = ((2, 1), (1, 2), (2, 2))
_BLOCK = 8
_QUANTIZATION = 0xDB
_DEPTH, _FINER = 12, 16  # bits, and how many steps of them make a code of 8 bits


def decode_subsampled(data: bytes | bytearray) -> NDArray[np.uint8] | None:
    """(H, W, 3) RGB of a baseline JPEG of Y, Cb and Cr whose chroma has half the rows, columns or both.

    None for any other. The frame header is known to be sound. Raises TiffError for damaged ones.
    """
    found = _segments(data)
    if found is None:
        return None
    tables, frame, scan, rest = found
    across, down = frame[7] >> 4, frame[7] & 15
    if (down, across) not in _HALVES or len(scan) != 10 or scan[0] != 3 or scan[1::2][:3] != frame[6:15:3]:
        return None
    steps = [s for i in (11, 14) if (s := _steps(tables, frame[i])) is not None]
    if len(steps) < 2:
        return None
    import imagecodecs

    apart = _apart(_finer(tables), frame, scan, (down, across)) + rest
    space = "CMYK" if down * across == 2 else "YCBCR"
    try:
        luma = imagecodecs.jpeg8_decode(data, outcolorspace="YCBCR")[..., 0]
        chroma = imagecodecs.jpeg8_decode(apart, colorspace=space, outcolorspace=space)
        if chroma.dtype != np.uint16:
            raise TiffError("is damaged: JPEG")
    except (RuntimeError, ValueError) as error:
        raise TiffError(f"is damaged: JPEG: {error}") from None
    chroma = chroma[..., 2:] if down * across == 2 else chroma[:, ::4, 1:]
    blue, red = (_enlarged(chroma[..., i], steps[i], luma.shape, (down, across)) for i in (0, 1))
    light = luma.astype(np.float32)
    out = np.empty((*luma.shape, 3), np.uint8)
    # JFIF 1.02.
    out[..., 0] = np.rint(light + np.float32(1.402) * red).clip(0, 255)
    out[..., 1] = np.rint(light - np.float32(0.344136) * blue - np.float32(0.714136) * red).clip(0, 255)
    out[..., 2] = np.rint(light + np.float32(1.772) * blue).clip(0, 255)
    return out


def _segments(data: bytes | bytearray) -> tuple[bytes, bytes, bytes, bytes] | None:
    """Tables with their markers, the body of a frame header of three components, of its scan, and what follows."""
    tables, frame = b"", b""
    for marker, first, end in tile_segments(data):
        if marker in _SOF:
            frame = bytes(data[first:end])
        elif marker in _KEPT:
            tables += bytes(data[first - 4 : end])
        elif marker == _SOS:
            plain = len(frame) == 15 and frame[10::3] == b"\x11\x11"
            return (tables, frame, bytes(data[first:end]), bytes(data[end:])) if plain else None
    return None


def _apart(tables: bytes, frame: bytes, scan: bytes, halves: tuple[int, int]) -> bytes:
    """Headers under which each luma block of a unit is a component, or a column of one, and chroma stands alone."""
    (down, across), (height, width) = halves, (int.from_bytes(frame[i : i + 2], "big") for i in (1, 3))
    rows, columns = -(-height // (_BLOCK * down)) * _BLOCK, -(-width // (_BLOCK * across)) * _BLOCK
    luma, chroma = frame[8:9], (frame[11:12], frame[14:15])
    tables_of: tuple[bytes, ...]
    codes: tuple[bytes, ...]
    if down * across == 2:
        factors, tables_of = b"\x11\x11\x11\x11", (luma, luma, *chroma)
        codes = (scan[2:3], scan[2:3], scan[4:5], scan[6:7])
    else:
        factors, tables_of, codes = b"\x41\x11\x11", (luma, *chroma), (scan[2:3], scan[4:5], scan[6:7])
        columns *= 4
    if max(rows, columns) > 65535:
        raise TiffError("is damaged: a JPEG tile too large")
    count = len(factors)
    parts = b"".join(bytes([i + 1, factors[i]]) + tables_of[i] for i in range(count))
    body = bytes([_DEPTH]) + rows.to_bytes(2, "big") + columns.to_bytes(2, "big") + bytes([count]) + parts
    order = bytes([count]) + b"".join(bytes([i + 1]) + codes[i] for i in range(count)) + scan[7:]
    return b"\xff\xd8" + tables + _marked(b"\xff\xc1", body) + _marked(b"\xff\xda", order)


def _finer(tables: bytes) -> bytes:
    """Tables whose quantization steps are `_FINER` times as large: as many fractions of a code more in 12 bits."""
    at, out = 0, b""
    while at < len(tables):
        end = at + 2 + int.from_bytes(tables[at + 2 : at + 4], "big")
        if tables[at + 1] != _QUANTIZATION:
            out += tables[at:end]
        place = at + 4
        while tables[at + 1] == _QUANTIZATION and place < end:
            wide = tables[place] >> 4
            size = 128 if wide else 64
            values = np.frombuffer(tables[place + 1 : min(place + 1 + size, end)], ">u2" if wide else "u1")
            larger = (values.astype(np.uint32) * _FINER).clip(0, 65535).astype(">u2")
            out += _marked(b"\xff\xdb", bytes([16 | tables[place] & 15]) + larger.tobytes())
            place += 1 + size
        at = end
    return out


def _marked(marker: bytes, body: bytes) -> bytes:
    return marker + (len(body) + 2).to_bytes(2, "big") + body


def _steps(tables: bytes, number: int) -> Float32 | None:
    """(8, 8) quantization steps of a table, [vertical, horizontal frequency]; the last that defines it holds."""
    at, found = 0, None
    while at < len(tables):
        end = at + 2 + int.from_bytes(tables[at + 2 : at + 4], "big")
        place = at + 4
        while tables[at + 1] == _QUANTIZATION and place < end:
            wide, which = tables[place] >> 4, tables[place] & 15
            size = 128 if wide else 64
            values = np.frombuffer(tables[place + 1 : min(place + 1 + size, end)], ">u2" if wide else "u1")
            if which == number and values.size == 64:
                found = np.zeros((_BLOCK, _BLOCK), np.float32)
                found[_ZIGZAG] = values
            place += 1 + size
        at = end
    return found if found is not None and found.min() > 0 else None


def _enlarged(plane: NDArray[np.uint16], steps: Float32, shape: tuple[int, ...], halves: tuple[int, int]) -> Float32:
    """A component as floats of the picture's size around 0, each block enlarged in the DCT.

    What rounding took of the samples comes back with the coefficients, which are multiples of `steps`.
    """
    high, wide = (_BLOCK * factor for factor in halves)
    rows, columns = (n // _BLOCK for n in plane.shape)
    made = np.empty((rows * high, columns * wide), np.float32)
    whole = plane.astype(np.float32) / _FINER - 128
    forth = _inverse(_BLOCK).T
    for row in range(rows):
        blocks = whole[row * _BLOCK : (row + 1) * _BLOCK].reshape(_BLOCK, columns, _BLOCK).swapaxes(0, 1)
        coefficients = np.rint(forth @ blocks @ forth.T / steps) * steps
        # libjpeg rounds between its two passes, to quarters.
        half = np.floor(_inverse(high) @ coefficients * np.float32(4 * 8**0.5) + np.float32(0.5))
        large = half @ _inverse(wide).T * np.float32(8**0.5 / 32)
        made[row * high : (row + 1) * high] = large.swapaxes(0, 1).reshape(high, -1)
    return np.floor(made[: shape[0], : shape[1]] + np.float32(0.5)).clip(-128, 127)


@cache
def _inverse(points: int) -> Float32:
    """(points, 8): an inverse DCT of 8 coefficients at 8 or 16 points, orthonormal at 8."""
    k = np.arange(_BLOCK)
    waves = np.cos(np.pi * (2 * np.arange(points)[:, None] + 1) * k / (2 * points))
    return (waves * np.where(k == 0, np.sqrt(1 / _BLOCK), np.sqrt(2 / _BLOCK))).astype(np.float32)


def _zigzag() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of a block in the order in which a file has its steps (T.81, figure A.6)."""
    places = [(y, x) for y in range(_BLOCK) for x in range(_BLOCK)]
    places.sort(key=lambda p: (sum(p), p[0] if sum(p) % 2 else p[1]))
    rows, columns = np.array(places).T
    return rows, columns


_ZIGZAG = _zigzag()
