"""DNG to RawImage (Adobe DNG specification 1.7.1)."""

from __future__ import annotations

import os

import numpy as np

from fotohaus.raw import levels, tags
from fotohaus.raw.calibration import read_color, read_noise
from fotohaus.raw.capture import read_capture
from fotohaus.raw.decode import decode, read_layout
from fotohaus.raw.image import CFA_PATTERNS, PLANES, CfaPattern, RawImage, Rectangle
from fotohaus.raw.opcodes import fit_gain_maps, parse_opcodes
from fotohaus.raw.tiff import Ifd, Source, Tiff, TiffError
from fotohaus.report import Report

_ENHANCED = 16
_NEWEST = (1, 7)


def is_dng(tiff: Tiff) -> bool:
    """Whether a TIFF says that it is a DNG."""
    return tags.DNG_VERSION in tiff.ifd(tiff.first)


def read_dng(source: Source, path: str | os.PathLike[str] | None = None, report: Report | None = None) -> RawImage:
    """The main raw image of a DNG.

    Raises TiffError, with the reason as its text, if the file is damaged or uses what fotohaus does not read.
    """
    report = report or Report()
    tiff = Tiff(source)
    main, image = tiff.ifd(tiff.first), raw_ifd(tiff)
    needed = main.integers(tags.DNG_BACKWARD_VERSION) or [1, 0]
    if tuple(needed[:2]) > _NEWEST:
        raise TiffError(f"needs a reader of DNG {'.'.join(map(str, needed[:2]))}; this one knows 1.7")
    layout = read_layout(image)
    scale = image.floats(tags.DEFAULT_SCALE, 2)
    if scale is not None and not abs(scale[0] - scale[1]) <= 0.01 * abs(scale[1]):
        raise TiffError("pixels that are not square are not supported yet")
    cfa = read_cfa(image, layout.samples)
    order = plane_order(main, image)
    color_ifd = image if tags.COLOR_MATRIX_1 in image else main
    color = read_color(color_ifd, order)
    if tags.COLOR_MATRIX_1 not in color_ifd and tags.COLOR_MATRIX_2 not in color_ifd:
        report.warn(f"{path or 'raw image'}: has no color matrix; its colours are taken for sRGB's")
    active = active_area(image, layout.height, layout.width)
    table = levels.linearization_table(image)
    white = levels.white_level(image, layout.samples, layout.bits, table)
    black, uneven = levels.black_level(image, layout.samples, active.height, active.width)
    if (black >= white).any():
        raise TiffError(f"is damaged: white level {white.min():g} is not above black level {black.max():g}")
    opcodes = [
        fit_gain_maps(parse_opcodes(image.raw(tag)), where, full)
        for tag, where, full in (
            (tags.OPCODE_LIST_1, active, (layout.height, layout.width)),
            (tags.OPCODE_LIST_2, Rectangle(0, 0, active.height, active.width), (active.height, active.width)),
            (tags.OPCODE_LIST_3, Rectangle(0, 0, active.height, active.width), (active.height, active.width)),
        )
    ]

    mosaic = decode(image, layout)
    if table is not None:
        levels.linearize(mosaic, table)
    if mosaic.shape[:2] != (active.height, active.width):
        mosaic = np.ascontiguousarray(mosaic[active.slices])
    if uneven is not None:
        uneven.subtract(mosaic)
        report.note("black level of single rows, columns or pixels taken off the samples")
    if cfa is None:
        mosaic = mosaic[..., list(order)] if tuple(order) != (0, 1, 2) else mosaic
        black_out = black.mean((0, 1))[None, list(order)]
        white_out = white[None, list(order)]
    else:
        black_out = black[..., 0]
        white_out = np.broadcast_to(white, (2, 2))
    orientation = main.integer(tags.ORIENTATION, image.integer(tags.ORIENTATION, 1))
    return RawImage(
        mosaic=mosaic,
        cfa=cfa,
        black=np.ascontiguousarray(black_out, np.float32),
        white=np.ascontiguousarray(white_out, np.float32),
        color=color,
        crop=default_crop(image, active),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        noise=read_noise(main, image, order),
        opcodes_1=opcodes[0],
        opcodes_2=opcodes[1],
        opcodes_3=opcodes[2],
        capture=read_capture(tiff, os.fspath(path) if path is not None else None),
        path=os.fspath(path) if path is not None else None,
    )


def _photometric(ifd: Ifd) -> int:
    """32803 or 34892 for a raw image, 0 for any other."""
    photometric = ifd.integer(tags.PHOTOMETRIC, 0)
    return photometric if photometric in (tags.PHOTOMETRIC_CFA, tags.PHOTOMETRIC_LINEAR_RAW) else 0


def is_linear(image: Ifd) -> bool:
    """Whether a raw image is linear raw (demosaiced) rather than a mosaic."""
    return _photometric(image) == tags.PHOTOMETRIC_LINEAR_RAW


def raw_ifd(tiff: Tiff) -> Ifd:
    """The IFD of the main raw image: NewSubFileType 0 if one has it, the largest if several do.

    Raises TiffError if there is none.
    """
    raws = [ifd for ifd in tiff.images() if _photometric(ifd)]
    mains = [ifd for ifd in raws if ifd.integer(tags.NEW_SUBFILE_TYPE, 0) == 0]
    if not mains:
        mains = [i for i in raws if i.integer(tags.NEW_SUBFILE_TYPE, 0) not in (1, _ENHANCED)]
    if not mains:
        raise TiffError("holds no raw image")
    return max(mains, key=lambda i: i.integer(tags.IMAGE_WIDTH, 0) * i.integer(tags.IMAGE_LENGTH, 0))


def read_cfa(image: Ifd, samples: int) -> CfaPattern | None:
    """The Bayer pattern from the corner of the active area; None for linear raw.

    Raises TiffError for other colour filter arrays.
    """
    if is_linear(image):
        if samples != 3:
            raise TiffError(f"linear raw of {samples} samples per pixel is not supported")
        return None
    if samples != 1:
        raise TiffError(f"a mosaic of {samples} samples per pixel is not supported")
    dim = image.integers(tags.CFA_REPEAT_PATTERN_DIM) or [2, 2]
    pattern = image.integers(tags.CFA_PATTERN)
    if pattern is None:
        raise TiffError("is damaged: does not say its colour filter array")
    if dim != [2, 2] or len(pattern) != 4:
        raise TiffError(f"a colour filter array of {' x '.join(map(str, dim))} is not supported yet")
    if image.integer(tags.CFA_LAYOUT, 1) != 1:
        raise TiffError("a staggered colour filter array is not supported")
    name = "".join(PLANES[c] if c < len(PLANES) else "?" for c in pattern)
    for known in CFA_PATTERNS:
        if name == known:
            return known
    raise TiffError(f"colour filter array {pattern} is not a Bayer pattern of red, green and blue")


def plane_order(main: Ifd, image: Ifd) -> tuple[int, ...]:
    """Which of the file's colour planes are red, green and blue (CFAPlaneColor); TiffError if none are."""
    colors = image.integers(tags.CFA_PLANE_COLOR) or main.integers(tags.CFA_PLANE_COLOR) or [0, 1, 2]
    if sorted(colors) != [0, 1, 2]:
        raise TiffError(f"colour planes {colors} are not red, green and blue")
    return tuple(colors.index(c) for c in range(3))


def active_area(image: Ifd, height: int, width: int) -> Rectangle:
    """The part of the stored image that light reaches, clipped to it; TiffError if nothing is left."""
    top, left, bottom, right = ([*(image.integers(tags.ACTIVE_AREA) or []), 0, 0, 0, 0])[:4]
    if tags.ACTIVE_AREA not in image:
        top, left, bottom, right = 0, 0, height, width
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
    if bottom - top < 2 or right - left < 2:
        raise TiffError(f"is damaged: the active area is {right - left} x {bottom - top}")
    return Rectangle(top, left, bottom - top, right - left)


def default_crop(image: Ifd, active: Rectangle) -> Rectangle:
    """The default crop within the active area, clipped to it; all of it where the file's crop makes no sense."""
    left, top = _pair(image.integers(tags.DEFAULT_CROP_ORIGIN), (0, 0))
    width, height = _pair(image.integers(tags.DEFAULT_CROP_SIZE), (active.width, active.height))
    left, top = max(left, 0), max(top, 0)
    width, height = min(width, active.width - left), min(height, active.height - top)
    if width < 1 or height < 1:
        return Rectangle(0, 0, active.height, active.width)
    return Rectangle(top, left, height, width)


def _pair(values: list[int] | None, default: tuple[int, int]) -> tuple[int, int]:
    return (values[0], values[1]) if values is not None and len(values) >= 2 else default
