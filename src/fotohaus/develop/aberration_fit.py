"""One colour's lateral chromatic aberration: blocks of a mosaic, their shifts, and the polynomial that fits them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.records import record

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

SMALLEST = 0.45
"""Shift at the worst place, in px, below which nothing is corrected."""
LARGEST = 10.0
"""A larger shift is no lens's: the measurement is refused."""

SIDE = 16  # sites of one colour along a block, as in the kernel
KEPT = 320  # blocks, per colour, that are measured
_COARSE, _FINE = (0.375, 0.25, 0.0625), (0.5, 0.25, 0.0)  # blurs: weights at distance 0, 1, 2 sites
_SEARCH = (_COARSE, 4)  # blur, and sites to each side of the mean that is taken off
_MEASURE = (_FINE, 4)
_CHECK = (_FINE, 2)  # another band of frequencies: what is no shift, a colour's defocus or a hue, differs there
_SEARCHES = 8  # looks, at most, until a large shift is nearly found
_CLOSE = 0.01  # px at the corner: what another fine look would not mend
_NEAR = 0.3  # px at the corner: what fine looks can mend
_CLIPPED = 0.9  # blocks with brighter samples than this say nothing: the colours' edges clip at different places
_ALIKE = 0.95  # correlation of green and the other colour in a block
_FEWEST = 30  # blocks, after weighting
SIGNIFICANCE = 4.0  # a shift counts if it is this many deviations of its error
_LIKELY = 3.0  # a first look over this many is followed by a better one
_SYSTEMATIC_CORNER = 0.08  # px, deviation of what hues and aliasing make of a shift that is not there
_SYSTEMATIC = 0.04  # px, deviation of a block's shift that is not its noise: colours, aliasing
_PRIOR = np.array([1e-6, 1e-6, 50.0, 10.0, 10.0])  # strength with which terms of the polynomial are held to 0, per px^2
_SETTLED = 1e-4  # px; fitting is done when nothing moves more
_OUTER = 0.55  # of half the diagonal: beyond it, there must be some
_GUESSES = (-8.0, -4.0, 4.0, 8.0)  # px at the corner
_SECTORS = 8


@record
class Picture:
    """A mosaic as the kernel takes it, its levels, and half its diagonal."""

    mosaic: NDArray[np.uint16]
    black: Float32
    scale: Float32
    radius: float


@record
class Fit:
    """coefficients : (3,), of px per px. corner, error : the shift at the corner and its error in px. aside,
    aside_error : (2,), the shift of the whole colour in px, and its error."""

    coefficients: Float64
    corner: float
    error: float
    aside: Float64
    aside_error: Float64


def polar(places: NDArray[np.int32], centre: tuple[float, float], radius: float) -> tuple[Float64, Float64]:
    """Direction (n, 2) from the centre of blocks' middles, and distance (n,) over half the diagonal."""
    offset = places + (SIDE - 1) - np.array(centre)
    distance = np.maximum(np.hypot(*offset.T), 1.0)
    return offset / distance[:, None], distance / radius


def _powers(r: Float64) -> Float64:
    return np.stack([r, r**3, r**5], axis=-1)


class _Blocks:
    """Blocks of one colour's sites: places (n, 2) of the first, directions (n, 2) from the centre of their middles,
    distances (n,) over half the diagonal."""

    def __init__(self, picture: Picture, places: NDArray[np.int32], centre: tuple[float, float]) -> None:
        self.picture, self.centre = picture, centre
        self.places = np.ascontiguousarray(places, np.int32)
        self.direction, self.r = polar(places, centre, picture.radius)

    def look(self, coefficients: Float64, band: tuple[tuple[float, ...], int]) -> tuple[Float64, Float64]:
        """The blocks' shifts and weights in a band of frequencies, seen from where coefficients say that they are."""
        smooth, wide = band
        shift = self.picture.radius * _powers(self.r) @ coefficients
        mean = np.zeros(5, np.float32)
        mean[: wide + 1] = 1 / (2 * wide + 1)
        sums = np.empty((len(self.places), 10), np.float32)
        kernels.call(
            "aberration_sums",
            mosaic=self.picture.mosaic,
            black=self.picture.black,
            scale=self.picture.scale,
            places=self.places,
            motion=np.column_stack([self.direction, shift]).astype(np.float32),
            smooth=np.array(smooth, np.float32),
            mean=mean,
            sums=sums,
        )
        left, weight = _shifts(sums.astype(np.float64))
        return shift - left, weight

    def fit(self, seen: tuple[Float64, Float64], rough: bool = False) -> Fit | None:
        return _polynomial(self.r, *seen, self.direction, self.picture.radius, rough)

    def outside(self, seen: tuple[Float64, Float64]) -> int:
        """How many blocks that say something lie in the outer part of the picture."""
        return int(np.count_nonzero(seen[1][self.r > _OUTER]))

    def search(self) -> Fit | None:
        """What shift there may be, roughly; None for none."""
        coefficients = np.zeros(3)
        seen = self.look(coefficients, _SEARCH)
        if self.outside(seen) < _FEWEST / 2:
            # Where a shift is large, nothing is alike any more: from where does most look alike?
            for guess in _GUESSES:
                there = np.array((guess / self.picture.radius, 0.0, 0.0))
                other = self.look(there, _SEARCH)
                if self.outside(other) > 2 * self.outside(seen) + 4:
                    coefficients, seen = there, other
        for number in range(_SEARCHES):
            fit = self.fit(seen, rough=True)
            if fit is None or (number == 0 and abs(fit.corner) < fit.error):
                return None  # what is not one deviation does not become four
            change, coefficients = fit.coefficients - coefficients, fit.coefficients
            if abs(self.picture.radius * change.sum()) < _NEAR or abs(fit.corner) > 1.5 * LARGEST:
                return fit
            seen = self.look(coefficients, _SEARCH)
        return None

    def measure(self, fit: Fit, rough: bool = False) -> Fit | None:
        """What is nearly right measured well, its error that of two bands of frequencies."""
        for _ in range(2):
            again = self.fit(self.look(fit.coefficients, _MEASURE), rough)
            if again is None:
                return None
            change, fit = again.corner - fit.corner, again
            if abs(change) < _CLOSE:
                break
        check = self.fit(self.look(fit.coefficients, _CHECK), rough)
        if check is None:
            return None
        differ = 0.5 * (check.corner - fit.corner)
        return replace(fit, error=float(np.hypot(np.hypot(max(fit.error, check.error), differ), _SYSTEMATIC_CORNER)))


def fit_colour(
    picture: Picture, places: NDArray[np.int32], first: NDArray[np.int32], centre: tuple[float, float]
) -> Fit | None:
    """One colour's shift; None if it is refused. places : of all blocks. first : of those that are looked at first."""
    blocks = _Blocks(picture, first, centre)
    fit = blocks.search()
    # Where these blocks are too noisy for finer looks, all of them may do.
    fit = fit and (blocks.measure(fit, rough=True) or fit)
    if fit is None or abs(fit.corner) < _LIKELY * fit.error:
        return None
    return refined(picture, places, centre, fit)


def refined(picture: Picture, places: NDArray[np.int32], centre: tuple[float, float], fit: Fit) -> Fit | None:
    """A shift that is nearly right, measured in those of all blocks that tell most; None if it is refused."""
    weight = _Blocks(picture, places, centre).look(fit.coefficients, _MEASURE)[1]
    best = np.argsort(-weight, kind="stable")[:KEPT]
    found = _Blocks(picture, places[best], centre).measure(fit)
    if found is None:
        return None
    largest = np.abs(picture.radius * _powers(np.linspace(0, 1, 33)) @ found.coefficients).max()
    certain = abs(found.corner) > SIGNIFICANCE * found.error
    return found if certain and SMALLEST < largest < LARGEST else None


def _shifts(sums: Float64) -> tuple[Float64, Float64]:
    """Shift along the radius in px that is left in each block, and its weight, the inverse of its variance."""
    n = SIDE**2
    g, v, s, gg, gv, vv, gs, vs, ss = sums[:, :9].T / n
    gg, gv, vv, gs, vs, ss = gg - g * g, gv - g * v, vv - v * v, gs - g * s, vs - v * s, ss - s * s
    tiny = 1e-12
    across = np.maximum(ss - gs**2 / np.maximum(gg, tiny), tiny)  # what of the slope the green itself does not say
    determinant = np.maximum(gg * ss - gs**2, tiny * tiny)
    gain = (gv * ss - vs * gs) / determinant
    slope = (vs * gg - gv * gs) / determinant
    rest = np.maximum(vv - gain * gv - slope * vs, tiny)
    alike = (gain > 0.1) & (rest < (1 - _ALIKE**2) * vv) & (gg > 1e-5) & (sums[:, 9] < _CLIPPED)
    gain = np.where(alike, gain, 1.0)
    shift = slope / gain
    variance = rest / (gain**2 * across * n / 4) + _SYSTEMATIC**2  # a quarter: neighbours are blurred together
    alike &= (np.abs(shift) < 3.0) & np.isfinite(shift)
    return np.where(alike, shift, 0.0), np.where(alike, 1 / variance, 0.0)


def _polynomial(
    r: Float64, shift: Float64, weight: Float64, direction: Float64, radius: float, rough: bool = False
) -> Fit | None:
    """The fit of blocks' shifts, with the jackknife's errors, by iteratively reweighted least squares.

    rough : the blocks may all lie in the middle, as far as a large shift can be followed at first.
    """
    used = weight > 0
    if used.sum() < _FEWEST:
        return None
    r, shift, weight, direction = r[used], shift[used], weight[used], direction[used]
    angle = np.arctan2(direction[:, 1], direction[:, 0])
    sector = np.floor(angle / (2 * np.pi) * _SECTORS).astype(np.intp) % _SECTORS
    # A shift of the whole colour is found as well: a decentred lens, or horizons that are all alike.
    powers = np.column_stack([_powers(r), direction])
    robust = np.ones_like(r)
    prior = np.diag(_PRIOR)
    solution = np.zeros(powers.shape[1])
    for _ in range(12):
        w = weight * robust
        before = solution
        solution = np.linalg.solve((powers * w[:, None]).T @ powers + prior, powers.T @ (w * shift))
        if np.abs(powers @ (solution - before)).max() < _SETTLED:
            break
        residual = np.abs(shift - powers @ solution)
        # Geman and McClure's weights: an edge between two colours is an outlier, not noise.
        spread = max(1.5 * 1.4826 * _weighted_median(residual, weight), 0.02)
        robust = 1 / (1 + (residual / spread) ** 2) ** 2
    effective = float(robust.sum())
    outer = float(robust[r > _OUTER].sum())
    if effective < _FEWEST or (outer < _FEWEST / 4 and not rough):
        return None
    # What misleads, a horizon or a roof, does so on one side of the picture: the error is that of leaving sides out.
    weighed = powers.T * (weight * robust)
    sides = weighed * (sector != np.arange(_SECTORS)[:, None])[:, None]
    left_out = np.linalg.solve(sides @ powers + prior, (sides @ shift)[..., None])[..., 0]
    error = float(np.sqrt((_SECTORS - 1) * np.var(left_out[:, :3].sum(axis=1))))
    aside_error = np.sqrt((_SECTORS - 1) * np.var(left_out[:, 3:], axis=0))
    return Fit(solution[:3] / radius, float(solution[:3].sum()), error, solution[3:], aside_error)


def _weighted_median(values: Float64, weights: Float64) -> float:
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(sums, 0.5 * sums[-1])])
