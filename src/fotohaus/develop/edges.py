"""What a mosaic's edges say about its lens: lateral chromatic aberration and blur.

The rest of preparing needs neither, so that they are looked for meanwhile, in a thread of their own.
"""

from __future__ import annotations

from fotohaus.develop import aberration, capture_sharpening
from fotohaus.develop.aberration import LateralAberration
from fotohaus.develop.capture_sharpening import CaptureSharpening
from fotohaus.develop.geometry import Upright, cfa_of
from fotohaus.raw.image import CfaPattern, NoiseProfile, RawImage
from fotohaus.records import record
from fotohaus.report import Report


@record
class Edges:
    """What was found, None for what was not or was not looked for, and what there is to say about it."""

    aberration: LateralAberration | None
    sharpening: CaptureSharpening | None
    report: Report


def look_at_edges(
    raw: RawImage, view: Upright, pattern: CfaPattern, noise: NoiseProfile, *, ca: bool, sharpening: bool
) -> Edges:
    """Look at the whole mosaic through its upright view; ca, sharpening : what to look for. noise : of its samples."""
    report = Report()
    cfa = cfa_of(view, pattern)
    black, white = view.at_positions(raw.black), view.at_positions(raw.white)
    shift = blur = None
    if ca:
        with report.stage("ca"):
            shift = aberration.measure(view.samples, cfa, black, white, report)
    if sharpening:
        with report.stage("capture sharpening"):
            green = cfa.index("G")
            levels = float(black.flat[green]), float(white.flat[green])
            of_green = noise.scale[1], noise.offset[1]
            blur = capture_sharpening.prepare(view.samples, cfa, of_green, levels, report)
    return Edges(shift, blur, report)
