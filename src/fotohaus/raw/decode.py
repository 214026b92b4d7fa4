"""The samples of a TIFF image, whatever its layout and compression, as uint16 or float32."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.raw import tags
from fotohaus.raw.image import Samples
from fotohaus.raw.layout import JPEG, JPEG_XL, LOSSY_JPEG, NONE, VC5, Layout
from fotohaus.raw.tiff import Ifd, TiffError

if TYPE_CHECKING:
    from fotohaus.raw.codecs import Bytes, Shape


def decode(ifd: Ifd, layout: Layout) -> Samples:
    """The samples of an image, (H, W), or (H, W, samples) where a pixel has several.

    uint16 for integers of up to 16 bits; float32 for wider integers, in DN, and for floating-point numbers, where NaN
    becomes 0 and infinity the largest finite number. Raises TiffError for damaged samples. The result does not depend
    on the number of threads.
    """
    wide = layout.floating or layout.bits > 16
    out: NDArray[Any] = np.empty((layout.height, layout.width, layout.samples), np.float32 if wide else np.uint16)
    indices = range(len(layout.offsets))
    plain = layout.compression == NONE and layout.bits == 16 and not wide and not layout.tiled
    if plain and not layout.separate and layout.block == (1, 1):
        _read_plain(ifd, layout, out)
    elif len(indices) == 1 or kernels.threads() == 1:
        _decode_all(ifd, layout, indices, out)
    else:
        from fotohaus.strips import in_threads

        count = min(kernels.threads(), len(indices))
        parts = [indices[i::count] for i in range(count)]
        for _ in in_threads(lambda part: _decode_all(ifd, layout, part, out), parts):
            pass
    if layout.floating:
        np.nan_to_num(out, copy=False, nan=0.0)
    for axis, factor in enumerate(layout.fields):
        if factor > 1:
            out = _weave(out, factor, axis)
    return out[..., 0] if layout.samples == 1 else out


def _weave(stored: NDArray[Any], factor: int, axis: int) -> NDArray[Any]:
    """Rows (or columns) out of the fields that hold every factor-th of them, one field after the other."""
    out, begin = np.empty_like(stored), 0
    stored_along, out_along = stored.swapaxes(0, axis), out.swapaxes(0, axis)
    for field in range(factor):
        part = out_along[field::factor]
        part[...] = stored_along[begin : begin + part.shape[0]]
        begin += part.shape[0]
    return out


def _read_plain(ifd: Ifd, layout: Layout, out: NDArray[Any]) -> None:
    for i, offset in enumerate(layout.offsets):
        top = i * layout.tile_height
        ifd.tiff.source.read_into(offset, out[top : top + layout.rows(i)])
    if (ifd.tiff.order == "<") != (sys.byteorder == "little"):
        out.byteswap(inplace=True)


def _decode_all(ifd: Ifd, layout: Layout, indices: Iterable[int], out: NDArray[Any]) -> None:
    """Decode some segments, each into its own part of `out`."""
    # Not at the top: samples that are stored as they are need none of it.
    from fotohaus.raw import codecs

    threads = kernels.threads() if len(layout.offsets) == 1 else 1
    for i in indices:
        top, left, plane = layout.place(i)
        shape = (layout.rows(i), layout.tile_width, layout.together)
        place = out[top : top + shape[0], left : left + shape[1], plane : plane + shape[2]]
        data = ifd.tiff.source.read(layout.offsets[i], layout.counts[i])
        if layout.compression == JPEG and tags.JPEG_TABLES in ifd:
            data = codecs.with_tables(data, bytes(ifd.raw(tags.JPEG_TABLES)))
        tile: NDArray[Any]
        if layout.compression == JPEG and codecs.is_baseline(data, layout):
            tile = codecs.decode_baseline_jpeg(data, shape, photometric=layout.photometric)
        elif layout.compression == JPEG:
            direct = place.shape == shape and place.flags.c_contiguous and layout.block == (1, 1)
            tile = codecs.decode_lossless_jpeg(data, shape, place if direct else None)
            if direct and np.shares_memory(tile, place):
                continue
        elif layout.compression == LOSSY_JPEG:
            tile = codecs.decode_baseline_jpeg(data, shape, exact=True)
        elif layout.compression == JPEG_XL:
            tile = codecs.decode_jpeg_xl(data, shape, layout, threads)
        elif layout.compression == VC5:
            tile = _decode_vc5(data, shape, ifd, place)
            if np.shares_memory(tile, place):
                continue
        elif layout.compression == NONE:
            tile = codecs.unpack(data, shape, layout, ifd.tiff.order)
        else:
            tile = codecs.inflate(data, shape, layout, ifd.tiff.order)
        if layout.block != (1, 1):
            tile = _unblock(tile, layout.block)
        place[...] = tile[: place.shape[0], : place.shape[1]]


def _decode_vc5(data: Bytes, shape: Shape, ifd: Ifd, place: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """A mosaic of VC-5, made in its place if that is whole; where red is and how many bits there are, the DNG says."""
    from fotohaus.raw import vc5
    from fotohaus.raw.cfa import read_filters
    from fotohaus.raw.levels import white_level

    pattern = read_filters(ifd, 1).pattern
    if pattern not in ("RGGB", "GBRG"):
        raise TiffError(f"VC-5 of the colour filter array {pattern} is not supported")
    bits = max(int(white_level(ifd, 1, 16, None)[0]).bit_length(), 1)
    mosaic = place[..., 0] if place.shape == shape else np.empty(shape[:2], np.uint16)
    vc5.decode(data, divmod(pattern.index("R"), 2), bits, mosaic)
    return mosaic[..., None]


def _unblock(tile: NDArray[Any], block: tuple[int, int]) -> NDArray[Any]:
    """Rows out of the blocks that a tile stores one after the other (DNG 1.7.1, SubTileBlockSize)."""
    (rows, columns, samples), (high, wide) = tile.shape, block
    if rows % high:
        return tile  # The last strip, too low for its blocks: nothing says how it is stored.
    blocks = tile.reshape(rows // high, columns // wide, high, wide, samples)
    return blocks.swapaxes(1, 2).reshape(rows, columns, samples)
