"""What it takes to denoise a mosaic, decided before its pixels are seen (docs/algorithms/denoise.md)."""

from __future__ import annotations

from dataclasses import field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.raw.image import CFA_PATTERNS, PLANES, CfaPattern, NoiseProfile
from fotohaus.records import record
from fotohaus.shading import Shading

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

DENOISE_MARGIN = 32
"""The most samples around a sample that have a say in it; `Denoiser.margin` may be less."""

PERIOD = 4
"""Blocks begin at every fourth sample, counted from the whole mosaic's corner."""

THRESHOLDS = (13.0, 22.0, 8.0)
"""Energy at which half of a coefficient is kept, of lightness and of the two colour differences by the energy of all
four planes, where noise has 4; of the difference of the greens by its own, where noise has 1."""
_SLOPE = 0.36  # how much more is asked of the finest detail than of coarse: exp(slope * (frequency - 0.5))
_RAMP = 0.8  # from nothing to all of a coefficient, as a share of its threshold
_LEAST_SCALE = 1e-4  # of the deviation in the dark: noise that hardly grows with light is stabilised as if it did
_SOFT = 0.03  # deviations of the noise in the dark around 0 in which light goes over into none
_TABLE, _REACH = 1024, 16.0  # entries of the bias correction, and how many deviations of the noise they span

_DARK = 0.05  # luminance at which noise is judged: a dark middle tone
_STRONG, _STRONG_LINEAR = 2.0, 6.0  # L* from which a second pass is worth its time, of mosaics and of linear raw
_LUMINANCE = (0.14, 0.50, 0.11)  # luminance variance after demosaic, per variance of R, G and B samples
LINEAR = [0, 1, 1, 2]
"""The channels of a quad's four samples, as the plan for linear raw has them; the third is not used."""
LINEAR_POSITIONS = np.array([0, 1, 3])
LUMINANCE_LINEAR = (0.2627, 0.6780, 0.0593)


NOWHERE_DARK = -1e6
"""`Denoiser.dark` where the dark is to be treated as the rest."""


def no_shift() -> Float32:
    """That of a denoiser that knows nothing of cells."""
    return kernels.planar(np.zeros((1, 1, 4), np.float32))


@record
class Denoiser:
    """What `denoise` has to know: made by `prepare_denoise`, the same for every part of a mosaic.

    slope, intercept : (2, 2), u = sqrt(slope v + intercept) has noise of variance 1. basis : (4, 4), planes by
    positions of the quad. rise : (8, 8, 3), start : (3,), the shrinkage of lightness, colour differences and the
    difference of the greens; keep : (3,), the share of their noise that stays. alike : whether the colour differences'
    means are smoothed. correction : (4, 1024), first : (4,), what the inverse adds. strength, passes : as decided.
    dark : the lightness of no light, as a block's mean coefficient; near it, more is asked of what is kept.
    linear : whether each quad is a pixel, see `denoise_linear`. shift : (rows, columns, 4), what is added to the
    planes' means, by cells of 4 x 4 quads of the whole mosaic: see `denoising.coarse`.
    """

    slope: Float32
    intercept: Float32
    basis: Float32
    rise: Float32
    start: Float32
    keep: Float32
    correction: Float32
    first: Float32
    strength: float
    alike: float
    passes: int
    dark: float
    linear: bool = False
    shift: Float32 = field(default_factory=no_shift)

    @property
    def coarse(self) -> bool:
        """Whether the noise of large cells is known, see `denoising.coarse`."""
        return bool(self.shift.shape[0] > 1)

    @property
    def margin(self) -> int:
        """Samples around a sample that have a say in it."""
        return (32 if self.alike else 16) + 2 * self.linear

    def stabilising(self, positions: NDArray[np.intp], gains: Shading) -> dict[str, object]:
        """The kernels' arguments by which samples are divided by their gains and stabilised; positions : of the quad,
        in the kernel's order. gains : of these, on the kernel's own steps."""
        arguments = gains.arguments
        return {
            "slope": np.ascontiguousarray(self.slope.ravel()[positions]),
            "intercept": np.ascontiguousarray(self.intercept.ravel()[positions]),
            "above": arguments.pop("top"),
            **arguments,
        }


def visible_noise(noise: tuple[float, float]) -> float:
    """Deviation in L* of luminance noise (scale, offset), pixel by pixel, in a dark middle tone."""
    scale, offset = noise
    return float(116 / 3 * _DARK ** (-2 / 3) * np.sqrt(max(scale * _DARK + offset, 0)))


def visible_in_mosaic(cfa: CfaPattern, noise: NoiseProfile, multipliers: ArrayLike) -> float:
    """`visible_noise` of a mosaic's demosaicked luminance; the arguments are those of `prepare_denoise`."""
    channels, weights = _luminance_of(cfa)
    gains = np.asarray(multipliers, np.float64)[channels]
    scale, offset = np.asarray(noise.scale)[channels] * gains, np.asarray(noise.offset)[channels] * gains**2
    return visible_noise((float(weights @ scale), float(weights @ offset)))


def _luminance_of(cfa: CfaPattern) -> tuple[list[int], Float64]:
    """Channel of each position in the quad, and its share of the variance of luminance after demosaic."""
    channels = [PLANES.index(name) for name in cfa]
    return channels, np.array(_LUMINANCE)[channels] / np.array([2 if name == "G" else 1 for name in cfa])


def prepare_denoise(
    cfa: CfaPattern,
    noise: NoiseProfile,
    multipliers: ArrayLike = (1.0, 1.0, 1.0),
    *,
    strength: float = 1.0,
    passes: int | None = None,
    floor: ArrayLike | None = None,
) -> Denoiser:
    """Decide everything about denoising a mosaic but the pixels.

    noise : of the samples before white balance, 1 = white level. multipliers : (3,) white balance gains of R, G, B that
    the mosaic has in it. strength : 0 to 1. floor : (2, 2), the values of the lens-shading-free mosaic that a sample
    of 0 in the file became, by which noise is known to be cut off; None where it is not.
    passes : 1, or 2 for the mean of two with blocks in other places, which is better and takes twice the time; by
    default 2 where the noise is strong.
    Raises ValueError for a strength out of range, an unknown cfa, or a noise model that is negative or not finite.
    """
    if cfa not in CFA_PATTERNS:
        raise ValueError(f"cfa must be one of {', '.join(CFA_PATTERNS)}, got {cfa!r}")
    channels, weights = _luminance_of(cfa)
    basis = _basis(cfa, np.asarray(multipliers, np.float64)[channels])
    return _prepared(channels, noise, multipliers, basis, weights, strength, passes, floor, _STRONG)


def prepare_denoise_linear(
    noise: NoiseProfile,
    multipliers: ArrayLike = (1.0, 1.0, 1.0),
    *,
    strength: float = 1.0,
    passes: int | None = None,
    floor: ArrayLike | None = None,
) -> Denoiser:
    """The same for pixels that have all three colours, see `denoise_linear`; floor : (3,), of R, G and B."""
    gains = np.asarray(multipliers, np.float64)
    start = np.array([[1, 1, 1], [1, 0, -2], [1, -1, 1]], np.float64)
    start[:, 0] = 1 / np.sqrt(gains)
    q, r = np.linalg.qr(start)
    basis = np.zeros((4, 4))
    # A fourth sample of every quad is always 0, and so is its plane.
    basis[:3, [0, 1, 3]], basis[3, 2] = (q * np.sign(np.diag(r))).T, 1
    floors = None if floor is None else np.asarray(floor, np.float64)[LINEAR]
    weights = (np.array(LUMINANCE_LINEAR)[LINEAR] * (1, 1, 0, 1)) ** 2
    made = _prepared(LINEAR, noise, multipliers, basis, weights, strength, passes, floors, _STRONG_LINEAR)
    slope, intercept = made.slope.copy(), made.intercept.copy()
    slope[1, 0], intercept[1, 0] = 1, 0
    return replace(made, slope=slope, intercept=intercept, linear=True)


def _prepared(
    channels: list[int],
    noise: NoiseProfile,
    multipliers: ArrayLike,
    basis: Float64,
    weights: Float64,
    strength: float,
    passes: int | None,
    floor: ArrayLike | None,
    strong: float,
) -> Denoiser:
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be 0 to 1, got {strength}")
    gains = np.asarray(multipliers, np.float64)[channels]
    scale, offset = np.asarray(noise.scale, np.float64)[channels], np.asarray(noise.offset, np.float64)[channels]
    if not (np.isfinite([scale, offset]).all() and min(scale.min(), offset.min()) >= 0 and (scale + offset > 0).all()):
        raise ValueError(f"noise must be finite and positive, got {noise}")
    scale, offset = scale * gains, offset * gains**2
    if passes is None:
        passes = 2 if visible_noise((float(weights @ scale), float(weights @ offset))) >= strong else 1
    scale = np.maximum(scale, _LEAST_SCALE * np.sqrt(offset))
    slope, intercept = 4 / scale, 4 * (0.375 + offset / scale**2)

    fine = 1 - strength
    coarse = max(0.0, 1 - 2 * strength)
    keep = np.array([fine, coarse, coarse])
    rise, start = _shrinkage(keep)

    floors = np.full(4, -np.inf) if floor is None else np.asarray(floor, np.float64).ravel()
    # The same for all colours, so that black stays grey.
    soft = _SOFT * float(np.sqrt(offset).mean())
    tables = [_correction(*values, below=fine, soft=soft) for values in zip(scale, offset, floors, strict=True)]
    # Noise that stays needs no correction of its mean.
    removed = 1 - (keep**2)[[0, 1, 1, 2]] @ basis**2
    correction = np.stack([share * table for share, (table, *_) in zip(removed, tables, strict=True)])
    return Denoiser(
        slope=_single(slope).reshape(2, 2),
        intercept=_single(intercept).reshape(2, 2),
        basis=_single(basis),
        rise=rise,
        start=start,
        keep=_single(keep),
        correction=_single(correction),
        first=_single([first for _, first, _ in tables]),
        strength=strength,
        alike=(1 - coarse) * float(passes == 2),
        passes=passes,
        dark=8 * float(basis[0] @ [none for *_, none in tables]),
    )


def _single(values: ArrayLike) -> Float32:
    return np.ascontiguousarray(values, np.float32)


def _basis(cfa: CfaPattern, gains: Float64) -> Float64:
    """(4, 4): lightness, two colour differences and the difference of the greens, of the positions of the CFA.

    Orthonormal, so that the noise stays white; the last three are 0 where the stabilised colour is neutral.
    """
    red, blue = cfa.index("R"), cfa.index("B")
    green = [k for k in range(4) if cfa[k] == "G"]
    start = np.zeros((4, 4))
    start[:, 0] = 1 / np.sqrt(gains)
    start[[red, blue], 1] = 1, -1
    start[[red, blue, *green], 2] = 1, 1, -1, -1
    start[green, 3] = 1, -1
    q, r = np.linalg.qr(start)
    return np.asarray((q * np.sign(np.diag(r))).T)


def _shrinkage(keep: Float64) -> tuple[Float32, Float32]:
    """(8, 8, 3) rise and (3,) start of the factor that a coefficient of some energy gets."""
    frequency = np.hypot(*np.mgrid[:8, :8]) / 8
    threshold = np.exp(_SLOPE * (frequency - 0.5))[..., None] * np.array(THRESHOLDS)
    rise = (1 - keep) / (_RAMP * threshold)
    rise[0, 0, :2] = 1e9  # a block's mean stays, but for greens that differ
    start = keep - (1 - keep) * (1 - _RAMP / 2) / _RAMP
    return kernels.planar(rise, np.float32), _single(start)


def _correction(scale: float, offset: float, floor: float, below: float, soft: float) -> tuple[Float64, float, float]:
    """What to add to the algebraic inverse of the mean stabilised sample, from `first` on in steps of the noise; first,
    and the mean stabilised sample of no light.

    The exact unbiased inverse (Makitalo and Foi 2013), of noise that is cut off at `floor` as the file's is: the mean
    of what was stored for light v is found by integration, then inverted. Light below 0, which there is none of, is
    multiplied by `below`, and goes over into what is above within `soft`: an estimate of no light is never exact.
    """

    def stabilised(v: Float64) -> Float64:
        return np.asarray(2 / scale * np.sqrt(np.maximum(scale * v + 0.375 * scale**2 + offset, 0)))

    dark = np.sqrt(offset + scale**2)
    lowest = max(floor, -(0.375 * scale + offset / scale), -6 * dark)
    first = float(stabilised(np.array([lowest]))[0])
    top = (((first + _REACH + 4) / 2) ** 2 - 0.375) * scale - offset / scale
    light = np.concatenate([np.linspace(-dark if floor > -6 * dark else lowest, 0, 100)[:-1],
                            np.linspace(0, 4 * dark, 200)[:-1],
                            4 * dark + (max(top, 8 * dark) - 4 * dark) * np.linspace(0, 1, 200) ** 2])  # fmt: skip
    deviates = np.linspace(-4.5, 4.5, 91)
    weights = np.exp(-(deviates**2) / 2)
    deviation = np.sqrt(scale * np.maximum(light, 0) + offset)
    stored = np.maximum(light[:, None] + deviation[:, None] * deviates, lowest)
    mean = stabilised(stored) @ (weights / weights.sum())
    u = first + np.linspace(0, _REACH, _TABLE)
    none = float(mean[light.searchsorted(0.0)])
    light = below * light + (1 - below) * 0.5 * (light + np.hypot(light, soft))
    algebraic = scale * (u * u / 4 - 0.375) - offset / scale
    return np.interp(u, mean, light) - algebraic, first, none
