"""RawImage to Scene: levels, lens shading, highlights, demosaic, colour, crop and orientation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop import uncalibrated
from fotohaus.develop.color import REC2020_TO_XYZ, camera_to_rec2020
from fotohaus.develop.demosaic import Method
from fotohaus.develop.development import Development
from fotohaus.develop.geometry import upright
from fotohaus.develop.lens import prepare_lens
from fotohaus.develop.linear_rows import LinearRows, linear_rows
from fotohaus.develop.list_2 import apply_list_2
from fotohaus.develop.mosaic_rows import MosaicRows, margin, mosaic_rows
from fotohaus.develop.profile_look import profile_look
from fotohaus.develop.profile_tables import hue_sat_map_at, total_baseline_exposure
from fotohaus.develop.scene import Scene
from fotohaus.develop.white_balance import find_white
from fotohaus.errors import ReadError
from fotohaus.raw.image import NoiseProfile, OtherOpcode, RawImage
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

    off : stages to leave out: "opcodes" (the file's lists 2 and 3), "highlights", "lens" (list 3), "profile" (the
    camera profile's hue/sat map).
    wb : what to take as white, as in `Recipe.wb`.
    demosaic : the method by which a mosaic becomes RGB, see `fotohaus.develop.demosaic.demosaic`.

    Raises ReadError for an image whose colour data can't be used, whose samples are no Bayer mosaic, or in which no
    white can be picked where `wb` says; ValueError for a `wb` that means nothing.
    """
    choice = parse_white(wb)
    report = report or Report()
    opcodes = "opcodes" not in off
    if opcodes:
        raw = apply_list_2(raw, report)
    raw = raw.quantized()
    if raw.cfa is not None and min(raw.mosaic.shape[:2]) < 2:
        raise ReadError(raw.path, "is too small for a Bayer mosaic")
    with report.stage("color"):
        calibration = raw.color
        if uncalibrated.says_nothing(calibration):
            calibration = uncalibrated.guess(raw)
            report.note("the file holds no calibration: colours taken for sRGB's, the picture's medians for grey")
        try:
            white_xy = find_white(raw, calibration, choice, opcodes=opcodes, report=report)
            color = camera_to_rec2020(calibration, report, white_xy=white_xy)
        except (ValueError, np.linalg.LinAlgError) as error:
            raise ReadError(raw.path, str(error)) from error
        gains = ", ".join(f"{m:.3f}" for m in color.multipliers)
        if raw.cfa is not None:
            report.note(f"colours interpolated by the {demosaic} method")
        report.note(f"white at {color.temperature:.0f} K, tint {round(color.tint):+d}, gains {gains}")
        exposure = _baseline(raw, report)
        table = None if "profile" in off else hue_sat_map_at(raw.profile, color.white_xy)
        if table is not None:
            report.note("the profile's hue/sat map")
        _note_what_is_left_out(raw, report)
    corrected = opcodes and "lens" not in off
    # A lens correction may read anywhere.
    around = margin(demosaic) if raw.cfa else 0
    view = upright(raw, max(raw.mosaic.shape) if corrected and raw.opcodes_3 else around)
    lens = None
    if corrected and raw.opcodes_3:
        with report.stage("lens"):
            lens = prepare_lens(raw, view, multipliers=color.multipliers, report=report)
    choices: dict[str, Any] = {"shade": opcodes, "highlights": "highlights" not in off, "report": report}
    source: MosaicRows | LinearRows
    if raw.cfa is None:
        source = linear_rows(raw, view, color.multipliers, **choices)
    else:
        source = mosaic_rows(raw, view, raw.cfa, color.multipliers, method=demosaic, **choices)
    noise = None
    if raw.noise is not None:
        noise = luminance_noise(raw.noise, color.multipliers, color.matrix * exposure, raw.cfa is not None)
    return Development(
        source=source,
        matrix=color.matrix,
        exposure=exposure,
        lens=lens,
        profile=table,
        hdr=raw.profile is not None and raw.profile.dynamic_range == "HDR",
        noise=noise,
        white_xy=color.white_xy,
        capture=raw.capture,
        camera_look=profile_look(raw),
    )


def _baseline(raw: RawImage, report: Report) -> float:
    """Factor that the file asks for on top of its white level."""
    exposure = total_baseline_exposure(raw)
    if not np.isfinite(exposure) or abs(exposure) > _EXPOSURE_LIMIT:
        report.note(f"baseline exposure {exposure} EV ignored")
        return 1.0
    if exposure:
        report.note(f"baseline exposure {exposure:+.2f} EV")
    return float(2.0**exposure)


def _note_what_is_left_out(raw: RawImage, report: Report) -> None:
    early, late = (
        [opcode for opcode in opcodes if isinstance(opcode, OtherOpcode)]
        for opcodes in ((*raw.opcodes_1, *raw.opcodes_2), raw.opcodes_3)
    )
    # Of list 3, the lens stage warns.
    needed = sorted({f"opcode {opcode.opcode_id}" for opcode in early if not opcode.optional})
    if needed:
        report.warn(f"{raw.name}: needs {', '.join(needed)}, which nobody knows: colours may be off")
    names = {f"opcode {opcode.opcode_id}" for opcode in early + late}
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
