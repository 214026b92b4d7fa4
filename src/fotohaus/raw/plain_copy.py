"""A DNG's mosaic for LibRaw, which demosaics sensors that are no Bayer, but knows only the older ways to store one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fotohaus.raw import tags
from fotohaus.raw.decode import decode
from fotohaus.raw.dng_read import check_version, raw_ifd
from fotohaus.raw.layout import JPEG, NONE, read_layout
from fotohaus.raw.levels import linearization_table, stored_bits
from fotohaus.raw.tiff import Ifd, Source, Tiff
from fotohaus.raw.tiff_write import Directory, Type, encode

_OF_CAMERA = {
    tags.ORIENTATION: Type.SHORT,
    tags.COLOR_MATRIX_1: Type.SRATIONAL,
    tags.CALIBRATION_ILLUMINANT_1: Type.SHORT,
    tags.COLOR_MATRIX_2: Type.SRATIONAL,
    tags.CALIBRATION_ILLUMINANT_2: Type.SHORT,
    tags.AS_SHOT_NEUTRAL: Type.RATIONAL,
}
_RANGES = {Type.BYTE: (0, 1 << 8), Type.SHORT: (0, 1 << 16), Type.SRATIONAL: (-(1 << 31), 1 << 31)}
_OF_IMAGE = {
    tags.CFA_REPEAT_PATTERN_DIM: Type.SHORT,
    tags.CFA_PATTERN: Type.BYTE,
    tags.CFA_PLANE_COLOR: Type.BYTE,
    tags.LINEARIZATION_TABLE: Type.SHORT,
    tags.BLACK_LEVEL_REPEAT_DIM: Type.SHORT,
    tags.BLACK_LEVEL: Type.RATIONAL,
    tags.WHITE_LEVEL: Type.LONG,
    tags.ACTIVE_AREA: Type.LONG,
    tags.DEFAULT_CROP_ORIGIN: Type.RATIONAL,
    tags.DEFAULT_CROP_SIZE: Type.RATIONAL,
}


def plain_copy(source: Source) -> list[bytes] | None:
    """A DNG's mosaic and its levels as a DNG of uncompressed integers, in pieces to write one after the other; None
    where LibRaw reads the file as it is.

    That is where there are integers, uncompressed or in lossless JPEG; floats are left to it, too. Raises TiffError
    for a file that is damaged or uses what fotohaus does not read.
    """
    tiff = Tiff(source)
    main, image = tiff.ifd(tiff.first), raw_ifd(tiff)
    check_version(main)
    layout = read_layout(image)
    known = layout.compression in (NONE, JPEG) and layout.fields == (1, 1) and layout.block == (1, 1)
    if known or layout.floating or layout.bits > 16 or layout.samples != 1:
        return None
    bits = stored_bits(image, layout.bits, layout.floating, linearization_table(image))
    samples = decode(image, replace(layout, bits=bits))
    copy = Directory()
    copy.set(tags.DNG_VERSION, Type.BYTE, bytes((1, 4, 0, 0)))
    copy.set(tags.NEW_SUBFILE_TYPE, Type.LONG, tags.MAIN)
    copy.set(tags.IMAGE_WIDTH, Type.LONG, layout.width)
    copy.set(tags.IMAGE_LENGTH, Type.LONG, layout.height)
    copy.set(tags.BITS_PER_SAMPLE, Type.SHORT, 16)
    copy.set(tags.COMPRESSION, Type.SHORT, NONE)
    copy.set(tags.PHOTOMETRIC, Type.SHORT, tags.PHOTOMETRIC_CFA)
    copy.set(tags.SAMPLES_PER_PIXEL, Type.SHORT, 1)
    copy.set(tags.ROWS_PER_STRIP, Type.LONG, layout.height)
    copy.set(tags.WHITE_LEVEL, Type.LONG, (1 << bits) - 1)
    for tag in (tags.MAKE, tags.MODEL, tags.UNIQUE_CAMERA_MODEL):
        copy.text(tag, main.text(tag))
    for ifd, wanted in ((main, _OF_CAMERA), (image, _OF_IMAGE)):
        for tag, kind in wanted.items():
            _copy_field(ifd, tag, kind, copy)
    copy.strips([np.ascontiguousarray(samples, "<u2").tobytes()])
    return encode(copy)


def _copy_field(ifd: Ifd, tag: int, kind: Type, copy: Directory) -> None:
    """A field, unless it is absent or has numbers that its type can't hold."""
    rational = kind in (Type.RATIONAL, Type.SRATIONAL)
    values = ifd.values(tag) if rational else ifd.integers(tag)
    if values is None or not np.isfinite(values).all():
        return
    low, high = _RANGES.get(kind, (0, 1 << 31))
    if low <= min(values) and max(values) < high:
        copy.set(tag, kind, [float(v) for v in values] if rational else [int(v) for v in values])
