"""Auto exposure: metered from the scene's luminance the way a photographer would."""

from __future__ import annotations

from math import exp, inf, log2

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import CaptureInfo
from fotohaus.records import record
from fotohaus.render.color import LUMINANCE
from fotohaus.render.tone import MID_GREY

Float32 = NDArray[np.float32]

SAMPLES = 65536
BLACK = 2.0**-12  # linear luminance below which a pixel holds no information about exposure
BROADLY_BRIGHT, NARROWLY_BRIGHT = 2.6, 3.3  # EV over mid-grey that the brightest 10 % and 3 % should keep to
PROTECTION, LARGEST_PROTECTION = 0.4, 0.9  # how strongly highlights hold the exposure back, and by how many EV at most
RAW_WHITE = log2(1 / MID_GREY)  # EV over mid-grey
FREE_PUSH, LARGEST_PUSH = 1.5, 3.5  # EV up to which a push is free, and what it tends to
WHITE_RANGE = (2.0, 6.0)  # EV over mid-grey between which the white point is placed


@record
class Exposure:
    """What the meter chose.

    ev : gain on scene-linear light, in EV.
    highlights : how far the brightest thousandth lies over mid-grey before that gain, in EV.
    note : one line that says why.
    """

    ev: float
    highlights: float
    note: str

    def white(self, ev: float) -> float:
        """Scene-linear value, after a gain of `ev`, that should land just below display white."""
        low, high = WHITE_RANGE
        return float(MID_GREY * 2.0 ** min(max(self.highlights + ev, low), high))


def sample_luminance(pixels: NDArray[np.float32], count: int = SAMPLES) -> tuple[Float32, Float32]:
    """Luminance (finite, >= 0) of about `count` small blocks on a regular grid, and their centre weights.

    pixels : (H, W, 3) linear Rec. 2020. A block averages up to 2x2 pixels, which halves the noise in the dark.
    """
    height, width = pixels.shape[:2]
    step = max(1, int((height * width / count) ** 0.5))
    block = min(step, 2)
    rows, columns = (max(1, (n - block + 1 + step - 1) // step) for n in (height, width))
    total = np.zeros((rows, columns), np.float32)
    for dy in range(block):
        for dx in range(block):
            total += _luminance(pixels[dy::step, dx::step][:rows, :columns])
    down, across = (
        np.exp(-(((np.linspace(-1, 1, n) if n > 1 else np.zeros(1)) / 0.7) ** 2)).astype(np.float32)
        for n in (rows, columns)
    )
    weight = np.float32(0.4) + (np.float32(0.6) * down)[:, None] * across
    return np.asarray(total / np.float32(block**2), np.float32).ravel(), np.asarray(weight, np.float32).ravel()


def _luminance(pixels: NDArray[np.float32]) -> Float32:
    red, green, blue = (np.float32(weight) for weight in LUMINANCE)
    with np.errstate(invalid="ignore", over="ignore"):
        made = red * pixels[..., 0] + green * pixels[..., 1] + blue * pixels[..., 2]
        if not np.isfinite(made.sum()):
            made = np.nan_to_num(pixels, nan=0, posinf=2.0**30, neginf=0) @ LUMINANCE.astype(np.float32)
    return np.asarray(np.clip(made, 0, 2.0**30), np.float32)


def light_value(capture: CaptureInfo) -> float | None:
    """Exposure value at ISO 100 that the camera set, log2(N^2 / t) - log2(ISO / 100); None if not recorded.

    About 15 in sunlight, 5 to 7 indoors, 2 in a lit street at night, below -3 under stars. A lens that reports no
    f-number counts as f/2.
    """
    seconds, aperture, iso = capture.exposure_time, capture.f_number, capture.iso
    if not seconds or not 0 < seconds < inf:
        return None
    aperture = aperture if aperture and 0 < aperture < inf else 2.0
    iso = iso if iso and iso > 0 else 100
    return 2 * log2(aperture) - log2(seconds) - log2(iso / 100)


def _quantiles(values: Float32, weight: Float32, points: tuple[float, ...]) -> list[float]:
    """To half a thousandth of an EV: counted, not sorted."""
    counts = np.bincount(np.clip((values + 32) * 1024, 0, 65535).astype(np.intp), weight, 65536)
    total = np.cumsum(counts)
    found = np.minimum(np.searchsorted(total, np.multiply(points, total[-1])), 65535)
    return [float(place) for place in (found + 0.5) / 1024 - 32]


def auto_exposure(pixels: NDArray[np.float32], capture: CaptureInfo | None = None) -> Exposure:
    """Meter linear Rec. 2020 pixels (H, W, 3); 1.0 is the raw white level.

    The mid-tones (centre-weighted mean of log luminance between the 10 % and 90 % quantiles) are placed a little below
    mid-grey, at it for a flat scene. Broad highlights may hold that back by up to 0.9 EV; lamps and the sun may not;
    what the sensor clipped counts as its white. A bright scene is darkened only as far as its highlights
    need. Dark scenes stay darker than mid-grey: those whose lights stand far above the rest, and those that the
    camera's own exposure shows to be dark. Large pushes tend to 3.5 EV. Black areas and non-finite values do not count.
    """
    luminance, weight = sample_luminance(pixels)
    lit = luminance > BLACK
    if not lit.any() or weight[lit].sum() < 0.01 * weight.sum():
        return Exposure(0.0, 0.0, "exposure as captured: the scene is black")
    level, weight = np.log2(luminance[lit] * np.float32(1 / MID_GREY)), weight[lit]
    p10, p50, p90, p97, brightest = _quantiles(level, weight, (0.1, 0.5, 0.9, 0.97, 0.998))
    # What lies beyond the raw white was guessed from its surroundings: it counts as white.
    bright = min(p90, max(RAW_WHITE, p50))
    middle = float(np.average(np.clip(level, p10, bright), weights=weight.astype(np.float64)))

    target = -0.5 * min((bright - p10) / 2, 1)
    lights = min(max((brightest - p50 - 3.5) / 3, 0), 1) * min(max(-1.7 - middle, 0), 1)
    ev100 = light_value(capture) if capture else None
    night = min(max((5 - (ev100 + middle)) / 9, 0), 1) if ev100 is not None else 0.0
    wanted = target - max(1.2 * lights, 2.5 * night) - middle

    room = min(BROADLY_BRIGHT - p90, NARROWLY_BRIGHT - p97)
    base = wanted if wanted > 0 else max(wanted, min(0.0, room))
    room = min(BROADLY_BRIGHT - min(p90, RAW_WHITE), NARROWLY_BRIGHT - min(p97, RAW_WHITE))
    held = min(PROTECTION * max(base - room, 0), LARGEST_PROTECTION)
    ev = base - held
    if ev > FREE_PUSH:
        rest = LARGEST_PUSH - FREE_PUSH
        ev = FREE_PUSH + rest * (1 - exp(-(ev - FREE_PUSH) / rest))

    reasons = [f"mid-tones {middle:+.1f} EV from mid-grey"]
    if night > 0.1:
        reasons.append("kept as night")
    elif lights > 0.1:
        reasons.append("kept dark around its lights")
    if held > 0.05 or wanted < base < 0:
        reasons.append("held back by highlights")
    return Exposure(float(ev), brightest, f"exposure {ev:+.2f} EV: {', '.join(reasons)}")
