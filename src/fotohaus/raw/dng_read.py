"""DNG to RawImage (Adobe DNG specification 1.7.1)."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import levels, tags
from fotohaus.raw.apply_opcodes import apply_opcodes, untrimmed
from fotohaus.raw.calibration import gray_color, read_color, read_noise, read_noise_reduction
from fotohaus.raw.capture import read_capture
from fotohaus.raw.cfa import Filters, is_linear, read_filters
from fotohaus.raw.decode import decode
from fotohaus.raw.fit_opcodes import fit_gain_maps
from fotohaus.raw.image import CameraProfile, ColorCalibration, Float32, RawImage, Rectangle, Samples
from fotohaus.raw.layout import read_layout
from fotohaus.raw.opcodes import parse_opcodes
from fotohaus.raw.profile_read import LeftOut, as_shot_profile, profile_in, read_calibrations, read_gain_table_map
from fotohaus.raw.tiff import Ifd, Source, Tiff, TiffError
from fotohaus.raw.whole_crop import PRIVATE_SIZE, whole
from fotohaus.report import Report

if TYPE_CHECKING:
    from fotohaus.raw.four_colors import FourColors

Quad = Literal["bin", "full"]

_NEWEST = (1, 7)
# Float samples beyond so many times the white level are not light but damage.
_BRIGHTEST = 65536.0
_LONGEST = 4.0  # of a pixel's sides over the other


def is_dng(tiff: Tiff) -> bool:
    """Whether a TIFF says that it is a DNG."""
    return tags.DNG_VERSION in tiff.ifd(tiff.first)


def read_dng(
    source: Source,
    path: str | os.PathLike[str] | None = None,
    report: Report | None = None,
    *,
    off: Collection[str] = (),
    enhanced: bool = False,
    quad: Quad = "bin",
) -> RawImage:
    """The main raw image of a DNG.

    off : with "opcodes", opcode list 1 is not applied to the samples, but kept in `opcodes_1`.
    enhanced : take the enhanced image (already demosaiced) instead of the raw one, where the file has it.
    quad : what becomes of cells of several pixels under one filter: "bin" makes each one sample; "full" remosaics cells
        of 2 x 2 to a Bayer mosaic, and bins larger ones.
    Raises TiffError, with the reason as its text, if the file is damaged or uses what fotohaus does not read.
    """
    report = report or Report()
    tiff = Tiff(source)
    main, image = tiff.ifd(tiff.first), raw_ifd(tiff, enhanced)
    check_version(main)
    layout = read_layout(image)
    scale = default_scale(image)
    filters = read_filters(image, layout.samples)
    order = filters.order or plane_order(main, image)
    profile, color, four = _profile_and_color(tiff, image, filters, order, path, report)
    if filters.kind != "monochrome" and not profile.calibrations:
        report.warn(f"{path or 'raw image'}: has no color matrix; its colours are taken for sRGB's")
    if enhanced_ifd(tiff) not in (None, image):
        report.note("the file's enhanced image is left aside for the raw one")
    first = parse_opcodes(image.raw(tags.OPCODE_LIST_1))
    full = (layout.height, layout.width)
    # Everything that counts pixels counts those that list 1 leaves.
    left = untrimmed(first if "opcodes" not in off else (), *full)
    active = active_area(image, left.height, left.width)
    table = None if layout.floating else levels.linearization_table(image)
    layout = replace(layout, bits=levels.stored_bits(image, layout.bits, layout.floating, table))
    white = levels.white_level(image, layout.samples, layout.bits, table, layout.floating)
    black = levels.black_level(image, layout.samples, active.height, active.width, filters.period)
    first_only = layout.samples > 1 and not is_linear(image)
    if first_only:
        report.note("of two samples at each pixel, the second is left aside")
        black, white = black.of_first(), white[:1]
    _check_levels(black.highest, white)
    shown = Rectangle(0, 0, active.height, active.width)
    second, third = (
        fit_gain_maps(parse_opcodes(image.raw(tag)), shown, (active.height, active.width))
        for tag in (tags.OPCODE_LIST_2, tags.OPCODE_LIST_3)
    )

    mosaic = decode(image, layout)
    if first_only:
        mosaic = np.ascontiguousarray(mosaic[..., 0])
    if layout.floating:
        np.clip(mosaic, -_BRIGHTEST * white.max(), _BRIGHTEST * white.max(), out=mosaic)
    if first and "opcodes" not in off:
        first = apply_opcodes(mosaic, first, report, filters.repeat)
        mosaic = np.ascontiguousarray(mosaic[left.slices])
    if table is not None and mosaic.dtype == np.uint16:
        levels.linearize(mosaic, table)
    if tags.BLACK_LEVEL not in image and tags.MASKED_AREAS in image:
        black = _black_of_masked(image, mosaic, active, filters, black, white, report)
    if mosaic.shape[:2] != (active.height, active.width):
        mosaic = np.ascontiguousarray(mosaic[active.slices])
    if black.uneven is not None and filters.kind != "other":
        if mosaic.dtype == np.uint16:
            # Samples of few bits get finer steps, so that rounding loses nothing that can be seen.
            largest = float((1 << layout.bits) - 1 if table is None else table.max())
            finer = max(1, int(65535 // max(largest, float(white.max()))))
            np.minimum(mosaic, 65535 // finer, out=mosaic)
            mosaic *= finer
            black, white = black.times(finer), white * finer
        black.take_unevenness(mosaic)
        report.note("black level of single rows, columns or pixels taken off the samples")
    made = RawImage(
        mosaic=mosaic,
        cfa=filters.pattern,
        black=black.level,
        white=black.level + (white - black.highest),
        color=color,
        crop=default_crop(main, image, active),
        orientation=orientation(main, image),
        noise=read_noise(main, image, order) if four is None else None,
        denoised=read_noise_reduction(main, image),
        opcodes_1=fit_gain_maps(first, active, full),
        opcodes_2=second,
        opcodes_3=third,
        capture=read_capture(tiff, os.fspath(path) if path is not None else None),
        path=os.fspath(path) if path is not None else None,
        profile=None if profile.plain else profile,
        monochrome=filters.kind == "monochrome",
        scale=scale,
    )
    if filters.kind == "other":
        from fotohaus.raw.other_cfa import three_colors

        return three_colors(made, filters, (black, white), four, opcodes="opcodes" not in off, report=report)
    return _finished(made, filters, order, float(white.max()), quad, report)


def _finished(
    raw: RawImage, filters: Filters, order: tuple[int, ...], white: float, quad: Quad, report: Report
) -> RawImage:
    """The raw image with its samples and levels in the shapes that RawImage has for its kind."""
    if filters.kind == "mosaic":
        raw = replace(raw, black=_array(raw.black[..., 0]), white=_array(raw.white[..., 0]))
        if filters.cell == 1:
            return raw
        from fotohaus.raw.remosaic import binned, remosaiced

        if quad == "full" and filters.cell == 2:
            return remosaiced(raw, filters, report)
        return binned(raw, filters, white, report)
    black, white_ = raw.black.reshape(1, -1), raw.white.reshape(1, -1)
    if filters.kind == "monochrome":
        gray = raw.mosaic.reshape(raw.mosaic.shape[:2])
        planes = np.broadcast_to(gray[..., None], (*gray.shape, 3))
        levels_ = (np.repeat(black, 3, 1), np.repeat(white_, 3, 1))
        return replace(raw, mosaic=planes, black=_array(levels_[0]), white=_array(levels_[1]))
    if order != (0, 1, 2):
        raw = replace(raw, mosaic=raw.mosaic[..., list(order)])
    return replace(raw, black=_array(black[:, list(order)]), white=_array(white_[:, list(order)]))


def _array(values: NDArray[Any]) -> Float32:
    return np.ascontiguousarray(values, np.float32)


def read_profile(
    tiff: Tiff, image: Ifd, filters: Filters, order: tuple[int, ...]
) -> tuple[CameraProfile, Ifd, LeftOut]:
    """The camera profile as shot, the IFD that has the camera's own colour, and the tables that make no sense.

    The profile lacks its matrices where these are not for three colours.
    """
    left_out: LeftOut = {}
    three = filters.kind != "monochrome" and len(filters.colors) == 3
    profile, camera = profile_in(as_shot_profile(tiff), order, matrices=three, left_out=left_out), tiff.ifd(tiff.first)
    if not profile.calibrations and tags.COLOR_MATRIX_1 in image and three:
        profile, camera = replace(profile, calibrations=read_calibrations(image, order, left_out)), image
    return _with_gain_table(profile, tiff, image, left_out), camera, left_out


def _profile_and_color(
    tiff: Tiff,
    image: Ifd,
    filters: Filters,
    order: tuple[int, ...],
    path: str | os.PathLike[str] | None,
    report: Report,
) -> tuple[CameraProfile, ColorCalibration, FourColors | None]:
    profile, main, left_out = read_profile(tiff, image, filters, order)
    four = None
    if filters.kind == "monochrome":
        color = gray_color(main)
    elif len(filters.colors) == 3:
        color = read_color(main, order, profile)
    else:
        from fotohaus.raw.four_colors import read_four_colors

        four, profile, color = read_four_colors(main, as_shot_profile(tiff), profile, left_out)
    for table, reason in left_out.items():
        report.warn(f"{path or 'raw image'}: its camera profile's {table} is left out: it {reason}")
    return profile, color, four


def _with_gain_table(profile: CameraProfile, tiff: Tiff, image: Ifd, left_out: LeftOut) -> CameraProfile:
    """A profile with the gain table map that counts for the raw image.

    DNG 1.7.1, ProfileGainTableMap2: the profile's own, then that of the first IFD, then the raw IFD's older one.
    """
    for ifd in (tiff.ifd(tiff.first), image):
        if profile.gain_table_map is not None:
            break
        profile = replace(profile, gain_table_map=read_gain_table_map(ifd, left_out))
    return profile


def with_dng_facts(raw: RawImage, source: Source, report: Report | None = None) -> RawImage:
    """Linear raw that LibRaw made of a DNG, with the colour, noise and profile that the DNG itself gives."""
    tiff = Tiff(source)
    main, image = tiff.ifd(tiff.first), raw_ifd(tiff)
    order = plane_order(main, image)
    profile, color, _ = _profile_and_color(tiff, image, Filters("linear"), order, raw.path, report or Report())
    active = active_area(image, image.integer(tags.IMAGE_LENGTH, 0), image.integer(tags.IMAGE_WIDTH, 0))
    fits = (active.height, active.width) == raw.mosaic.shape[:2]
    return replace(
        raw,
        color=color,
        crop=default_crop(main, image, active) if fits else raw.crop,
        scale=default_scale(image) if fits else raw.scale,
        orientation=orientation(main, image),
        noise=read_noise(main, image, order),
        denoised=read_noise_reduction(main, image),
        opcodes_3=parse_opcodes(image.raw(tags.OPCODE_LIST_3)) if fits else (),
        capture=read_capture(tiff, raw.path),
        profile=None if profile.plain else profile,
    )


def _check_levels(highest: Float32, white: Float32) -> None:
    if (highest >= white).any():
        raise TiffError(f"is damaged: white level {white.min():g} is not above black level {highest.max():g}")


def _black_of_masked(
    image: Ifd,
    stored: Samples,
    active: Rectangle,
    filters: Filters,
    black: levels.Black,
    white: Float32,
    report: Report,
) -> levels.Black:
    """The black level that masked pixels show, where the file has masked pixels but no black level."""
    areas = levels.masked_areas(image, *stored.shape[:2])
    level = levels.masked_black(stored, areas, active, filters.period)
    if level is None or (level >= white).any():
        return black
    report.note(f"black level {level.mean():.6g} measured on masked pixels")
    return levels.Black(level, black.uneven, black.highest + level.max((0, 1)))


def check_version(main: Ifd) -> None:
    """Raise TiffError for a DNG that says it needs a newer reader."""
    needed = main.integers(tags.DNG_BACKWARD_VERSION) or [1, 0]
    if tuple(needed[:2]) > _NEWEST:
        raise TiffError(f"needs a reader of DNG {'.'.join(map(str, needed[:2]))}; this one knows 1.7")


def _is_raw(ifd: Ifd) -> bool:
    return ifd.integer(tags.PHOTOMETRIC, 0) in (tags.PHOTOMETRIC_CFA, tags.PHOTOMETRIC_LINEAR_RAW)


def _largest(ifds: list[Ifd]) -> Ifd:
    return max(ifds, key=lambda i: i.integer(tags.IMAGE_WIDTH, 0) * i.integer(tags.IMAGE_LENGTH, 0))


def enhanced_ifd(tiff: Tiff) -> Ifd | None:
    """The IFD of the enhanced image (NewSubFileType 16), if there is one."""
    found = [i for i in tiff.images() if _is_raw(i) and i.integer(tags.NEW_SUBFILE_TYPE, 0) == tags.ENHANCED]
    return _largest(found) if found else None


def raw_ifd(tiff: Tiff, enhanced: bool = False) -> Ifd:
    """The IFD of the main raw image: NewSubFileType 0 if one has it, the largest if several do.

    Raises TiffError if there is none.
    """
    better = enhanced_ifd(tiff)
    raws = [ifd for ifd in tiff.images() if _is_raw(ifd)]
    mains = [ifd for ifd in raws if ifd.integer(tags.NEW_SUBFILE_TYPE, 0) == tags.MAIN]
    if better is not None and (enhanced or not mains):
        return better
    if not mains:
        # Bits that no version of the standard knows; previews and masks have known ones.
        known = (tags.PREVIEW, tags.TRANSPARENCY, 5, tags.DEPTH, 9, tags.SEMANTIC_MASK, 0x10001)
        mains = [i for i in raws if i.integer(tags.NEW_SUBFILE_TYPE, 0) not in known]
    if not mains:
        raise TiffError("holds no raw image")
    return _largest(mains)


def default_scale(image: Ifd) -> tuple[float, float]:
    """RawImage's `scale`: DefaultScale without what enlarges both sides; TiffError for what no pixel can be."""
    found = image.floats(tags.DEFAULT_SCALE, 2)
    if found is None:
        return 1.0, 1.0
    across, down = found.tolist()
    if not (math.isfinite(across) and math.isfinite(down) and across > 0 and 1 / _LONGEST <= down / across <= _LONGEST):
        raise TiffError(f"is damaged: pixels of {across:g} x {down:g}")
    return max(down / across, 1.0), max(across / down, 1.0)


def orientation(main: Ifd, image: Ifd) -> int:
    """EXIF Orientation, 1 to 8."""
    number = main.integer(tags.ORIENTATION, image.integer(tags.ORIENTATION, 1))
    return number if 1 <= number <= 8 else 1


def plane_order(main: Ifd, image: Ifd) -> tuple[int, ...]:
    """Which of the file's colour planes are red, green and blue (CFAPlaneColor); TiffError if none are."""
    colors = image.integers(tags.CFA_PLANE_COLOR) or main.integers(tags.CFA_PLANE_COLOR) or [0, 1, 2]
    if sorted(colors) != [0, 1, 2]:
        raise TiffError(f"colour planes {colors} are not red, green and blue")
    return tuple(colors.index(c) for c in range(3))


def active_area(image: Ifd, height: int, width: int) -> Rectangle:
    """The part of the stored image that light reaches, clipped to it; TiffError if nothing is left."""
    top, left, bottom, right = ([*(image.integers(tags.ACTIVE_AREA) or []), 0, 0, 0, 0])[:4]
    # Some of DJI's files have nothing but 0 there.
    if (top, left, bottom, right) == (0, 0, 0, 0):
        bottom, right = height, width
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
    if bottom - top < 2 or right - left < 2:
        raise TiffError(f"is damaged: the active area is {right - left} x {bottom - top}")
    return Rectangle(top, left, bottom - top, right - left)


def default_crop(main: Ifd, image: Ifd, active: Rectangle) -> Rectangle:
    """The default crop within the active area, clipped to it; all of it where the file's crop makes no sense.

    Of it the part that DefaultUserCrop names: the aspect ratio, or digital zoom, that was chosen on the camera.
    """
    left, top = _pair(image.integers(tags.DEFAULT_CROP_ORIGIN), (0, 0))
    width, height = _pair(image.integers(tags.DEFAULT_CROP_SIZE), (active.width, active.height))
    left, top = max(left, 0), max(top, 0)
    width, height = min(width, active.width - left), min(height, active.height - top)
    if width < 1 or height < 1:
        return Rectangle(0, 0, active.height, active.width)
    crop = Rectangle(top, left, height, width)
    private = main.entries.get(tags.DNG_PRIVATE_DATA)
    if private is not None and private.nbytes == PRIVATE_SIZE:
        crop = whole(crop, main.raw(tags.DNG_PRIVATE_DATA), active.height, active.width)
        top, left, height, width = crop.top, crop.left, crop.height, crop.width
    part = image.floats(tags.DEFAULT_USER_CROP, 4)
    if part is None or not np.isfinite(part).all() or not (part >= 0).all() or not (part <= 1).all():
        return crop
    first_y, last_y = (round(height * float(part[i])) for i in (0, 2))
    first_x, last_x = (round(width * float(part[i])) for i in (1, 3))
    if last_y <= first_y or last_x <= first_x:
        return crop
    return Rectangle(top + first_y, left + first_x, last_y - first_y, last_x - first_x)


def _pair(values: list[int] | None, default: tuple[int, int]) -> tuple[int, int]:
    return (values[0], values[1]) if values is not None and len(values) >= 2 else default
