"""Lateral chromatic aberration: measured from the mosaic itself, and undone before demosaic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.raw.image import CfaPattern, Rectangle
from fotohaus.records import record
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

MARGIN = 16
"""Samples around a sample that have a say in the corrected one."""

SMALLEST = 0.1
"""Shift at the worst place, in px, below which nothing is corrected."""
LARGEST = 4.0
"""A larger shift is no lens's: the measurement is refused."""

_SIDE = 16  # sites of one colour along a block, as in the kernel
_BORDER = 20  # px that blocks keep off the border
_CANDIDATES = 1200  # blocks that are looked at, per colour
_KEPT = 320  # blocks, per colour, that are measured
_COARSE, _FINE = (0.375, 0.25, 0.0625), (0.5, 0.25, 0.0)  # blurs: weights at distance 0, 1, 2 sites
_PASSES = ((_COARSE, 4), (_FINE, 4), (_FINE, 4))  # blur, and sites to each side of the mean that is taken off
_CHECK = (_FINE, 2)  # another band of frequencies: what is no shift, a colour's defocus or a hue, differs there
_CLIPPED = 0.9  # blocks with brighter samples than this say nothing: the colours' edges clip at different places
_ALIKE = 0.95  # correlation of green and the other colour in a block
_FEWEST = 30  # blocks, after weighting
_SIGNIFICANCE = 4.0  # a shift counts if it is this many deviations of its error
_SYSTEMATIC = 0.04  # px, deviation of a block's shift that is not its noise: colours, aliasing
_PRIOR = np.array([1e-6, 1e-6, 50.0, 10.0, 10.0])  # strength with which terms of the polynomial are held to 0, per px^2
_SETTLED = 1e-4  # px; fitting is done when nothing moves more
_SECTORS = 8


@record
class LateralAberration:
    """How much larger or smaller than green's the images of red and blue are.

    A point that green shows at d px from the centre is shown by red at d (1 + a + b r^2 + c r^4), with r = |d| over
    half the diagonal. red, blue : (a, b, c), zeros where nothing was found. center : (x, y) in px of the mosaic, in
    which the middle of the first sample is (0, 0). radius : half the diagonal in px.
    """

    red: tuple[float, float, float]
    blue: tuple[float, float, float]
    center: tuple[float, float]
    radius: float

    def shift(self, radius: float | Float64, plane: str) -> Float64:
        """Radial shift in px of "R" or "B" at distances from the centre, as fractions of half the diagonal."""
        r = np.asarray(radius, np.float64)
        a, b, c = {"R": self.red, "B": self.blue}[plane]
        return np.asarray(self.radius * r * (a + b * r**2 + c * r**4))


def measure(
    mosaic: NDArray[np.uint16], cfa: CfaPattern, black: ArrayLike, white: ArrayLike, report: Report | None = None
) -> LateralAberration | None:
    """Find the lateral chromatic aberration of a mosaic as it was read (H, W), any view; None where none shows.

    black, white : (2, 2), the levels per position of the CFA.

    In blocks of 16 x 16 sites, red and blue are each fitted by an offset, a gain and a shift of green along the radius
    (Lucas and Kanade 1981, in one dimension), and the shifts by a polynomial of the radius, robustly, from coarse to
    fine. Refused are shifts that stay below 0.1 px everywhere, that are uncertain, or that no lens makes.
    """
    report = report or Report()
    height, width = mosaic.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    radius = 0.5 * float(np.hypot(width, height))
    if min(height, width) < 2 * _BORDER + 4 * _SIDE:
        return None
    origins = _grid(height, width)
    black, white = np.asarray(black, np.float32), np.asarray(white, np.float32)
    scale = 1 / np.maximum(white - black, 1)
    # Mirrored, a picture has the same shifts along the radius, and the kernel reads it three times as fast.
    mirrored = mosaic.strides[1] < 0
    if mirrored:
        mosaic = mosaic[:, ::-1]
        if width % 2 == 0:
            black, scale = black[:, ::-1], scale[:, ::-1]
    levels = {"mosaic": mosaic, "black": np.ascontiguousarray(black), "scale": np.ascontiguousarray(scale)}
    found: dict[str, tuple[float, float, float]] = {}
    said = []
    for plane in "RB":
        row, column = divmod(cfa.index(plane), 2)
        places = origins + np.array((column, row), np.int32)
        if mirrored:
            places[:, 0] = width + 1 - 2 * _SIDE - places[:, 0]
        fit = _fit(levels, places, centre, radius)
        if fit is None:
            found[plane] = (0.0, 0.0, 0.0)
            continue
        coefficients, error = fit
        found[plane] = coefficients
        r = np.linspace(0, 1, 33)
        shifts = radius * _powers(r) @ np.array(coefficients)
        said.append(f"{'red' if plane == 'R' else 'blue'} {shifts[-1]:+.2f} px ± {error:.2f}")
    if not said:
        report.note("no lateral chromatic aberration to be seen")
        return None
    report.note(f"lateral chromatic aberration at the corners: {', '.join(said)}")
    return LateralAberration(found["R"], found["B"], centre, radius)


def _grid(height: int, width: int) -> NDArray[np.int32]:
    """First sample (x, y), both even, of the candidates' blocks: (n, 2), spread evenly."""
    block = 2 * _SIDE
    rows, columns = (size - 2 * _BORDER - block for size in (height, width))
    pitch = max(block, (rows * columns / _CANDIDATES) ** 0.5)
    ys, xs = (_BORDER + np.linspace(0, n, max(2, int(n / pitch) + 1)) for n in (rows, columns))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return np.asarray(grid // 2 * 2, np.int32)


def _powers(r: Float64) -> Float64:
    return np.stack([r, r**3, r**5], axis=-1)


def _fit(
    levels: dict[str, NDArray[Any]], places: NDArray[np.int32], centre: tuple[float, float], radius: float
) -> tuple[tuple[float, float, float], float] | None:
    """Coefficients of one colour's shift and the error of the shift at the corner in px; None if it is refused."""
    places = np.ascontiguousarray(places, np.int32)
    offset = places + (_SIDE - 1) - np.array(centre)
    distance = np.maximum(np.hypot(*offset.T), 1.0)
    direction, r = offset / distance[:, None], distance / radius
    coefficients, error, before = np.zeros(3), np.inf, np.zeros(3)
    for number, (smooth, wide) in enumerate((*_PASSES, _CHECK)):
        shift = radius * _powers(r) @ coefficients
        mean = np.zeros(5, np.float32)
        mean[: wide + 1] = 1 / (2 * wide + 1)
        sums = np.empty((len(places), 10), np.float32)
        kernels.call(
            "aberration_sums",
            **levels,
            places=places,
            motion=np.column_stack([direction, shift]).astype(np.float32),
            smooth=np.array(smooth, np.float32),
            mean=mean,
            sums=sums,
        )
        measured, weight = _shifts(sums.astype(np.float64))
        if number == 0 and len(places) > _KEPT:
            kept = np.argsort(-weight, kind="stable")[:_KEPT]
            places, direction = np.ascontiguousarray(places[kept]), direction[kept]
            measured, weight, r, shift = (v[kept] for v in (measured, weight, r, shift))
        solved = _polynomial(r, shift - measured, weight, direction, radius)
        if solved is None:
            return None
        before = coefficients
        coefficients, error = solved
        if abs(radius * coefficients.sum()) < error:
            return None  # what is not one deviation does not become four
    differ = 0.5 * radius * (coefficients - before).sum()
    coefficients, error = before, float(np.hypot(error, differ))
    corner = abs(radius * coefficients.sum())
    largest = np.abs(radius * _powers(np.linspace(0, 1, 33)) @ coefficients).max()
    if largest < SMALLEST or largest > LARGEST or corner < _SIGNIFICANCE * error:
        return None
    a, b, c = (float(v) for v in coefficients)
    return (a, b, c), error


def _shifts(sums: Float64) -> tuple[Float64, Float64]:
    """Shift along the radius in px that is left in each block, and its weight, the inverse of its variance."""
    n = _SIDE**2
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
    r: Float64, shift: Float64, weight: Float64, direction: Float64, radius: float
) -> tuple[Float64, float] | None:
    """Coefficients (3,) and the deviation of the shift at the corner in px, by iteratively reweighted least squares."""
    used = weight > 0
    if used.sum() < _FEWEST:
        return None
    r, shift, weight, direction = r[used], shift[used], weight[used], direction[used]
    angle = np.arctan2(direction[:, 1], direction[:, 0])
    sector = np.floor(angle / (2 * np.pi) * _SECTORS).astype(np.intp) % _SECTORS
    # A shift of the whole colour is found as well, and dropped: a decentred lens, or horizons that are all alike.
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
    outer = float(robust[r > 0.55].sum())
    if effective < _FEWEST or outer < _FEWEST / 4:
        return None
    # What misleads, a horizon or a roof, does so on one side of the picture: the error is that of leaving sides out.
    weighed = powers.T * (weight * robust)
    sides = weighed * (sector != np.arange(_SECTORS)[:, None])[:, None]
    left_out = np.linalg.solve(sides @ powers + prior, (sides @ shift)[..., None])[..., 0]
    error = float(np.sqrt((_SECTORS - 1) * np.var(left_out[:, :3].sum(axis=1))))
    return solution[:3] / radius, error


def _weighted_median(values: Float64, weights: Float64) -> float:
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(sums, 0.5 * sums[-1])])


def correct(
    mosaic: Float32,
    cfa: CfaPattern,
    aberration: LateralAberration,
    *,
    origin: tuple[int, int] = (0, 0),
    crop: Rectangle | None = None,
) -> Float32:
    """Bring red and blue to green's size: (H, W) mosaic, or a strip of it, to (h, w); greens are as they were.

    A red or blue sample becomes the green at its site less the difference of green and that colour where the colour
    shows the same point. origin : (x, y) of the strip's first sample in the mosaic that was measured, both even. crop :
    the part of the strip to make, its first sample even; a sample depends on those within MARGIN px. At its border the
    strip is mirrored. A colour without aberration stays as it was.
    """
    height, width = mosaic.shape
    crop = crop or Rectangle(0, 0, height, width)
    if min(crop.top, crop.left) < 0 or crop.top + crop.height > height or crop.left + crop.width > width:
        raise ValueError(f"crop {crop} is not within the mosaic's {width} x {height}")
    if (crop.top | crop.left | origin[0] | origin[1]) & 1:
        raise ValueError("the crop and the origin must begin at even samples")
    row, column = divmod(cfa.index("R"), 2)
    corrected = np.empty((crop.height, crop.width), np.float32)
    kernels.call(
        "aberration_correct",
        mosaic=np.ascontiguousarray(mosaic, np.float32),
        radial=np.array([aberration.red, aberration.blue], np.float32),
        center_x=aberration.center[0] - origin[0],
        center_y=aberration.center[1] - origin[1],
        scale=1 / aberration.radius**2,
        left=crop.left,
        top=crop.top,
        red_x=column,
        red_y=row,
        corrected=corrected,
    )
    return corrected
