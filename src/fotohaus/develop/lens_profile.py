"""Lens corrections from lensfun's database, for files that hold none: as opcodes, like those of a DNG.

Needs the optional package `lensfunpy` (`pip install "fotohaus[lens]"`): an MIT wrapper with its own copy of the lensfun
library (LGPL-3.0, dynamically linked, replaceable) and of its database (CC BY-SA 3.0).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop.lens_model import circle
from fotohaus.raw.image import CaptureInfo, RawImage, Rectangle
from fotohaus.raw.opcode_types import GainMap, Opcode, WarpRectilinear2
from fotohaus.records import record

DISTANCE = 10.0
"""m; how far away the subject is taken to be: few files say, and vignetting hardly depends on it."""

_TERMS = 6  # of the polynomial in the radius: more follow the database's rounding, not its lens
_SMALL = 16  # vignetting is asked for on an image smaller by this


@record
class LensProfile:
    """A lens in the database.

    opcodes : what corrects it, for `prepare_lens`. camera, lens : the database's names. error : px, the largest by
    which the opcodes' warp differs from lensfun's own (which rounds to 12 bits: its curves have steps).
    """

    opcodes: tuple[Opcode, ...]
    camera: str
    lens: str
    error: float = 0.0


@record
class NoProfile:
    """Why there is no correction: a line for the person."""

    reason: str


@functools.cache
def _database() -> Any:
    import lensfunpy

    # The bundled files only: what else lies on a machine would change the result.
    return lensfunpy.Database(load_common=False, load_bundled=True)


def find_lens_profile(raw: RawImage, *, lens: str | None = None) -> LensProfile | NoProfile:
    """Distortion, lateral chromatic aberration and vignetting of the lens that took an image.

    lens : the lens's name, for files that do not say it; names are compared as lensfun does, word by word. A fisheye
    stays one: only what differs from its own projection is corrected. The picture is scaled so that its edges stay
    filled.
    """
    try:
        database = _database()
    except ImportError:
        return NoProfile('the package lensfunpy is not installed (pip install "fotohaus[lens]")')
    capture = raw.capture
    if not capture.model:
        return NoProfile("the file does not say which camera took it")
    cameras = database.find_cameras(capture.make, capture.model)
    if not cameras:
        return NoProfile(f"lensfun knows no camera {capture.make or ''} {capture.model}".replace("  ", " "))
    camera = cameras[0]
    found = _lens(database, camera, capture, lens)
    if isinstance(found, NoProfile):
        return found
    if not capture.focal_length and found.min_focal != found.max_focal:
        return NoProfile(f"the file does not say at which focal length {found.model} was")
    opcodes, error = _opcodes(found, camera, capture, raw.crop, raw.mosaic.shape[:2])
    if not opcodes:
        return NoProfile(f"lensfun has no measurements of {found.model} for this focal length and aperture")
    return LensProfile(opcodes, f"{camera.maker} {camera.model}", found.model, error)


def _lens(database: Any, camera: Any, capture: CaptureInfo, name: str | None) -> Any:
    name = name or capture.lens_model
    # A mount in small letters is that of a lens that can't be taken off.
    fixed = camera.mount[:1].islower()
    if not name and not fixed:
        return NoProfile("the file does not say which lens was on the camera")
    lenses = [] if not name else database.find_lenses(camera, capture.lens_make, name)
    if not lenses and name and capture.lens_make:
        lenses = database.find_lenses(camera, None, name)
    if not lenses and fixed:
        lenses = database.find_lenses(camera)
    if not lenses:
        return NoProfile(f"lensfun knows no lens {name} for {camera.model}")
    return lenses[0]


def _opcodes(
    lens: Any, camera: Any, capture: CaptureInfo, crop: Rectangle, size: tuple[int, ...]
) -> tuple[tuple[Opcode, ...], float]:
    import lensfunpy

    flags = lensfunpy.ModifyFlags
    focal = capture.focal_length or lens.min_focal
    aperture = capture.f_number or lens.min_aperture or 8.0

    def modifier(width: int, height: int) -> Any:
        made = lensfunpy.Modifier(lens, camera.crop_factor, width, height)
        what = flags.DISTORTION | flags.TCA | flags.VIGNETTING | flags.SCALE
        made.initialize(focal, aperture, DISTANCE, scale=0.0, pixel_format=np.float32, flags=what)
        return made

    # The optical centre, in pixels' centres of the crop, and where radii of the opcodes begin and end.
    shorter = min(crop.width, crop.height) - 1
    x = (crop.width - 1 + lens.center_x * shorter) / 2
    y = (crop.height - 1 + lens.center_y * shorter) / 2
    center = (crop.left + x) / size[1], (crop.top + y) / size[0]
    radius = circle(center, Rectangle(0, 0, size[0], size[1])).radius
    count = int(np.ceil(np.hypot(max(x, crop.width - x), max(y, crop.height - y)))) + 1
    opcodes: list[Opcode] = []
    error = 0.0
    # Gains first: they are for the picture as taken.
    gain = np.ones((max(2, crop.height // _SMALL), max(2, crop.width // _SMALL), 3), np.float32)
    if capture.f_number and modifier(gain.shape[1], gain.shape[0]).apply_color_modification(gain):
        opcodes.append(_gain_map(gain[..., 1], crop, size))
    places = modifier(crop.width, crop.height).apply_subpixel_geometry_distortion(x, y, count, 1)
    if places is not None:
        distance = np.arange(1.0, count)
        sets = []
        for plane in range(3):
            terms, off = _fit(distance / radius, (places[0, 1:, plane, 0].astype(np.float64) - x) / distance, distance)
            error = max(error, off)
            sets.append((*terms, *[0.0] * (15 - len(terms)), 0.0, 0.0))
        last = min(1.0, float(count / radius))
        opcodes.append(
            WarpRectilinear2(tuple(sets), ((0.0, last),) * 3, center, False, dng_version=0x01060000, flags=1)
        )
    return tuple(opcodes), error


def _fit(radius: NDArray[np.float64], ratio: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[Any, float]:
    """A polynomial through samples of a ratio, and how far it leads astray in px."""
    powers = np.vander(radius, _TERMS, increasing=True) * weight[:, None]
    terms = np.linalg.lstsq(powers, ratio * weight, rcond=None)[0]
    return tuple(float(t) for t in terms), float(np.abs(powers @ terms - ratio * weight).max())


def _gain_map(gain: NDArray[np.float32], crop: Rectangle, size: tuple[int, ...]) -> GainMap:
    """Gains at points spread evenly from the first to the last pixel of the crop, for the whole image."""
    points = gain.shape
    origin = (crop.top + 0.5) / size[0], (crop.left + 0.5) / size[1]
    spacing = (crop.height - 1) / (points[0] - 1) / size[0], (crop.width - 1) / (points[1] - 1) / size[1]
    return GainMap(Rectangle(0, 0, size[0], size[1]), 1, 1, 0, 3, *origin, *spacing, gain[..., None])
