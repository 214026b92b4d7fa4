"""RawImage to DNG: the mosaic (or linear raw) and every fact that a raw developer needs, losslessly compressed.

Adobe Digital Negative specification 1.7.1; the files declare version 1.4, which every developer reads.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fotohaus.errors import WriteError
from fotohaus.raw import tags, whole_crop
from fotohaus.raw.dng_preview import check_preview, set_preview, set_thumbnail
from fotohaus.raw.dng_profile import set_profile
from fotohaus.raw.dng_samples import MAX_DISTANCE, Compression, set_samples
from fotohaus.raw.exif import add_capture
from fotohaus.raw.image import PLANES, ColorCalibration, NoiseProfile, Opcode, RawImage
from fotohaus.raw.opcode_types import OPTIONAL
from fotohaus.raw.opcodes import encode_opcodes
from fotohaus.raw.rectangle import Rectangle
from fotohaus.raw.tiff_write import Directory, Type, encode

_OTHER = 255  # LightSource: an illuminant that IlluminantData describes

# DNG 1.7.1, compatibility issues 7, 11 and 17 to 19; floats came with 1.4.
_FIRST, _FLOATS, _THIRD, _INTERLEAVED = 0x01010000, 0x01040000, 0x01060000, 0x01070100


def encode_dng(
    raw: RawImage,
    *,
    xmp: bytes | None = None,
    preview: NDArray[np.uint8] | None = None,
    compression: Compression = "lossless",
    distance: float = 0.0,
    software: str | None = None,
    private: bool = False,
) -> bytes:
    """A DNG file: a mosaic DNG, or a linear one if the raw image has no CFA.

    Levels, crop, orientation, colour, profile, noise and opcodes are the raw image's own; a mosaic's crop keeps off the
    edges for other developers (`fotohaus.raw.whole_crop`).

    xmp : an XMP packet to embed.
    preview : (h, w, 3) uint8 sRGB, turned like the mosaic as stored. A thumbnail of it becomes the file's first image,
        the raw its second, the preview its third.
    compression : of integer samples, which are always stored as 16 bits. "lossless" is lossless JPEG (ITU-T T.81,
        process 14, predictor 1) in a DNG 1.4; "jxl" JPEG XL (ISO/IEC 18181-1) in a DNG 1.7.1, which not every developer
        reads; "none" plain numbers. Floats are scaled to 0 at black and 1 at white and deflated (floating-point
        predictor).
    distance : what "jxl" may lose, 0 (nothing) to 3, in JPEG XL's units of visible difference. Samples are scaled to
        the full 16 bits first, so that it means the same for all. Three samples a pixel lose nothing: JPEG XL would
        take colour noise for less visible than it is once the white balance is applied.
    software, private : as in `fotohaus.raw.exif.encode_exif`.

    Raises WriteError if the raw image has no pixels or holds numbers that DNG can't (a NaN in a matrix, say), and if
    the file would be larger than 4 GiB.
    """
    try:
        if not 0 <= distance <= MAX_DISTANCE:
            raise ValueError(f"the distance of JPEG XL is 0 to {MAX_DISTANCE:g}, not {distance:g}")
        return b"".join(_encode(raw, xmp, preview, compression, distance, software, private))
    except ValueError as error:
        raise WriteError(None, f"not expressible as DNG: {error}") from None


def _encode(
    raw: RawImage,
    xmp: bytes | None,
    preview: NDArray[np.uint8] | None,
    compression: Compression,
    distance: float,
    software: str | None,
    private: bool,
) -> list[bytes]:
    if raw.cfa is None and not raw.monochrome:
        distance = 0.0
    if distance and compression == "jxl":
        raw = _full_range(raw)
    root = Directory()
    image = root
    if preview is not None:
        check_preview(preview)
        set_thumbnail(root, preview, software)
        image = root.below(tags.SUB_IFDS, Directory())
        set_preview(root.below(tags.SUB_IFDS, Directory()), preview, software)
    root.set(tags.ORIENTATION, Type.SHORT, raw.orientation)
    _identity(root, raw, interleaved=compression == "jxl" and raw.mosaic.dtype == np.uint16)
    if not raw.monochrome:
        _color(root, raw.color)
    elif raw.color.baseline_exposure:
        root.set(tags.BASELINE_EXPOSURE, Type.SRATIONAL, raw.color.baseline_exposure)
    if raw.profile is not None:
        set_profile(root, raw.profile)
    add_capture(root, raw.capture, software=software, private=private)
    if private:
        root.text(tags.CAMERA_SERIAL_NUMBER, raw.capture.serial)
    _noise(image, raw.noise)
    if raw.denoised:
        image.set(tags.NOISE_REDUCTION_APPLIED, Type.RATIONAL, raw.denoised)
    if xmp is not None:
        root.set(tags.XMP, Type.BYTE, xmp)
    if _image(image, raw) != raw.crop:
        root.set(tags.DNG_PRIVATE_DATA, Type.BYTE, whole_crop.private_data(raw.crop))
    digest = set_samples(image, raw, compression, distance)
    if digest is not None:
        root.set(tags.NEW_RAW_IMAGE_DIGEST, Type.BYTE, digest)
    return encode(root)


def _full_range(raw: RawImage) -> RawImage:
    """The same image with its white level at 65535, as far as a factor for all samples takes it."""
    highest = float(np.max(raw.white))
    if raw.mosaic.dtype != np.uint16 or not 0 < highest < 65535 or not np.isfinite(highest):
        return raw
    scale = 65535 / highest
    table = np.rint(np.minimum(np.arange(65536) * scale, 65535)).astype(np.uint16)
    black, white = (np.asarray(level * scale, np.float32) for level in (raw.black, raw.white))
    return replace(raw, mosaic=table[raw.mosaic], black=black, white=white)


def _identity(root: Directory, raw: RawImage, interleaved: bool) -> None:
    # A reader must be as new as what it may not skip.
    needed = [_FIRST, *(o.dng_version for o in _opcodes(raw) if not o.flags & OPTIONAL)]
    needed += [_FLOATS] * (raw.mosaic.dtype == np.float32) + [_INTERLEAVED] * interleaved
    needed += [_THIRD] * (_OTHER in (raw.color.illuminant_1, raw.color.illuminant_2))
    # The version that has all the tags, those that may be skipped, too.
    used = [*needed, _FLOATS] + [_THIRD] * (raw.color.color_matrix_3 is not None)
    profile = raw.profile
    if profile is not None and (profile.gain_table_map or profile.rgb_tables or profile.dynamic_range == "HDR"):
        used.append(_INTERLEAVED)
    root.set(tags.DNG_VERSION, Type.BYTE, struct.pack(">I", max(used)))
    root.set(tags.DNG_BACKWARD_VERSION, Type.BYTE, struct.pack(">I", max(needed)))
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


def _noise(image: Directory, noise: NoiseProfile | None) -> None:
    """NoiseProfile, unless it is none that the specification allows: scales above 0, offsets from 0 on."""
    if noise is None or not np.isfinite([*noise.scale, *noise.offset]).all() or min(noise.scale) <= 0:
        return
    pairs = zip(noise.scale, noise.offset, strict=True)
    image.set(tags.NOISE_PROFILE, Type.DOUBLE, [v for scale, offset in pairs for v in (scale, max(0.0, offset))])


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


def _image(image: Directory, raw: RawImage) -> Rectangle:
    """Say what the samples are; returns the default crop that is written."""
    height, width = raw.mosaic.shape[:2]
    expected = (height, width) if raw.cfa else (height, width, 3)
    if raw.mosaic.dtype not in (np.uint16, np.float32) or raw.mosaic.shape != expected or 0 in expected:
        raise ValueError(f"samples are {raw.mosaic.dtype} {raw.mosaic.shape}, not uint16 or float32 {expected}")
    floating = raw.mosaic.dtype == np.float32
    samples = 1 if raw.cfa or raw.monochrome else 3
    image.set(tags.NEW_SUBFILE_TYPE, Type.LONG, 0)
    image.set(tags.IMAGE_WIDTH, Type.LONG, width)
    image.set(tags.IMAGE_LENGTH, Type.LONG, height)
    image.set(tags.BITS_PER_SAMPLE, Type.SHORT, [32 if floating else 16] * samples)
    image.set(tags.PHOTOMETRIC, Type.SHORT, tags.PHOTOMETRIC_CFA if raw.cfa else tags.PHOTOMETRIC_LINEAR_RAW)
    image.set(tags.SAMPLES_PER_PIXEL, Type.SHORT, samples)
    image.set(tags.PLANAR_CONFIGURATION, Type.SHORT, 1)
    if raw.cfa:
        image.set(tags.CFA_REPEAT_PATTERN_DIM, Type.SHORT, (2, 2))
        image.set(tags.CFA_PATTERN, Type.BYTE, bytes(PLANES.index(letter) for letter in raw.cfa))
        image.set(tags.CFA_PLANE_COLOR, Type.BYTE, bytes([0, 1, 2]))
        image.set(tags.CFA_LAYOUT, Type.SHORT, 1)
    _levels(image, raw, floating, samples)
    image.set(tags.DEFAULT_SCALE, Type.RATIONAL, [Fraction(n).limit_denominator(10_000) for n in raw.scale[::-1]])
    crop = whole_crop.padded(raw.crop, height, width) if raw.cfa else raw.crop
    image.set(tags.DEFAULT_CROP_ORIGIN, Type.LONG, (crop.left, crop.top))
    image.set(tags.DEFAULT_CROP_SIZE, Type.LONG, (crop.width, crop.height))
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
    return crop


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


def _opcodes(raw: RawImage) -> Iterator[Opcode]:
    yield from (*raw.opcodes_1, *raw.opcodes_2, *raw.opcodes_3)
