"""RawImage to DNG: the mosaic (or linear raw) and every fact that a raw developer needs, losslessly compressed.

Adobe Digital Negative specification 1.7.1; the files declare version 1.4, which every developer reads.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.errors import WriteError
from fotohaus.raw import tags
from fotohaus.raw.dng_profile import set_profile
from fotohaus.raw.exif import add_capture, software
from fotohaus.raw.image import PLANES, ColorCalibration, NoiseProfile, Opcode, RawImage
from fotohaus.raw.opcode_types import OPTIONAL
from fotohaus.raw.opcodes import encode_opcodes
from fotohaus.raw.tiff_write import Directory, Type, encode

_TILE = 512


def encode_dng(raw: RawImage, *, xmp: bytes | None = None, preview: NDArray[np.uint8] | None = None) -> bytes:
    """A DNG 1.4 file: a mosaic DNG, or a linear one if the raw image has no CFA.

    Integer samples are compressed by lossless JPEG (ITU-T T.81, process 14, predictor 1), as 16 bits; floats are scaled
    to 0 at black and 1 at white and compressed by deflate (floating-point predictor). Levels, crop, orientation,
    colour, profile, noise and opcodes are the raw image's own. Serial number, owner and position are left out.

    xmp : an XMP packet to embed.
    preview : (h, w, 3) uint8 sRGB, turned like the mosaic as stored. It becomes the file's first image, and the raw its
        second.

    Raises WriteError if the raw image has no pixels or holds numbers that DNG can't (a NaN in a matrix, say), and if
    the file would be larger than 4 GiB.
    """
    try:
        return b"".join(_encode(raw, xmp, preview))
    except ValueError as error:
        raise WriteError(None, f"not expressible as DNG: {error}") from None


def _encode(raw: RawImage, xmp: bytes | None, preview: NDArray[np.uint8] | None) -> list[bytes]:
    root = Directory()
    image = root
    if preview is not None:
        _preview(root, preview)
        image = root.below(tags.SUB_IFDS, Directory())
    root.set(tags.ORIENTATION, Type.SHORT, raw.orientation)
    _identity(root, raw)
    if not raw.monochrome:
        _color(root, raw.color)
    elif raw.color.baseline_exposure:
        root.set(tags.BASELINE_EXPOSURE, Type.SRATIONAL, raw.color.baseline_exposure)
    if raw.profile is not None:
        set_profile(root, raw.profile)
    add_capture(root, raw.capture)
    _noise(root, raw.noise)
    if xmp is not None:
        root.set(tags.XMP, Type.BYTE, xmp)
    _image(image, raw)
    return encode(root)


def _identity(root: Directory, raw: RawImage) -> None:
    root.set(tags.DNG_VERSION, Type.BYTE, bytes([1, 4, 0, 0]))
    # A reader must be as new as the newest opcode that it may not skip.
    oldest = 0x01040000 if raw.mosaic.dtype == np.float32 else 0x01010000
    needed = max([oldest, *(o.dng_version for o in _opcodes(raw) if not o.flags & OPTIONAL)])
    root.set(tags.DNG_BACKWARD_VERSION, Type.BYTE, struct.pack(">I", needed))
    capture = raw.capture
    make, model = capture.make or "", capture.model or ""
    known = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    root.text(tags.UNIQUE_CAMERA_MODEL, capture.unique_model)
    if tags.UNIQUE_CAMERA_MODEL not in root:
        root.text(tags.UNIQUE_CAMERA_MODEL, known)
    if tags.UNIQUE_CAMERA_MODEL not in root:
        root.text(tags.UNIQUE_CAMERA_MODEL, "Unknown camera")
    if len(capture.sources) == 1:
        root.text(tags.ORIGINAL_RAW_FILE_NAME, os.path.basename(capture.sources[0]))


def _noise(root: Directory, noise: NoiseProfile | None) -> None:
    """NoiseProfile, unless it is none that the specification allows: scales above 0, offsets from 0 on."""
    if noise is None or not np.isfinite([*noise.scale, *noise.offset]).all() or min(noise.scale) <= 0:
        return
    pairs = zip(noise.scale, noise.offset, strict=True)
    root.set(tags.NOISE_PROFILE, Type.DOUBLE, [v for scale, offset in pairs for v in (scale, max(0.0, offset))])


def _color(root: Directory, color: ColorCalibration) -> None:
    def matrix(tag: int, values: NDArray[np.float64] | None) -> None:
        if values is not None:
            root.set(tag, Type.SRATIONAL, np.asarray(values, float).ravel().tolist())

    matrix(tags.COLOR_MATRIX_1, color.color_matrix_1)
    root.set(tags.CALIBRATION_ILLUMINANT_1, Type.SHORT, color.illuminant_1)
    if color.color_matrix_2 is not None and color.illuminant_2 is not None:
        matrix(tags.COLOR_MATRIX_2, color.color_matrix_2)
        root.set(tags.CALIBRATION_ILLUMINANT_2, Type.SHORT, color.illuminant_2)
        matrix(tags.CAMERA_CALIBRATION_2, color.calibration_2 if np.any(color.calibration_2 != np.eye(3)) else None)
        matrix(tags.FORWARD_MATRIX_2, color.forward_matrix_2)
        if color.color_matrix_3 is not None and color.illuminant_3 is not None:
            matrix(tags.COLOR_MATRIX_3, color.color_matrix_3)
            root.set(tags.CALIBRATION_ILLUMINANT_3, Type.SHORT, color.illuminant_3)
            matrix(tags.CAMERA_CALIBRATION_3, color.calibration_3 if np.any(color.calibration_3 != np.eye(3)) else None)
            matrix(tags.FORWARD_MATRIX_3, color.forward_matrix_3)
    data = (tags.ILLUMINANT_DATA_1, tags.ILLUMINANT_DATA_2, tags.ILLUMINANT_DATA_3)
    for tag, white in zip(data, color.illuminant_whites, strict=True):
        if white is not None:
            xy = (round(white[0] * 10**9), 10**9, round(white[1] * 10**9), 10**9)
            root.set(tag, Type.UNDEFINED, struct.pack("<H4I", 0, *xy))
    matrix(tags.CAMERA_CALIBRATION_1, color.calibration_1 if np.any(color.calibration_1 != np.eye(3)) else None)
    matrix(tags.FORWARD_MATRIX_1, color.forward_matrix_1)
    root.set(tags.ANALOG_BALANCE, Type.RATIONAL, color.analog_balance)
    if color.as_shot_neutral is not None:
        root.set(tags.AS_SHOT_NEUTRAL, Type.RATIONAL, color.as_shot_neutral)
    elif color.as_shot_white_xy is not None:
        root.set(tags.AS_SHOT_WHITE_XY, Type.RATIONAL, color.as_shot_white_xy)
    root.set(tags.BASELINE_EXPOSURE, Type.SRATIONAL, color.baseline_exposure)


def _image(image: Directory, raw: RawImage) -> None:
    height, width = raw.mosaic.shape[:2]
    expected = (height, width) if raw.cfa else (height, width, 3)
    if raw.mosaic.dtype not in (np.uint16, np.float32) or raw.mosaic.shape != expected or 0 in expected:
        raise ValueError(f"samples are {raw.mosaic.dtype} {raw.mosaic.shape}, not uint16 or float32 {expected}")
    floating = raw.mosaic.dtype == np.float32
    pixels = raw.mosaic[..., 0] if raw.monochrome else raw.mosaic
    samples = 1 if pixels.ndim == 2 else 3
    image.set(tags.NEW_SUBFILE_TYPE, Type.LONG, 0)
    image.set(tags.IMAGE_WIDTH, Type.LONG, width)
    image.set(tags.IMAGE_LENGTH, Type.LONG, height)
    image.set(tags.BITS_PER_SAMPLE, Type.SHORT, [32 if floating else 16] * samples)
    image.set(tags.COMPRESSION, Type.SHORT, 8 if floating else 7)
    if floating:
        image.set(tags.SAMPLE_FORMAT, Type.SHORT, [3] * samples)
        image.set(tags.PREDICTOR, Type.SHORT, 34894 if raw.cfa else 3)
    image.set(tags.PHOTOMETRIC, Type.SHORT, tags.PHOTOMETRIC_CFA if raw.cfa else tags.PHOTOMETRIC_LINEAR_RAW)
    image.set(tags.SAMPLES_PER_PIXEL, Type.SHORT, samples)
    image.set(tags.PLANAR_CONFIGURATION, Type.SHORT, 1)
    if raw.cfa:
        image.set(tags.CFA_REPEAT_PATTERN_DIM, Type.SHORT, (2, 2))
        image.set(tags.CFA_PATTERN, Type.BYTE, bytes(PLANES.index(letter) for letter in raw.cfa))
        image.set(tags.CFA_PLANE_COLOR, Type.BYTE, bytes([0, 1, 2]))
        image.set(tags.CFA_LAYOUT, Type.SHORT, 1)
    _levels(image, raw, floating, samples)
    image.set(tags.DEFAULT_SCALE, Type.RATIONAL, (Fraction(1), Fraction(1)))
    image.set(tags.DEFAULT_CROP_ORIGIN, Type.LONG, (raw.crop.left, raw.crop.top))
    image.set(tags.DEFAULT_CROP_SIZE, Type.LONG, (raw.crop.width, raw.crop.height))
    image.set(tags.BEST_QUALITY_SCALE, Type.RATIONAL, Fraction(1))
    image.set(tags.ACTIVE_AREA, Type.LONG, (0, 0, height, width))
    lists = (
        (tags.OPCODE_LIST_1, raw.opcodes_1),
        (tags.OPCODE_LIST_2, raw.opcodes_2),
        (tags.OPCODE_LIST_3, raw.opcodes_3),
    )
    for tag, opcodes in lists:
        if opcodes:
            image.set(tag, Type.UNDEFINED, encode_opcodes(opcodes))
    # LibRaw does not skip the padding of a tile that is wider than the image, so there are always two in a row.
    tile_height, tile_width = _tile_side(height), _tile_side(width, least=2)
    image.set(tags.TILE_WIDTH, Type.LONG, tile_width)
    image.set(tags.TILE_LENGTH, Type.LONG, tile_height)
    if floating:
        image.tiles(_float_tiles(raw, tile_height, tile_width))
    else:
        image.tiles(_tiles(pixels, tile_height, tile_width, pairs=raw.cfa is not None))


def _levels(image: Directory, raw: RawImage, floating: bool, samples: int) -> None:
    black, white = np.asarray(raw.black, float), np.asarray(raw.white, float)
    shape = (2, 2) if raw.cfa else (1, 3)
    if black.shape != shape or white.shape != shape or not (np.isfinite(white).all() and (white > black).all()):
        raise ValueError(f"black and white levels must be finite, {shape}, and white above black")
    if floating:
        image.set(tags.WHITE_LEVEL, Type.LONG, [1] * samples)
        return
    if raw.monochrome:
        black, white = black[:, :1], white[:, :1]
    image.set(tags.BLACK_LEVEL_REPEAT_DIM, Type.SHORT, shape if raw.cfa else (1, 1))
    image.set(tags.BLACK_LEVEL, Type.RATIONAL, np.maximum(black, 0).ravel().tolist())
    # WhiteLevel is one whole number for a plane; samples are scaled by it less the plane's highest black level.
    range_and_black = (white - black).min() + black.max() if raw.cfa else white.ravel()
    whites = np.clip(np.round(np.atleast_1d(range_and_black)), 1, 65535)
    image.set(tags.WHITE_LEVEL, Type.LONG, [int(w) for w in whites])


def _tile_side(length: int, least: int = 1) -> int:
    """A side near 512 that wastes little padding, of at least so many tiles; TIFF asks for multiples of 16."""
    count = max(least, -(-length // _TILE))
    return -(-length // (16 * count)) * 16


def _tiles(mosaic: NDArray[np.uint16], height: int, width: int, pairs: bool) -> list[bytes]:
    import imagecodecs

    def compress(corner: tuple[int, int]) -> bytes:
        top, left = corner
        tile = mosaic[top : top + height, left : left + width]
        if tile.shape[:2] != (height, width):
            # Whole CFA periods are repeated, so that the padding compresses like the image.
            padding = [(0, height - tile.shape[0]), (0, width - tile.shape[1]), (0, 0)][: tile.ndim]
            tile = np.pad(tile, padding, mode="reflect" if min(tile.shape[:2]) > 1 else "edge")
        if pairs:
            # Neighbours of one colour become neighbouring samples: two components side by side.
            tile = tile.reshape(height, width // 2, 2)
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(tile), lossless=True, predictor=1, bitspersample=16))

    rows, columns = mosaic.shape[:2]
    corners = [(top, left) for top in range(0, rows, height) for left in range(0, columns, width)]
    with ThreadPoolExecutor(kernels.threads()) as pool:
        return list(pool.map(compress, corners))


def _float_tiles(raw: RawImage, height: int, width: int) -> list[bytes]:
    """Black 0, white 1; bytes by their weight, the difference to those of the pixel before (TIFF Technical Note 3)."""
    black, white = np.asarray(raw.black, np.float32), np.asarray(raw.white, np.float32)
    distance = 2 if raw.cfa else 1
    planes = 1 if raw.cfa or raw.monochrome else 3

    def compress(corner: tuple[int, int]) -> bytes:
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

    rows, columns = raw.mosaic.shape[:2]
    corners = [(top, left) for top in range(0, rows, height) for left in range(0, columns, width)]
    with ThreadPoolExecutor(kernels.threads()) as pool:
        return list(pool.map(compress, corners))


def _preview(root: Directory, preview: NDArray[np.uint8]) -> None:
    from imagecodecs import jpeg8_encode

    if preview.dtype != np.uint8 or preview.ndim != 3 or preview.shape[2] != 3 or 0 in preview.shape:
        raise ValueError(f"the preview is {preview.dtype} {preview.shape}, not uint8 (h, w, 3)")
    height, width = preview.shape[:2]
    root.set(tags.NEW_SUBFILE_TYPE, Type.LONG, 1)
    root.set(tags.IMAGE_WIDTH, Type.LONG, width)
    root.set(tags.IMAGE_LENGTH, Type.LONG, height)
    root.set(tags.BITS_PER_SAMPLE, Type.SHORT, [8, 8, 8])
    root.set(tags.COMPRESSION, Type.SHORT, 7)
    root.set(tags.PHOTOMETRIC, Type.SHORT, 6)
    root.set(tags.SAMPLES_PER_PIXEL, Type.SHORT, 3)
    root.set(tags.ROWS_PER_STRIP, Type.LONG, height)
    root.set(tags.PLANAR_CONFIGURATION, Type.SHORT, 1)
    root.set(tags.YCBCR_SUBSAMPLING, Type.SHORT, (2, 2))
    root.set(tags.YCBCR_POSITIONING, Type.SHORT, 1)
    root.set(tags.REFERENCE_BLACK_WHITE, Type.RATIONAL, [Fraction(n) for n in (0, 255, 128, 255, 128, 255)])
    name, _, number = software().partition(" ")
    root.text(tags.PREVIEW_APPLICATION_NAME, name)
    root.text(tags.PREVIEW_APPLICATION_VERSION, number)
    root.set(tags.PREVIEW_COLOR_SPACE, Type.LONG, 2)  # sRGB
    root.strips([bytes(jpeg8_encode(np.ascontiguousarray(preview), level=85, subsampling="420"))])


def _opcodes(raw: RawImage) -> Iterator[Opcode]:
    yield from (*raw.opcodes_1, *raw.opcodes_2, *raw.opcodes_3)
