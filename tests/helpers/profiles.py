"""Raw images whose profiles have every kind of table, for Adobe's SDK to judge: in tests and in benchmarks/sdk.py."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.color import camera_to_rec2020
from fotohaus.develop.geometry import orient
from fotohaus.develop.profile_look import apply_profile_look, profile_look
from fotohaus.develop.profile_tables import (
    PROPHOTO_TO_XYZ,
    apply_hue_sat_map,
    hue_sat_map_at,
    rec2020_to_prophoto,
    total_baseline_exposure,
)
from fotohaus.raw.cfa import Filters
from fotohaus.raw.image import CameraProfile, ColorCalibration, RawImage, Rectangle
from fotohaus.raw.levels import Black, Unevenness
from fotohaus.raw.other_cfa import three_colors
from fotohaus.raw.profile import Calibration, GainTableMap, HueSatMap, RgbTable, RgbTables
from fotohaus.report import Report

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import colour

Floats = NDArray[np.floating[Any]]
XY = tuple[float, float]

WARM = np.array([[1.8331, -0.8166, -0.2478], [0.1391, 0.8961, -0.0367], [0.0822, 0.0662, 0.2597]])
COOL = np.array([[1.0344, -0.4210, -0.0620], [-0.2315, 1.0625, 0.1948], [0.0093, 0.1058, 0.5541]])
NEUTRAL = (0.52, 1.0, 0.57)
ONE = ColorCalibration(COOL, 21, as_shot_neutral=NEUTRAL)
TWO = ColorCalibration(WARM, 17, COOL, 21, as_shot_neutral=NEUTRAL)
THREE = replace(TWO, color_matrix_3=0.5 * WARM + 0.6 * COOL, illuminant_3=23)
CUSTOM = replace(THREE, illuminant_3=255, illuminant_whites=(None, None, (0.36, 0.35)))
BETWEEN: XY = (0.37, 0.37)
LAMP: XY = (0.42, 0.38)


@dataclass(frozen=True)
class Case:
    """A raw image, the white to develop it for (None: as shot), and whether its profile's look takes part."""

    raw: RawImage
    white: XY | None = None
    look: bool = False


def forward(rows: Floats) -> Floats:
    """Scaled so that camera (1, 1, 1) gives D50."""
    return np.asarray(rows * (np.array([0.9642, 1, 0.8249]) / rows.sum(1))[:, None])


def table(values: int, hues: int, saturations: int, seed: int, encoding: Any = "linear") -> HueSatMap:
    rng = np.random.default_rng(seed)
    shape = (values, hues, saturations)
    shifts = np.stack([rng.uniform(-20, 20, shape), rng.uniform(0.7, 1.3, shape), rng.uniform(0.8, 1.2, shape)], -1)
    shifts[:, :, 0, 2] = 1
    return HueSatMap(shifts.astype(np.float32), encoding)


def rgb_table(seed: int, gamma: Any = "sRGB", primaries: Any = "sRGB", extend: bool = True, mask: str = "") -> RgbTable:
    steps = np.linspace(0, 1, 9)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)
    cube += np.random.default_rng(seed).uniform(-0.08, 0.08, cube.shape)
    return RgbTable(mask, np.clip(cube, 0, 1).astype(np.float32), gamma, primaries, extend)


def gain_table(gamma: float = 1.0) -> GainTableMap:
    rises = np.random.default_rng(5).uniform(0, 0.08, (5, 7, 33))
    gains = (0.6 + np.cumsum(rises, axis=2)).astype(np.float32)
    return GainTableMap(gains, 0.1, 0.05, 0.2, 0.15, (0.2, 0.3, 0.1, 0.1, 0.3), gamma)


def profile_of(color: ColorCalibration, maps: list[HueSatMap | None] | None = None, **more: Any) -> CameraProfile:
    matrices = [color.color_matrix_1, color.color_matrix_2, color.color_matrix_3]
    lights = [color.illuminant_1, color.illuminant_2, color.illuminant_3]
    made = []
    for i, (light, matrix) in enumerate(zip(lights, matrices, strict=True)):
        if light is not None and matrix is not None:
            own = maps[i] if maps else None
            made.append(Calibration(light, matrix, hue_sat_map=own, white_xy=color.illuminant_whites[i], number=i + 1))
    return CameraProfile(name="made up", calibrations=tuple(made), **more)


def image(color: ColorCalibration, profile: CameraProfile | None = None, brightest: float = 0.45) -> RawImage:
    """Colours of all kinds as linear raw in floats, which nothing rounds or interpolates."""
    size = 64
    rng = np.random.default_rng(1)
    light = rng.uniform(0.02, brightest, (size, size, 1)) * rng.uniform(0.4, 1.6, (size, size, 3))
    return RawImage(
        (light * NEUTRAL).astype(np.float32),
        None,
        black=np.zeros((1, 3), np.float32),
        white=np.ones((1, 3), np.float32),
        color=color,
        crop=Rectangle(0, 0, size, size),
        profile=profile,
    )


def colour_cases() -> Iterator[tuple[str, Case]]:
    """Matrices, lights and hue/sat maps."""
    for name, color in (("one matrix", ONE), ("two matrices", TWO), ("three matrices", THREE)):
        for white in (None, BETWEEN, LAMP, (0.4476, 0.4074), (0.3127, 0.3290), (0.30, 0.33)):
            yield f"{name}, {white or 'as shot'}", Case(image(color), white)
    rows = np.array([[0.55, 0.25, 0.15], [0.25, 0.75, 0.0], [0.02, 0.12, 0.70]])
    both = {"forward_matrix_1": forward(rows), "forward_matrix_2": forward(rows + 0.05)}
    balanced = replace(TWO, **both, calibration_1=np.diag([1.02, 1, 0.97]), analog_balance=(1.1, 1.0, 0.95))
    yield "forward matrices, calibration, analog balance", Case(image(balanced), BETWEEN)
    yield "three forward matrices", Case(image(replace(THREE, **both, forward_matrix_3=forward(rows + 0.1))), BETWEEN)
    others = replace(TWO, illuminant_1=255, illuminant_2=255, illuminant_whites=((0.44, 0.40), (0.31, 0.32), None))
    yield "two lights of the file's own", Case(image(others), BETWEEN)
    yield "a third light of the file's own", Case(image(CUSTOM), BETWEEN)
    for shape in ((1, 6, 8), (1, 90, 30), (8, 12, 8)):
        yield f"hue/sat map {shape}", Case(image(ONE, profile_of(ONE, [table(*shape, 1)])))
    yield "hue/sat map, value in sRGB", Case(image(ONE, profile_of(ONE, [table(8, 12, 8, 1, "sRGB")])))
    two = profile_of(TWO, [table(1, 6, 8, 1), table(1, 6, 8, 2)])
    yield "two hue/sat maps", Case(image(TWO, two), BETWEEN)
    yield "one hue/sat map for two lights", Case(image(TWO, profile_of(TWO, [table(1, 6, 8, 1), None])), BETWEEN)
    three = profile_of(CUSTOM, [table(4, 6, 8, seed, "sRGB") for seed in (1, 2, 3)])
    yield "three hue/sat maps", Case(image(CUSTOM, three), BETWEEN)
    alike = replace(THREE, illuminant_1=19, illuminant_2=10)
    maps = profile_of(alike, [table(4, 6, 8, seed) for seed in (1, 2, 3)])
    yield "three hue/sat maps, two lights of one temperature", Case(image(alike, maps, 0.2), BETWEEN)
    wide = profile_of(ONE, [table(6, 6, 8, 1)], dynamic_range="HDR", peak=4.0)
    yield "hue/sat map of an HDR profile", Case(image(ONE, wide))


POINTS = np.array([(0, 0), (0.05, 0.02), (0.2, 0.25), (0.5, 0.7), (0.8, 0.93), (1, 1)], np.float32)


def look_cases() -> Iterator[tuple[str, Case]]:
    """What camera makers add to colour."""

    def case(exposure: float = 0.0, orientation: int = 1, brightest: float = 0.45, **parts: Any) -> Case:
        color = replace(ONE, baseline_exposure=exposure)
        return Case(replace(image(color, profile_of(color, **parts), brightest), orientation=orientation), None, True)

    yield "tone curve, +0.7 EV", case(0.7, tone_curve=POINTS)
    yield "tone curve, offset of +0.5 EV", case(tone_curve=POINTS, baseline_exposure_offset=0.5)
    yield "look table", case(look_table=table(1, 6, 8, 3), brightest=0.3)
    yield "look table, value in sRGB", case(look_table=table(8, 6, 8, 3, "sRGB"), brightest=0.3)
    for orientation in (1, 3, 6, 5):
        yield f"gain table map, orientation {orientation}", case(0.3, orientation, gain_table_map=gain_table())
    yield "gain table map, gamma", case(0.3, gain_table_map=gain_table(0.5))
    for gamma in ("linear", "sRGB", "1.8", "2.2", "Rec. 2020"):
        tables = RgbTables((rgb_table(1, gamma),), "weighted sum")
        yield f"RGB table, gamma {gamma}", case(rgb_tables=tables)
    for primaries in ("Adobe RGB", "Display P3", "Rec. 2020", "ProPhoto"):
        for extend in (True, False):
            tables = RgbTables((rgb_table(1, "sRGB", primaries, extend),), "sequential")
            yield f"RGB table, {primaries}{', extended' * extend}", case(rgb_tables=tables)
    all_of_it = {
        "look_table": table(8, 6, 8, 3, "sRGB"),
        "gain_table_map": gain_table(0.5),
        "rgb_tables": RgbTables((rgb_table(1),), "weighted sum"),
        "baseline_exposure_offset": 0.25,
    }
    yield "all of it", case(brightest=0.15, tone_curve=POINTS, **all_of_it)
    above = np.array([(0, 0), (0.1, 0.08), (0.5, 0.55), (0.9, 0.93)], np.float32)
    yield "all of it, HDR", case(brightest=0.3, tone_curve=above, dynamic_range="HDR", peak=4.0, **all_of_it)


def with_the_sdks_demosaic(raw: RawImage) -> RawImage:
    """A Bayer mosaic made linear raw by the rules of Adobe's SDK, which cuts at black: what differs then is ours."""
    if raw.cfa is None:
        return raw
    height, width = raw.mosaic.shape
    repeats = -(-height // 2), -(-width // 2)
    lowest = np.ceil(np.tile(raw.black, repeats)[:height, :width]).astype(raw.mosaic.dtype)
    array = tuple(tuple("RGB".index(c) for c in raw.cfa[at : at + 2]) for at in (0, 2))
    pattern = Unevenness(raw.black[..., None].astype(float), np.zeros(height), np.zeros(width))
    levels = Black(np.zeros((1, 1, 1), np.float32), pattern, np.zeros(1, np.float32))
    cut = replace(raw, mosaic=np.maximum(raw.mosaic, lowest), cfa=None, black=np.zeros(1), white=np.ones(1))
    span = np.array([float((raw.white - raw.black).max())], np.float32)
    filters = Filters("other", array=array)
    return three_colors(cut, filters, (levels, span), None, opcodes=True, report=Report())


def ours(raw: RawImage, camera: Floats, white: XY | None, look: bool) -> Floats:
    """Linear ProPhoto of camera values (1 = white level) of the crop, as stored, with the developer's own colour.

    What the SDK cuts before its matrix, values above the white's, is cut here, too.
    """
    color = camera_to_rec2020(raw.color, white_xy=white)
    balanced = np.minimum(camera * color.multipliers, 1)
    gain = 2.0 ** total_baseline_exposure(raw) if look else 1.0
    pixels = kernels.planar(orient(balanced @ color.matrix.T, raw.orientation), np.float32)
    found = hue_sat_map_at(raw.profile, color.white_xy)
    if found is not None and raw.profile is not None:
        pixels = apply_hue_sat_map(pixels, found, hdr=raw.profile.dynamic_range == "HDR")
    pixels *= np.float32(gain)
    style = profile_look(raw) if look else None
    if style is not None:
        # In two strips, as the developer goes about it.
        half = pixels.shape[0] // 2
        apply_profile_look(pixels[:half], style)
        apply_profile_look(pixels[half:], style, top=half)
    undo = {6: 8, 8: 6}.get(raw.orientation, raw.orientation)
    return np.asarray(orient(pixels, undo) @ rec2020_to_prophoto().T)


def delta_e(first: Floats, second: Floats) -> Floats:
    """CIE delta E 2000 of two pictures in linear ProPhoto, each cut to 0..1."""
    labs = [colour.XYZ_to_Lab(np.clip(p, 0, 1) @ PROPHOTO_TO_XYZ.T, (0.3457, 0.3585)) for p in (first, second)]
    return np.asarray(colour.delta_E(*labs, method="CIE 2000"))


def inside(render: Floats) -> NDArray[np.bool_]:
    """Pixels of a rendition that the SDK did not cut."""
    return np.asarray((render.max(-1) < 0.999) & (render.min(-1) > 0))
