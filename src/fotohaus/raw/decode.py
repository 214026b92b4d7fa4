"""The samples of a TIFF image: strips or tiles, packed, lossless JPEG or deflate, as uint16.

TIFF 6.0 sections 3, 14 and 15; lossless JPEG is ITU-T T.81 annex H as DNG 1.7.1 (Compression) uses it.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.raw import tags
from fotohaus.raw.tiff import Ifd, Source, TiffError

MAX_SAMPLES = 400_000_000

NONE, LOSSLESS_JPEG, DEFLATE, OLD_DEFLATE = 1, 7, 8, 32946
COMPRESSION_NAMES = {
    NONE: "none",
    LOSSLESS_JPEG: "lossless JPEG",
    DEFLATE: "deflate",
    OLD_DEFLATE: "deflate",
    34892: "lossy JPEG",
    9: "VC-5",
    52546: "JPEG XL",
}

# The least number of bytes that a sample can take. A Huffman code has at least one bit (T.81 annex C); deflate
# expands at most 1032 times.
_LEAST_BYTES = {LOSSLESS_JPEG: 1 / 8, DEFLATE: 1 / 1032, OLD_DEFLATE: 1 / 1032}

# Deflate could expand a small file a thousand times. Beyond this size no photo does.
_SMALL, _LIKELY_RATIO = 1 << 26, 100

@dataclass(frozen=True)
class Layout:
    """How an image lies in the file: its size, and one segment (strip or tile) after the other."""

    width: int
    height: int
    samples: int  # per pixel
    bits: int  # per sample
    compression: int
    predictor: int
    tiled: bool
    tile_width: int
    tile_height: int
    offsets: list[int]
    counts: list[int]

    @property
    def across(self) -> int:
        """Segments side by side."""
        return -(-self.width // self.tile_width)

    def row_bytes(self) -> int:
        """Bytes of one row of an uncompressed segment: rows begin at whole bytes."""
        return (self.tile_width * self.samples * self.bits + 7) // 8

    def rows(self, index: int) -> int:
        """Rows that a segment stores: tiles are always whole, the last strip is not."""
        top = index // self.across * self.tile_height
        return self.tile_height if self.tiled else min(self.tile_height, self.height - top)


def read_layout(ifd: Ifd) -> Layout:
    """The layout that an IFD claims, checked against itself and against the size of the file.

    Raises TiffError for what can't be true, what is too large, and what is not supported.
    """
    width, height = ifd.integer(tags.IMAGE_WIDTH, 0), ifd.integer(tags.IMAGE_LENGTH, 0)
    samples = ifd.integer(tags.SAMPLES_PER_PIXEL, 1)
    depths = ifd.integers(tags.BITS_PER_SAMPLE) or [1]
    if width < 1 or height < 1 or samples < 1:
        raise TiffError(f"is damaged: the raw image is {width} x {height} with {samples} samples per pixel")
    if width * height * samples > MAX_SAMPLES:
        raise TiffError(f"claims {width} x {height} pixels; the limit is {MAX_SAMPLES // 10**6} million samples")
    compression = ifd.integer(tags.COMPRESSION, 1)
    if ifd.integer(tags.SAMPLE_FORMAT, 1) != 1:
        raise TiffError("floating-point or signed raw samples are not supported yet")
    if len(set(depths[:samples])) != 1 or not 8 <= depths[0] <= 16:
        raise TiffError(f"{depths[0]} bits per sample are not supported")
    if samples > 1 and ifd.integer(tags.PLANAR_CONFIGURATION, 1) != 1:
        raise TiffError("samples in separate planes are not supported")
    if ifd.integer(tags.FILL_ORDER, 1) != 1:
        raise TiffError("reversed bit order is not supported")
    for tag in (tags.SUB_TILE_BLOCK_SIZE, tags.ROW_INTERLEAVE_FACTOR, tags.COLUMN_INTERLEAVE_FACTOR):
        # GoPro writes 0 for 1.
        if max(ifd.integers(tag) or [1]) > 1:
            raise TiffError("samples in interleaved or blocked order are not supported yet")

    tiled = tags.TILE_WIDTH in ifd
    if tiled:
        tile_width, tile_height = ifd.integer(tags.TILE_WIDTH, 0), ifd.integer(tags.TILE_LENGTH, 0)
        offset_tag, count_tag = tags.TILE_OFFSETS, tags.TILE_BYTE_COUNTS
    else:
        tile_width, tile_height = width, min(ifd.integer(tags.ROWS_PER_STRIP, height), height)
        offset_tag, count_tag = tags.STRIP_OFFSETS, tags.STRIP_BYTE_COUNTS
    if tile_width < 1 or tile_height < 1 or tile_width * tile_height * samples > MAX_SAMPLES:
        raise TiffError(f"is damaged: tiles are {tile_width} x {tile_height}")
    segments = -(-width // tile_width) * -(-height // tile_height)
    for tag in (offset_tag, count_tag):
        if (entry := ifd.entries.get(tag)) is not None and not segments <= entry.count <= segments + 4096:
            raise TiffError(f"is damaged: {segments} strips or tiles, {entry.count} places for them")
    offsets = ifd.integers(offset_tag)
    if offsets is None:
        raise TiffError("is damaged: does not say where the raw samples are")
    layout = Layout(
        width=width,
        height=height,
        samples=samples,
        bits=depths[0],
        compression=compression,
        predictor=ifd.integer(tags.PREDICTOR, 1),
        tiled=tiled,
        tile_width=tile_width,
        tile_height=tile_height,
        offsets=offsets[:segments],
        counts=(ifd.integers(count_tag) or [])[:segments],
    )
    return _checked(layout, ifd.tiff.source)


def _checked(layout: Layout, source: Source) -> Layout:
    """The layout with true byte counts, once the file is known to hold as many bytes as the samples need at least."""
    if layout.compression == NONE:
        # Writers get these counts wrong; they follow from the size.
        counts = [layout.rows(i) * layout.row_bytes() for i in range(len(layout.offsets))]
    elif layout.compression in _LEAST_BYTES:
        counts = layout.counts
        if not counts and len(layout.offsets) == 1:
            counts = [source.size - layout.offsets[0]]
        if len(counts) != len(layout.offsets):
            raise TiffError("is damaged: does not say how long the strips or tiles are")
        row = layout.tile_width * layout.samples * (1 if layout.compression == LOSSLESS_JPEG else layout.bits / 8)
        for i, count in enumerate(counts):
            if layout.rows(i) * row * _LEAST_BYTES[layout.compression] > count:
                raise TiffError(f"is damaged: {count} bytes can't hold a {layout.tile_width} x {layout.rows(i)} tile")
    else:
        known = COMPRESSION_NAMES.get(layout.compression)
        raise TiffError(f"compression {layout.compression}{f' ({known})' if known else ''} is not supported yet")
    needed = layout.width * layout.height * layout.samples * 2
    if layout.compression in (DEFLATE, OLD_DEFLATE) and needed > max(_SMALL, _LIKELY_RATIO * sum(counts)):
        raise TiffError(f"is damaged: {sum(counts)} bytes can't hold {layout.width} x {layout.height} pixels")
    if sum(counts) > source.size:
        raise TiffError(f"is damaged or cut short: the raw samples need {sum(counts)} bytes, has {source.size}")
    for offset, count in zip(layout.offsets, counts, strict=True):
        source.check(offset, count)
    return Layout(**{**layout.__dict__, "counts": counts})


def decode(ifd: Ifd, layout: Layout) -> NDArray[np.uint16]:
    """The samples of an image, (H, W) uint16, or (H, W, samples) where a pixel has several.

    Raises TiffError for damaged samples. The result does not depend on the number of threads.
    """
    out = np.empty((layout.height, layout.width * layout.samples), np.uint16)
    indices = range(len(layout.offsets))
    if layout.compression == NONE and layout.bits == 16 and not layout.tiled:
        _read_plain(ifd, layout, out)
    elif len(indices) == 1 or kernels.threads() == 1:
        _decode_all(ifd, layout, indices, out)
    else:
        count = min(kernels.threads(), len(indices))
        with ThreadPoolExecutor(count) as pool:
            parts = [pool.submit(_decode_all, ifd, layout, indices[i::count], out) for i in range(count)]
            for part in parts:
                part.result()
    if layout.samples == 1:
        return out
    return out.reshape(layout.height, layout.width, layout.samples)


def _read_plain(ifd: Ifd, layout: Layout, out: NDArray[np.uint16]) -> None:
    for i, offset in enumerate(layout.offsets):
        top = i * layout.tile_height
        ifd.tiff.source.read_into(offset, out[top : top + layout.rows(i)])
    if (ifd.tiff.order == "<") != (sys.byteorder == "little"):
        out.byteswap(inplace=True)


def _decode_all(ifd: Ifd, layout: Layout, indices: Iterable[int], out: NDArray[np.uint16]) -> None:
    """Decode some segments, each into its own part of `out`, which has the samples of a pixel side by side."""
    for i in indices:
        rows, columns = layout.rows(i), layout.tile_width * layout.samples
        top = i // layout.across * layout.tile_height
        left = i % layout.across * columns
        place = out[top : top + rows, left : left + columns]
        data = ifd.tiff.source.read(layout.offsets[i], layout.counts[i])
        if layout.compression == LOSSLESS_JPEG:
            tile = decode_lossless_jpeg(data, rows, columns, place)
        elif layout.compression == NONE:
            tile = _unpack(data, rows, columns, layout.bits, ifd.tiff.order)
        else:
            tile = _inflate(data, rows, columns, layout, ifd.tiff.order)
        if tile is not place:
            place[...] = tile[: place.shape[0], : place.shape[1]]


def _unpack(data: bytes | bytearray, rows: int, columns: int, bits: int, order: str) -> NDArray[np.uint16]:
    """Samples of 8 to 16 bits; those of other than 8 and 16 bits are packed from the highest bit on (DNG 1.7.1)."""
    if bits in (8, 16):
        return np.frombuffer(data, f"{order}u{bits // 8}").reshape(rows, columns).astype(np.uint16)
    import imagecodecs

    samples: NDArray[np.uint16] = imagecodecs.packints_decode(data, np.dtype(np.uint16), bits, runlen=columns)
    return samples.reshape(rows, columns)


def _inflate(data: bytes | bytearray, rows: int, columns: int, layout: Layout, order: str) -> NDArray[np.uint16]:
    if layout.bits not in (8, 16) or layout.predictor not in (1, 2):
        raise TiffError(f"deflate of {layout.bits} bits with predictor {layout.predictor} is not supported yet")
    needed = rows * columns * layout.bits // 8
    try:
        plain = zlib.decompressobj().decompress(data, needed)
    except zlib.error as error:
        raise TiffError(f"is damaged: {error}") from None
    if len(plain) != needed:
        raise TiffError("is damaged: a strip or tile is too short")
    samples = np.frombuffer(plain, f"{order}u{layout.bits // 8}").reshape(rows, -1, layout.samples)
    if layout.predictor == 2:
        # Differences wrap at the depth of the samples.
        samples = np.cumsum(samples, axis=1, dtype=f"u{layout.bits // 8}")
    return samples.reshape(rows, columns).astype(np.uint16)


def decode_lossless_jpeg(
    data: bytes | bytearray, rows: int, columns: int, place: NDArray[np.uint16] | None = None
) -> NDArray[np.uint16]:
    """A lossless JPEG of rows x columns samples.

    The frame inside may have any shape of that many samples: DNG writers store a CFA row as pairs, or two rows as one.
    `place` is decoded into and returned where its memory allows. Raises TiffError if the frame is another, before
    anything is allocated for it.
    """
    import imagecodecs

    frame = lossless_jpeg_frame(data)
    if frame[0] * frame[1] * frame[2] != rows * columns:
        raise TiffError(f"is damaged: a lossless JPEG of {frame[1]} x {frame[0]} x {frame[2]} for {columns} x {rows}")
    shape = frame[:3] if frame[2] > 1 else frame[:2]
    direct = place is not None and place.shape == (rows, columns) and place.flags.c_contiguous and frame[3] > 8
    colors = "RGB" if frame[2] == 3 else None
    try:
        samples: NDArray[np.uint16] = imagecodecs.jpeg8_decode(
            data,
            colorspace=colors,
            outcolorspace=colors,
            out=place.reshape(shape) if place is not None and direct else None,
        )
    except (imagecodecs.Jpeg8Error, ValueError) as error:
        raise TiffError(f"is damaged: lossless JPEG: {error}") from None
    if samples.size != rows * columns:
        raise TiffError("is damaged: a lossless JPEG is not what its header says")
    return place if place is not None and direct else samples.reshape(rows, columns)


def lossless_jpeg_frame(data: bytes | bytearray) -> tuple[int, int, int, int]:
    """Height, width, components and precision from the frame header (SOF3) of a lossless JPEG (T.81 B.2.2)."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xC3:
            body = data[at + 4 : at + 2 + length]
            if len(body) < 6 or len(body) != 6 + 3 * body[5] or not 1 <= body[5] <= 4 or not 2 <= body[0] <= 16:
                break
            if body[5] > 1 and any(factor != 0x11 for factor in body[7::3]):
                raise TiffError("a lossless JPEG with subsampled components is not supported")
            height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            return height, width, body[5], body[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            raise TiffError("lossy JPEG is not supported yet")
        if length < 2 or marker == 0xDA:
            break
        at += 2 + length
    raise TiffError("is damaged: a strip or tile is not a lossless JPEG")
