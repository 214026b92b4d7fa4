"""PNG and TIFF files of samples that were another file's: in that file's own space, with what is told of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.output.png import with_chunks
from fotohaus.raw import tags
from fotohaus.raw.exif import SRGB, UNCALIBRATED, add_capture
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.tiff_write import Directory, Type, encode
from fotohaus.strips import in_threads

_STRIP = 1 << 20  # bytes of a TIFF strip before compression, about
_MAX_CHUNKS = 100_000


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, data) of a PNG's chunks, as far as they are whole."""
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + size > len(data):
            return
        yield kind, data[at + 8 : at + 8 + size]
        at += 12 + size


def encode_png(samples: NDArray[Any], chunks: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """A PNG of (H, W, 3 or 4) samples of 8 or 16 bits with these chunks before its data, in pieces."""
    import imagecodecs

    return with_chunks(bytes(imagecodecs.png_encode(np.ascontiguousarray(samples), level=4)), chunks)


def encode_tiff(
    samples: NDArray[Any], capture: CaptureInfo, *, xmp: bytes, icc: bytes, orientation: int, private: bool
) -> list[bytes]:
    """A TIFF of (H, W, 3 or 4) samples of 8 or 16 bits, deflate after the horizontal predictor, in pieces.

    private : also write serial number, owner and position. Raises WriteError above 4 GiB.
    """
    height, width, channels = samples.shape
    rows = min(height, max(1, _STRIP // (channels * samples.itemsize * width)))
    root = Directory()
    root.set(tags.NEW_SUBFILE_TYPE, Type.LONG, 0)
    root.set(tags.IMAGE_WIDTH, Type.LONG, width)
    root.set(tags.IMAGE_LENGTH, Type.LONG, height)
    root.set(tags.BITS_PER_SAMPLE, Type.SHORT, [8 * samples.itemsize] * channels)
    root.set(tags.COMPRESSION, Type.SHORT, 8)
    root.set(tags.PHOTOMETRIC, Type.SHORT, 2)
    root.set(tags.ORIENTATION, Type.SHORT, orientation)
    root.set(tags.SAMPLES_PER_PIXEL, Type.SHORT, channels)
    root.set(tags.ROWS_PER_STRIP, Type.LONG, rows)
    root.set(tags.X_RESOLUTION, Type.RATIONAL, Fraction(72))
    root.set(tags.Y_RESOLUTION, Type.RATIONAL, Fraction(72))
    root.set(tags.PLANAR_CONFIGURATION, Type.SHORT, 1)
    root.set(tags.RESOLUTION_UNIT, Type.SHORT, 2)
    root.set(tags.PREDICTOR, Type.SHORT, 2)
    if xmp:
        root.set(tags.XMP, Type.BYTE, xmp)
    if icc:
        root.set(tags.ICC_PROFILE, Type.UNDEFINED, icc)
    exif = add_capture(root, capture, private=private)
    exif.set(tags.FLASHPIX_VERSION, Type.UNDEFINED, b"0100")
    exif.set(tags.COLOR_SPACE, Type.SHORT, UNCALIBRATED if icc else SRGB)

    def compress(top: int) -> bytes:
        import imagecodecs

        strip = samples[top : top + rows]
        difference = np.array(strip, dtype=strip.dtype.newbyteorder("<"), order="C")
        difference[:, 1:] -= strip[:, :-1]
        return bytes(imagecodecs.deflate_encode(difference.tobytes(), level=1))

    root.strips(list(in_threads(compress, range(0, height, rows))))
    return encode(root)
