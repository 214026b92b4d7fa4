"""Automatic white balance: the light of a picture, from its linear camera values.

A convolutional colour constancy (Barron 2015): in the logarithm of red and blue over green another light moves all
colours of a picture together, so that finding the light is finding a place in a histogram. Filters that were learned
from pictures of known white (tools/train_white.py) say how likely each light near the daylight and Planckian loci is,
given the picture's surfaces, its edges and its brightest parts; how bright the scene was says whether the sky lit it.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop.color import camera_to_rec2020
from fotohaus.raw.image import CaptureInfo, ColorCalibration
from fotohaus.raw.temperature import XY, temperature_to_xy
from fotohaus.report import Report

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

BINS, STEP = 64, 1 / 16
"""The histograms: bins along a side, and the width of one in the logarithm; beyond their ends they begin anew."""

MIREDS, TINTS = np.arange(95.0, 421.0, 8.0), np.arange(-25.0, 46.0, 5.0)
"""The lights: 10500 to 2400 K, and tints in Adobe's units."""

TINT, TINT_SPREAD = 6.0, 14.0
"""Lights are near this tint; before anything is known of the picture."""

MIRED, MIRED_SPREAD = 200.0, 180.0
"""And near this mired, broadly: most light is from the sky. Where the brightness is known, it says so better."""

_NODES = np.linspace(MIREDS[0], MIREDS[-1], 10), np.array([TINTS[0], 10.0, TINTS[-1]])
_RANGE = 1.95  # of the logarithms
_DARK = 2e-4  # of the white level
_BRIGHT = 0.9  # quantile of the brightness
_FEWEST = 64  # cells to say something
_CAMERA_UNSURE, _UNSURE = 40.0, 15.0  # mired: of the camera's own white, and of ours on top of its spread
_WARM, _COOL, _KEPT = 330.0, 135.0, 0.5  # mired beyond which that part of a cast is kept
_OUTDOORS, _DUSK = 9.5, 1.2  # exposure value at which a scene is outdoors as likely as not, and how it goes over
_DAYLIGHT = (175.0, 30.0, 8.0, 5.0)  # mired and tint, with their spreads, of light from the sky


def estimate_white(
    camera: Float64,
    valid: Bool,
    color: ColorCalibration,
    report: Report | None = None,
    capture: CaptureInfo | None = None,
) -> XY:
    """The chromaticity to take for white in a picture.

    camera : (H, W, 3) linear camera values before white balance, 1 where the sensor clips. valid : (H, W), cells with
    nothing clipped. capture : its exposure tells how bright the scene was.
    The camera's own white has a say, the more the less certain the picture is; it stands where that says nothing. Of
    very warm and very cool light some is kept: candles and dusk have a colour for people too.

    Raises ValueError for a calibration that can't be used.
    """
    report = report or Report()
    as_shot = camera_to_rec2020(color)
    found = estimate_light(camera, valid, color, exposure_value(capture))
    if found is None:
        report.note("nothing to find a white by: as shot")
        return as_shot.white_xy
    mired, tint, spread = found
    report.note(f"light of the picture: {1e6 / mired:.0f} K, {tint:+.0f}, give or take {spread:.0f} mired")
    if color.as_shot_neutral is not None or color.as_shot_white_xy is not None:
        own_mired = float(np.clip(1e6 / as_shot.temperature, MIREDS[0], MIREDS[-1]))
        own_tint = float(np.clip(as_shot.tint, TINTS[0], TINTS[-1]))
        # A camera that was set to another light by hand is far off.
        doubt = _CAMERA_UNSURE**2 + (own_mired - mired) ** 2 / 4
        share = doubt / (doubt + _UNSURE**2 + spread**2)
        mired, tint = share * mired + (1 - share) * own_mired, share * tint + (1 - share) * own_tint
    mired += _KEPT * (max(0.0, _COOL - mired) - max(0.0, mired - _WARM))
    return temperature_to_xy(1e6 / mired, tint)


def estimate_light(
    camera: Float64, valid: Bool, color: ColorCalibration, brightness: float | None = None
) -> tuple[float, float, float] | None:
    """Mired and tint of the light of a picture, and the spread of the mired; None where there is too little to see.

    camera, valid, color : as for `estimate_white`; the calibration's own white has no say. brightness : the exposure
    value of the scene at ISO 100, None where unknown.
    """
    seen = histograms(camera, valid)
    if seen is None:
        return None
    near = np.fft.irfft2((np.fft.rfft2(seen) * np.fft.rfft2(weights())).sum(axis=0), s=(BINS, BINS))
    places, shares = bins_of(lights(color))
    score = (near.ravel()[places] * shares).sum(axis=1).reshape(len(MIREDS), len(TINTS))
    score += prior(brightness)
    likely = np.exp(score - score.max())
    likely /= likely.sum()
    mired, tint = float(likely.sum(axis=1) @ MIREDS), float(likely.sum(axis=0) @ TINTS)
    return mired, tint, math.sqrt(float(likely.sum(axis=1) @ (MIREDS - mired) ** 2))


@functools.cache
def weights() -> Float64:
    """(3, 64, 64) filters for surfaces, edges and bright parts, [red, blue]: what a colour says for a light that lies
    so many bins away from it.
    """
    with Path(__file__).with_name("auto_white.npz").open("rb") as file:
        return np.asarray(np.load(file)["filters"], np.float64)


def exposure_value(capture: CaptureInfo | None) -> float | None:
    """How bright a scene was: the exposure value at ISO 100; None where the capture does not say."""
    if capture is None or not (capture.exposure_time and capture.f_number and capture.iso):
        return None
    return math.log2(capture.f_number**2 / capture.exposure_time * 100 / capture.iso)


def tint_prior() -> Float64:
    """(mireds, tints) logarithm of how likely their tints make lights; what the filters are trained with."""
    return np.zeros((len(MIREDS), 1)) - 0.5 * ((TINTS - TINT) / TINT_SPREAD) ** 2


def prior(brightness: float | None = None) -> Float64:
    """(mireds, tints) logarithm of how likely lights are before the picture is looked at."""
    usual = tint_prior()
    if brightness is None:
        return np.asarray(usual - 0.5 * ((MIREDS[:, None] - MIRED) / MIRED_SPREAD) ** 2)
    outdoors = 1 / (1 + math.exp(min(50.0, (_OUTDOORS - brightness) / _DUSK)))
    mired, spread, tint, tint_spread = _DAYLIGHT
    sky = -0.5 * (((MIREDS[:, None] - mired) / spread) ** 2 + ((TINTS - tint) / tint_spread) ** 2)
    parts = [np.exp(p) / np.exp(p).sum() for p in (usual, sky)]
    return np.asarray(np.log((1 - outdoors) * parts[0] + outdoors * parts[1] + 1e-9))


def lights(color: ColorCalibration) -> Float64:
    """(n, 2) logarithms of red and blue over green of the response to each light, mired by mired."""
    mireds, tints = _NODES
    seen = np.full((len(mireds), len(tints), 2), np.nan)
    for i, j in np.ndindex(seen.shape[:2]):
        try:
            gains = camera_to_rec2020(
                color, white_xy=temperature_to_xy(1e6 / float(mireds[i]), float(tints[j]))
            ).multipliers
        except ValueError:
            # Beyond what the matrices can balance: as the nearest that they can.
            seen[i, j] = seen[i - 1, j] if i else np.nan
            continue
        seen[i, j] = np.log(gains[1] / gains[[0, 2]])
    if not np.isfinite(seen).all():
        raise ValueError("its color matrix gives no light for white")
    # Parabolas over the tints, straight lines between the mireds.
    curves = np.linalg.solve(np.vander(tints, 3), seen)
    across = np.vander(TINTS, 3) @ curves
    at = np.interp(MIREDS, mireds, np.arange(len(mireds)))
    low = np.minimum(at.astype(int), len(mireds) - 2)
    part = (at - low)[:, None, None]
    return np.asarray((across[low] * (1 - part) + across[low + 1] * part).reshape(-1, 2))


def histograms(camera: Float64, valid: Bool) -> Float64 | None:
    """(3, 64, 64) histograms of surfaces, edges and bright parts, each with a sum of 1; None for too few cells."""
    valid = valid & (camera.min(axis=2) > _DARK)
    if valid.sum() < _FEWEST:
        return None
    values = camera[valid]
    brightness = values.sum(axis=1)
    bright = values[brightness >= np.quantile(brightness, _BRIGHT)]
    corner = camera[:-1, :-1]
    edges = abs(camera[:-1, 1:] - corner) + abs(camera[1:, :-1] - corner)
    edges = edges[valid[:-1, :-1] & valid[:-1, 1:] & valid[1:, :-1]]
    strength = edges.sum(axis=1)
    if len(edges):
        edges = edges[(edges.min(axis=1) > _DARK / 2) & (strength > np.median(strength))]
    surfaces = _histogram(values)
    return np.stack([surfaces, _histogram(edges, True) if len(edges) else surfaces, _histogram(bright)])


def _histogram(values: Float64, weighted: bool = False) -> Float64:
    """(64, 64) of the colours of (n, 3) values, each shared by four bins; weighted by a root of their size if asked."""
    places, shares = bins_of(np.log(values[:, [0, 2]] / values[:, [1]]).clip(-_RANGE, _RANGE))
    if weighted:
        shares *= np.sqrt(values.sum(axis=1))[:, None]
    counts = np.bincount(places.ravel(), shares.ravel(), BINS * BINS)
    return np.asarray((counts / counts.sum()).reshape(BINS, BINS))


def bins_of(logarithms: Float64) -> tuple[NDArray[np.int64], Float64]:
    """(n, 4) flat indices of the bins around places in a histogram, and the share of each."""
    at = logarithms / STEP
    low = np.floor(at)
    (red, blue), low = (at - low).T, low.astype(np.int64)
    first, second = (low % BINS).T, ((low + 1) % BINS).T
    places = [first[0] * BINS + first[1], second[0] * BINS + first[1]]
    places += [first[0] * BINS + second[1], second[0] * BINS + second[1]]
    shares = [(1 - red) * (1 - blue), red * (1 - blue), (1 - red) * blue, red * blue]
    return np.stack(places, axis=1), np.stack(shares, axis=1)
