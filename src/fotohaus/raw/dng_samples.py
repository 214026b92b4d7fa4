"""A raw image's samples as a DNG stores them: lossless JPEG, JPEG XL or plain, and deflate for floats.

DNG 1.7.1, Compression, Predictor and ColumnInterleaveFactor; ITU-T T.81, process 14; ISO/IEC 18181-1.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.image import RawImage
from fotohaus.raw.layout import DEFLATE, JPEG, JPEG_XL, NONE
from fotohaus.raw.tiff_write import Directory, Type
from fotohaus.strips import in_threads

Compression = Literal["lossless", "jxl", "none"]

MAX_DISTANCE = 3.0
"""The largest distance of JPEG XL that is taken; what goes beyond is no raw image any more."""

_TILE = 512
_JXL_TILE = 1024
_JXL_EFFORT = 3
_JXL_DECODE_SPEED = 1
_DIGEST_TILE = 256

Corner = tuple[int, int]


def set_samples(image: Directory, raw: RawImage, compression: Compression, distance: float) -> bytes | None:
    """Put the samples into the raw image's directory, with the tags that say how they lie there.

    distance : of JPEG XL, 0 for no loss. Floats are deflated whatever the compression.

    Returns their digest (NewRawImageDigest), by the rules of Adobe's SDK 1.7.1, to which the specification leaves them:
    the MD5 of the MD5s of tiles, those of 256 x 256 samples, planes one after the other; or, of JPEG XL, the compressed
    ones. None for floats.
    """
    floating = raw.mosaic.dtype == np.float32
    pixels = stored_pixels(raw)
    if floating:
        image.set(tags.COMPRESSION, Type.SHORT, DEFLATE)
        image.set(tags.SAMPLE_FORMAT, Type.SHORT, [3] * (pixels.shape[2] if pixels.ndim == 3 else 1))
        image.set(tags.PREDICTOR, Type.SHORT, 34894 if raw.cfa else 3)
        _float_tiles(image, raw)
        return None
    if compression == "none":
        image.set(tags.COMPRESSION, Type.SHORT, NONE)
        image.set(tags.ROWS_PER_STRIP, Type.LONG, pixels.shape[0])
        image.strips([pixels.astype("<u2", order="C", copy=False).tobytes()])
    elif compression == "jxl":
        return _md5(b"".join(map(_md5, _jpeg_xl_tiles(image, pixels, distance))))
    else:
        image.set(tags.COMPRESSION, Type.SHORT, JPEG)
        _lossless_tiles(image, pixels)
    return _digest(pixels)


def stored_pixels(raw: RawImage) -> NDArray[Any]:
    """The samples that go into the file: one of the three planes that a monochrome image shows."""
    return raw.mosaic[..., 0] if raw.monochrome else raw.mosaic


def _md5(data: bytes) -> bytes:
    # Not at the top: it is long to import, and reading a raw needs none of it.
    import hashlib

    return hashlib.md5(data, usedforsecurity=False).digest()


def _digest(pixels: NDArray[np.uint16]) -> bytes:
    def one(corner: Corner) -> bytes:
        top, left = corner
        tile = pixels[top : top + _DIGEST_TILE, left : left + _DIGEST_TILE]
        planes = tile if tile.ndim == 2 else tile.transpose(2, 0, 1)
        return _md5(planes.astype("<u2", order="C", copy=False).tobytes())

    return _md5(b"".join(_each(one, pixels, _DIGEST_TILE, _DIGEST_TILE)))


def tile_side(length: int, largest: int = _TILE) -> int:
    """The side of tiles along a length: near `largest` with little padding, a multiple of 16 (TIFF 6.0, section 15).

    LibRaw (0.20 to 0.22) does not skip the padding of a tile that is wider than the image; and it takes two tiles that
    fill a row exactly for tiles of the whole width, since each holds half as many pairs as the image has columns. So
    there is one tile of exactly the length, or several that are neither.
    """
    count = -(-length // largest)
    while True:
        side = -(-length // (16 * count)) * 16
        if (side <= length and 2 * side != length) or side == 16:
            return side
        count += 1


def _each(work: Callable[[Corner], bytes], pixels: NDArray[Any], height: int, width: int) -> list[bytes]:
    """What `work` makes of each tile's corner, row by row; as many at once as threads are allowed."""
    rows, columns = pixels.shape[:2]
    corners = [(top, left) for top in range(0, rows, height) for left in range(0, columns, width)]
    return list(in_threads(work, corners))


def _tiled(image: Directory, pixels: NDArray[Any], largest: int = _TILE) -> tuple[int, int]:
    height, width = tile_side(pixels.shape[0], largest), tile_side(pixels.shape[1], largest)
    image.set(tags.TILE_WIDTH, Type.LONG, width)
    image.set(tags.TILE_LENGTH, Type.LONG, height)
    return height, width


def _whole(pixels: NDArray[Any], corner: Corner, height: int, width: int) -> NDArray[Any]:
    """A tile of full size; beyond the image whole CFA periods are repeated, so that they compress like it."""
    top, left = corner
    tile = pixels[top : top + height, left : left + width]
    if tile.shape[:2] != (height, width):
        padding = [(0, height - tile.shape[0]), (0, width - tile.shape[1]), (0, 0)][: tile.ndim]
        tile = np.pad(tile, padding, mode="reflect" if min(tile.shape[:2]) > 1 else "edge")
    return tile


def _lossless_tiles(image: Directory, pixels: NDArray[np.uint16]) -> None:
    import imagecodecs

    height, width = _tiled(image, pixels)

    def compress(corner: Corner) -> bytes:
        tile = _whole(pixels, corner, height, width)
        if tile.ndim == 2:
            # Neighbours of one colour become neighbouring samples: two components side by side.
            tile = tile.reshape(height, width // 2, 2)
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(tile), lossless=True, predictor=1, bitspersample=16))

    image.tiles(_each(compress, pixels, height, width))


def _jpeg_xl_tiles(image: Directory, pixels: NDArray[np.uint16], distance: float) -> list[bytes]:
    """A mosaic as the four pictures of its positions, which JPEG XL takes for smooth ones; returns the tiles."""
    import imagecodecs

    if pixels.ndim == 2:
        pixels = np.concatenate([np.concatenate([pixels[i::2, j::2] for j in (0, 1)], 1) for i in (0, 1)])
        image.set(tags.ROW_INTERLEAVE_FACTOR, Type.LONG, 2)
        image.set(tags.COLUMN_INTERLEAVE_FACTOR, Type.LONG, 2)
    image.set(tags.COMPRESSION, Type.SHORT, JPEG_XL)
    image.set(tags.JXL_DISTANCE, Type.FLOAT, distance)
    image.set(tags.JXL_EFFORT, Type.LONG, _JXL_EFFORT)
    image.set(tags.JXL_DECODE_SPEED, Type.LONG, _JXL_DECODE_SPEED)
    height, width = _tiled(image, pixels, _JXL_TILE)

    def compress(corner: Corner) -> bytes:
        tile = np.ascontiguousarray(_whole(pixels, corner, height, width))
        loss: dict[str, Any] = {"distance": distance} if distance else {"lossless": True}
        loss |= {"effort": _JXL_EFFORT, "decodingspeed": _JXL_DECODE_SPEED}
        return bytes(imagecodecs.jpegxl_encode(tile, **loss, bitspersample=16, usecontainer=False, numthreads=1))

    tiles = _each(compress, pixels, height, width)
    image.tiles(tiles)
    return tiles


def _float_tiles(image: Directory, raw: RawImage) -> None:
    """Black 0, white 1; bytes by their weight, the difference to those of the pixel before (TIFF Technical Note 3)."""
    black, white = np.asarray(raw.black, np.float32), np.asarray(raw.white, np.float32)
    distance = 2 if raw.cfa else 1
    planes = 1 if raw.cfa or raw.monochrome else 3
    height, width = _tiled(image, raw.mosaic)

    def compress(corner: Corner) -> bytes:
        top, left = corner
        tile = raw.mosaic[top : top + height, left : left + width]
        if raw.cfa:
            # Tile corners are even, so that every tile begins at the pattern's corner.
            repeats = (-(-tile.shape[0] // 2), -(-tile.shape[1] // 2))
            low, high = (np.tile(level, repeats)[: tile.shape[0], : tile.shape[1]] for level in (black, white))
            light = ((tile - low) / (high - low))[..., None]
        else:
            light = ((tile - black[0]) / (white[0] - black[0]))[..., :planes]
        whole = np.zeros((height, width, planes), ">f4")
        whole[: tile.shape[0], : tile.shape[1]] = light
        stored = whole.view(np.uint8).reshape(height, -1, 4).swapaxes(1, 2).reshape(height, -1)
        step = planes * distance
        differences = stored.copy()
        differences[:, step:] -= stored[:, :-step]
        return zlib.compress(differences.tobytes(), 4)

    image.tiles(_each(compress, raw.mosaic, height, width))
