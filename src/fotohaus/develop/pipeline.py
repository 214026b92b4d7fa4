"""RawImage to Scene: levels, lens shading, highlights, demosaic, colour, crop and orientation."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop import uncalibrated
from fotohaus.develop.color import REC2020_TO_XYZ, camera_to_rec2020
from fotohaus.develop.demosaic import Method
from fotohaus.develop.development import Development
from fotohaus.develop.linear_rows import LinearRows, linear_rows
from fotohaus.develop.mosaic_rows import MosaicRows, mosaic_rows
from fotohaus.develop.scene import Scene
from fotohaus.develop.white_balance import find_white
from fotohaus.errors import ReadError
from fotohaus.raw.image import GainMap, NoiseProfile, OtherOpcode, RawImage
from fotohaus.report import Report
from fotohaus.white_choice import parse_white

Float64 = NDArray[np.float64]

_EXPOSURE_LIMIT = 8.0  # EV; a baseline exposure beyond is a mistake of the file

_MOSAIC_NOISE = np.array([0.14, 0.50, 0.11])  # luminance variance per variance of R, G and B samples


def develop(
    raw: RawImage,
    *,
    off: Collection[str] = (),
    wb: str = "as-shot",
    demosaic: Method = "directional",
    report: Report | None = None,
) -> Scene:
    """Develop a raw image to linear light; the choices are those of `prepare`."""
    report = report or Report()
    development = prepare(raw, off=off, wb=wb, demosaic=demosaic, report=report)
    with report.stage("scene"):
        return development.scene()


def prepare(
    raw: RawImage,
    *,
    off: Collection[str] = (),
    wb: str = "as-shot",
    demosaic: Method = "directional",
    report: Report | None = None,
) -> Development:
    """Take every decision that needs the whole of a raw image, so that its scene can be made in strips.

    off : stages to leave out: "opcodes" (gain maps), "highlights".
    wb : what to take as white, as in `Recipe.wb`.
    demosaic : the method by which a mosaic becomes RGB, see `fotohaus.develop.demosaic.demosaic`.

    Raises ReadError for an image whose colour data can't be used, whose samples are no Bayer mosaic, or in which no
    white can be picked where `wb` says; ValueError for a `wb` that means nothing.
    """
    choice = parse_white(wb)
    report = report or Report()
    raw = raw.quantized()
    if raw.cfa is not None and min(raw.mosaic.shape[:2]) < 2:
        raise ReadError(raw.path, "is too small for a Bayer mosaic")
    with report.stage("color"):
        calibration = raw.color
        if uncalibrated.says_nothing(calibration):
            calibration = uncalibrated.guess(raw)
            report.note("the file holds no calibration: colours taken for sRGB's, the picture's medians for grey")
        try:
            white_xy = find_white(raw, calibration, choice, opcodes="opcodes" not in off, report=report)
            color = camera_to_rec2020(calibration, report, white_xy=white_xy)
        except (ValueError, np.linalg.LinAlgError) as error:
            raise ReadError(raw.path, str(error)) from error
        gains = ", ".join(f"{m:.3f}" for m in color.multipliers)
        if raw.cfa is not None:
            report.note(f"colours interpolated by the {demosaic} method")
        report.note(f"white at {color.temperature:.0f} K, tint {round(color.tint):+d}, gains {gains}")
        matrix = color.matrix * _baseline(raw, report)
        shade, highlights = "opcodes" not in off, "highlights" not in off
        if shade:
            _note_what_is_left_out(raw, report)
    source: MosaicRows | LinearRows
    if raw.cfa is None:
        source = linear_rows(raw, color.multipliers, shade=shade, highlights=highlights, report=report)
    else:
        source = mosaic_rows(
            raw, raw.cfa, color.multipliers, method=demosaic, shade=shade, highlights=highlights, report=report
        )
    noise = None if raw.noise is None else luminance_noise(raw.noise, color.multipliers, matrix, raw.cfa is not None)
    return Development(source, matrix, noise, color.white_xy, raw.capture)


def _baseline(raw: RawImage, report: Report) -> float:
    """Factor that the file asks for on top of its white level."""
    exposure = raw.color.baseline_exposure
    if not np.isfinite(exposure) or abs(exposure) > _EXPOSURE_LIMIT:
        report.note(f"baseline exposure {exposure} EV ignored")
        return 1.0
    if exposure:
        report.note(f"baseline exposure {exposure:+.2f} EV")
    return float(2.0**exposure)


def _note_what_is_left_out(raw: RawImage, report: Report) -> None:
    others = (*raw.opcodes_1, *(o for o in raw.opcodes_2 if not isinstance(o, GainMap)), *raw.opcodes_3)
    names = {f"opcode {o.opcode_id}" if isinstance(o, OtherOpcode) else type(o).__name__ for o in others}
    needed = sorted({type(o).__name__ for o in others if not o.optional})
    if needed:
        report.warn(f"{raw.name}: needs {', '.join(needed)}, which this version does not apply: colours may be off")
    if raw.profile is not None:
        tables = ("look_table", "tone_curve", "gain_table_map", "rgb_tables")
        names |= {f"profile's {name.replace('_', ' ')}" for name in tables if getattr(raw.profile, name) is not None}
        if any(calibration.hue_sat_map is not None for calibration in raw.profile.calibrations):
            names.add("profile's hue/sat map")
    if names:
        report.note(f"not applied: {', '.join(sorted(names))}")


def luminance_noise(
    noise: NoiseProfile, multipliers: Float64, matrix: Float64, mosaic: bool = True
) -> tuple[float, float]:
    """(scale, offset) of the luminance noise of a scene: variance = scale * Y + offset.

    matrix : white-balanced camera to linear Rec. 2020, with the baseline exposure in it. Each channel's variance grows
    with the square of its white balance gain. What of it reaches luminance was measured for this demosaic on flat
    fields (it hardly depends on the matrix, since interpolation hands a sample's noise to all channels of its pixel);
    for linear raw it is the square of the channel's share. The colour is taken as neutral, the lens-shading gain as 1.
    """
    share = REC2020_TO_XYZ[1] @ matrix
    exposure = float(share.sum())
    weights = _MOSAIC_NOISE if mosaic else (share / exposure) ** 2
    scale = exposure * float(np.sum(weights * multipliers * np.array(noise.scale)))
    offset = exposure**2 * float(np.sum(weights * multipliers**2 * np.array(noise.offset)))
    return scale, offset
