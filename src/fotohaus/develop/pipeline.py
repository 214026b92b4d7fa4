"""RawImage to Development: every decision on the way to a scene, stage by stage."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.denoising.denoiser import visible_noise
from fotohaus.develop import uncalibrated
from fotohaus.develop.asked import Asked, Clipped
from fotohaus.develop.color import REC2020_TO_XYZ, CameraColor, camera_to_rec2020
from fotohaus.develop.cut_off import prepare_cut_off
from fotohaus.develop.defringe import Defringe, prepare_defringe
from fotohaus.develop.demosaic_light import light_taken
from fotohaus.develop.demosaic_noise import TOE, noise_left
from fotohaus.develop.denoise import decide_strength, remaining_noise
from fotohaus.develop.development import Development
from fotohaus.develop.edges import Edges, look_at_edges
from fotohaus.develop.geometry import Upright, is_stretched, upright
from fotohaus.develop.linear_rows import LinearRows, linear_rows
from fotohaus.develop.list_2 import apply_list_2
from fotohaus.develop.mosaic_rows import MARGIN, MosaicRows, mosaic_rows
from fotohaus.develop.profile_look import EXPOSURE_LIMIT, profile_look
from fotohaus.develop.profile_tables import hue_sat_map_at, total_baseline_exposure
from fotohaus.develop.white_balance import find_white
from fotohaus.errors import ReadError
from fotohaus.raw.image import PLANES, NoiseProfile, OtherOpcode, RawImage
from fotohaus.raw.opcode_types import Opcode
from fotohaus.report import Report
from fotohaus.white_choice import White, parse_white

if TYPE_CHECKING:
    from fotohaus.develop.lens_map import LensChain, LensMap
    from fotohaus.raw.extras import SemanticMask

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_MID_GREY = 0.18
_MOSAIC_NOISE = np.array([0.14, 0.50, 0.11])  # luminance variance per variance of R, G and B samples


def prepare(
    raw: RawImage,
    *,
    off: Collection[str] = (),
    wb: str = "as-shot",
    denoise: float | None = None,
    lens: str = "file",
    defringe: str = "auto",
    report: Report | None = None,
) -> Development:
    """Take every decision that needs the whole of a raw image, so that its scene can be made in strips.

    off : stages to leave out: "opcodes" (the file's lists 2 and 3), "highlights" (what clips is cut to white then),
    "denoise", "ca", "defringe", "lens" (list 3), "profile" (the camera profile's hue/sat map), "capture-sharpen".
    wb : what to take as white, as in `Recipe.wb`.
    denoise : strength from 0 to 1; None: as the noise asks for.
    lens : "file" takes the file's lens corrections; "auto" looks in lensfun's database where the file has none, by the
    lens's name in the file or by the one given here.
    defringe : "auto" undoes coloured fringes of edges that are plain, "all" also faint ones.

    Raises ReadError for an image whose colour data can't be used, whose samples are no Bayer mosaic, or in which no
    white can be picked where `wb` says; ValueError for a `wb` that means nothing.
    """
    choice = parse_white(wb)
    report = report or Report()
    opcodes = "opcodes" not in off
    if raw.noise is None:
        from fotohaus.cameras.noise import with_noise

        raw = with_noise(raw, report)
    if opcodes:
        raw = apply_list_2(raw, report)
    fine = raw = raw.quantized(whole=False)
    if raw.cfa is not None:
        raw = raw.quantized()
    if raw.cfa is not None and min(raw.mosaic.shape[:2]) < 2:
        raise ReadError(raw.path, "is too small for a Bayer mosaic")
    with report.stage("color"):
        color = _color(raw, choice, opcodes=opcodes, report=report)
        exposure = _baseline(raw, report)
        table = None if "profile" in off else hue_sat_map_at(raw.profile, color.white_xy)
        if table is not None:
            report.note("the profile's hue/sat map")
        _note_what_is_left_out(raw, report)
    sample_noise = raw.noise
    if sample_noise is None:
        from fotohaus.raw.noise import estimate_noise

        with report.stage("noise"):
            sample_noise = estimate_noise(fine)
    noise = luminance_noise(sample_noise, color.multipliers, color.matrix * exposure, raw.cfa is not None)
    view, correction = upright(raw, MARGIN), None
    if "lens" not in off:
        with report.stage("lens"):
            floating = fine.mosaic.dtype != np.uint16
            view, correction = _corrected(raw, view, lens, color.multipliers, opcodes, floating, report)
    elif is_stretched(raw):
        from fotohaus.develop.lens import prepare_lens

        view = upright(raw, max(raw.mosaic.shape))
        correction = prepare_lens(raw, view, opcodes=False, report=report)
    strength = 0.0
    if "denoise" not in off:
        with report.stage("denoise"):
            strength = decide_strength(noise, raw.denoised) if denoise is None else denoise
            report.note(f"strength {strength:.2f}: noise of {visible_noise(noise):.1f} L* in a dark middle tone")
    clipped: Clipped = "leave" if raw.rendered else "cut" if "highlights" in off else "rebuild"
    asked = Asked(color.multipliers, sample_noise, shade=opcodes, clipped=clipped, denoise=strength)

    def look_for_fringes(source: MosaicRows | LinearRows) -> Defringe | None:
        if "defringe" in off:
            return None
        with report.stage("defringe"):
            return prepare_defringe(source, report, faint=defringe == "all")

    source: MosaicRows | LinearRows
    sharpening = None
    if raw.cfa is None:
        source = linear_rows(raw, view, asked, report)
        if source.denoiser:
            noise = remaining_noise(noise, source.denoiser, REC2020_TO_XYZ[1] @ color.matrix)
        fringes = look_for_fringes(source)
    else:
        # A file whose opcodes move the colours apart has said what there is to say.
        ca = "ca" not in off and (correction is None or not correction.apart)
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(
                look_at_edges, raw, view, raw.cfa, sample_noise, ca=ca, sharpening="capture-sharpen" not in off
            )
            source = mosaic_rows(raw, view, raw.cfa, asked, report)
            fringes = look_for_fringes(source)
            edges = looking.result()
        report.take(edges.report)
        source = _in_detail(source, edges, asked, None if fine is raw else view.of(fine.mosaic))
        sharpening = edges.sharpening
        noise = _interpolated(remaining_noise(noise, source.denoiser) if source.denoiser else noise)
    return Development(
        source=source,
        matrix=color.matrix,
        exposure=exposure,
        fringes=fringes,
        lens=correction,
        profile=table,
        sharpening=sharpening,
        white=exposure * (source.clip_level() if isinstance(source, MosaicRows) else 1.0),
        hdr=raw.profile is not None and raw.profile.dynamic_range == "HDR",
        noise=noise,
        white_xy=color.white_xy,
        capture=raw.capture,
        camera_look=profile_look(raw, _masks(raw, report)),
        headroom=max(raw.color.baseline_exposure, 0.0) if raw.rendered else 0.0,
    )


def _in_detail(source: MosaicRows, edges: Edges, asked: Asked, fine: Float32 | None) -> MosaicRows:
    """Rows of a mosaic with what its edges and its noise told; fine : see `MosaicRows`."""
    # What denoising leaves in lightness is alike in all samples of a quad: the colours filled in have it, too.
    share = float(source.denoiser.keep[1]) ** 2 if source.denoiser else 1.0
    floor = (-source.black * source.scale).astype(np.float64)
    of_colors = [floor.ravel()[source.cfa.index(c)] for c in PLANES]
    lost = light_taken(asked.noise, asked.multipliers, share, of_colors)
    cut = prepare_cut_off(source.cfa, asked.noise, asked.multipliers, floor) if source.denoiser is None else None
    return replace(source, aberration=edges.aberration, lost=lost, cut=cut, fine=fine)


def _masks(raw: RawImage, report: Report) -> tuple[SemanticMask, ...]:
    """The file's semantic masks, where its profile has colour tables that hold for regions."""
    tables = None if raw.profile is None else raw.profile.rgb_tables
    if raw.path is None or tables is None or not any(table.mask for table in tables.tables):
        return ()
    from fotohaus.raw.extras import read_extras

    try:
        return read_extras(raw.path).masks
    except ReadError as error:
        report.warn(f"{raw.name}: colour tables for regions are left out: {error.reason}")
        return ()


def _color(raw: RawImage, choice: White, *, opcodes: bool, report: Report) -> CameraColor:
    """The camera's colour at the white that was chosen."""
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
    report.note(f"white at {color.temperature:.0f} K, tint {round(color.tint):+d}, gains {gains}")
    return color


def _corrected(
    raw: RawImage, view: Upright, lens: str, multipliers: Float64, opcodes: bool, floating: bool, report: Report
) -> tuple[Upright, LensMap | LensChain | None]:
    """The view that a lens correction needs, and the correction: the file's own, or one that is looked up."""
    profile = () if lens == "file" else _looked_up(raw, lens, opcodes, report)
    if not profile and not (opcodes and raw.opcodes_3) and not is_stretched(raw):
        return view, None
    # Not at the top: most photos need none of it.
    from fotohaus.develop.lens import prepare_lens

    # A correction may read anywhere.
    view = upright(raw, max(raw.mosaic.shape))
    more: dict[str, Any] = {"multipliers": multipliers, "floating": floating, "report": report}
    return view, prepare_lens(raw, view, opcodes=opcodes, profile=profile, **more)


def _looked_up(raw: RawImage, lens: str, opcodes: bool, report: Report) -> tuple[Opcode, ...]:
    """What lensfun's database knows of the lens, as opcodes; nothing where the file's own count and correct it."""
    from fotohaus.develop.lens_profile import NoProfile, find_lens_profile
    from fotohaus.develop.lens_steps import corrects_itself

    if opcodes and corrects_itself(raw):
        return ()
    found = find_lens_profile(raw, lens=None if lens == "auto" else lens)
    if isinstance(found, NoProfile):
        report.warn(f"{raw.name}: no lens correction: {found.reason}")
        return ()
    report.note(f"lensfun's {found.lens} on {found.camera}")
    return found.opcodes


def _interpolated(noise: tuple[float, float]) -> tuple[float, float]:
    """What the demosaic leaves of luminance noise (scale, offset), judged at mid-grey."""
    variance = max(noise[0] * _MID_GREY + noise[1], 0.0) / _MOSAIC_NOISE.sum()
    left = noise_left((variance / (4 * (_MID_GREY + TOE**2))) ** 0.5)
    return noise[0] * left, noise[1] * left


def _baseline(raw: RawImage, report: Report) -> float:
    """Factor that the file asks for on top of its white level."""
    exposure = total_baseline_exposure(raw)
    if not np.isfinite(exposure) or abs(exposure) > EXPOSURE_LIMIT:
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
