"""Lateral chromatic aberration: measured from the mosaic itself, and undone before demosaic."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.develop.aberration_fit import KEPT, LARGEST, SIDE, SIGNIFICANCE, Fit, Picture, fit_colour, polar, refined
from fotohaus.raw.image import CfaPattern, Rectangle
from fotohaus.records import record
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

MARGIN = 28
"""Samples around a sample that have a say in the corrected one, at most."""

_BORDER = 24  # px that blocks keep off the border
_CANDIDATES = 1200  # blocks whose edges are looked at
_SYSTEMATIC_ASIDE = 0.06  # px, what may pass for a shift of a whole colour
_SECTORS = 8
_RINGS = 4
_SURE = 3.0  # deviations that a lens's centre must be off the picture's
_DECENTRED = 0.15  # of half the diagonal: no lens's centre lies farther from the picture's


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

    @property
    def reach(self) -> int:
        """The largest shift within the picture in whole px, rounded up."""
        r = np.linspace(0, 1 + _DECENTRED, 64)
        return min(ceil(max(float(np.abs(self.shift(r, plane)).max()) for plane in "RB")), int(LARGEST))

    @property
    def margin(self) -> int:
        """Samples around a sample that have a say in the corrected one: at most MARGIN."""
        return 2 * self.reach + 8


def measure(
    mosaic: NDArray[np.uint16], cfa: CfaPattern, black: ArrayLike, white: ArrayLike, report: Report | None = None
) -> LateralAberration | None:
    """Find the lateral chromatic aberration of a mosaic as it was read (H, W), any view; None where none shows.

    black, white : (2, 2), the levels per position of the CFA.

    In blocks of 16 x 16 sites, red and blue are each fitted by an offset, a gain and a shift of green along the radius
    (Lucas and Kanade 1981, in one dimension), and the shifts by a polynomial of the radius, robustly, from coarse to
    fine. Refused are shifts that stay below 0.45 px everywhere, that are uncertain, or that no lens makes. Where red
    and blue agree on another centre than the picture's middle, it is taken.
    """
    report = report or Report()
    height, width = mosaic.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    radius = 0.5 * float(np.hypot(width, height))
    if min(height, width) < 2 * _BORDER + 4 * SIDE:
        return None
    black, white = np.asarray(black, np.float32), np.asarray(white, np.float32)
    scale = 1 / np.maximum(white - black, 1)
    positions = np.arange(4).reshape(2, 2)
    # Mirrored, a picture has the same shifts along the radius, and the kernel reads it three times as fast.
    mirrored = mosaic.strides[1] < 0
    if mirrored:
        mosaic = mosaic[:, ::-1]
        if width % 2 == 0:
            black, scale, positions = black[:, ::-1], scale[:, ::-1], positions[:, ::-1]
    picture = Picture(mosaic, np.ascontiguousarray(black), np.ascontiguousarray(scale), radius)
    sites = {p: np.argwhere(positions == cfa.index(p))[0][::-1].astype(np.int32) for p in "RB"}
    grid = _grid(height, width)
    first = _with_edges(mosaic, grid, centre, radius)
    fits = {p: fit_colour(picture, grid + site, first + site, centre) for p, site in sites.items()}
    for sure in (_SURE, 0.5, 0.5):
        aside = _decentred(fits["R"], fits["B"], radius, sure)
        if aside is None:
            break
        moved = (centre[0] + float(aside[0]), centre[1] + float(aside[1]))
        again = {p: fit and refined(picture, grid + sites[p], moved, fit) for p, fit in fits.items()}
        if (
            None in again.values()
            or np.hypot(moved[0] - (width - 1) / 2, moved[1] - (height - 1) / 2) > _DECENTRED * radius
        ):
            break
        fits, centre = again, moved
    if mirrored:
        centre = (width - 1 - centre[0], centre[1])
    found, said = {}, []
    for plane, fit in fits.items():
        if fit is None:
            found[plane] = (0.0, 0.0, 0.0)
            continue
        a, b, c = (float(v) for v in fit.coefficients)
        found[plane] = (a, b, c)
        said.append(f"{'red' if plane == 'R' else 'blue'} {fit.corner:+.2f} px ± {fit.error:.2f}")
    if not said:
        report.note("no lateral chromatic aberration to be seen")
        return None
    report.note(f"lateral chromatic aberration at the corners: {', '.join(said)}")
    return LateralAberration(found["R"], found["B"], centre, radius)


def _grid(height: int, width: int) -> NDArray[np.int32]:
    """First sample (x, y), both even, of the candidates' blocks: (n, 2), spread evenly."""
    block = 2 * SIDE
    rows, columns = (size - 2 * _BORDER - block for size in (height, width))
    pitch = max(block, (rows * columns / _CANDIDATES) ** 0.5)
    ys, xs = (_BORDER + np.linspace(0, n, max(2, int(n / pitch) + 1)) for n in (rows, columns))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return np.asarray(grid // 2 * 2, np.int32)


def _with_edges(
    mosaic: NDArray[np.uint16], places: NDArray[np.int32], centre: tuple[float, float], radius: float
) -> NDArray[np.int32]:
    """The KEPT blocks with the strongest edges across the radius, from all sides of the picture: a colour's own
    samples tell of them, as far as the light between them changes more than noise would."""
    if len(places) <= KEPT:
        return places
    blocks = sliding_window_view(mosaic, (2 * SIDE, 2 * SIDE))[places[:, 1], places[:, 0], 0::4, 0::2]
    light = blocks.astype(np.float32)
    direction, r = polar(places, centre, radius)
    across, down = light[:, :-1, 1:] - light[:, :-1, :-1], 0.5 * (light[:, 1:, :-1] - light[:, :-1, :-1])
    u, v = (direction[:, k].astype(np.float32)[:, None, None] for k in (0, 1))
    slope = u * across + v * down
    strength = np.square(slope).mean(axis=(1, 2)) / (light.mean(axis=(1, 2)) + 1)
    angle = np.arctan2(direction[:, 1], direction[:, 0])
    sector = np.floor(angle / (2 * np.pi) * _SECTORS).astype(np.intp) % _SECTORS
    part = sector * _RINGS + np.minimum((r * r * _RINGS).astype(np.intp), _RINGS - 1)
    # The strongest of each part first, then the next of each.
    order = np.lexsort((-strength, part))
    starts = np.searchsorted(part[order], np.arange(_SECTORS * _RINGS))
    rank = np.empty(len(places), np.intp)
    rank[order] = np.arange(len(places)) - starts[part[order]]
    fair = KEPT // (2 * _SECTORS * _RINGS)
    kept = np.lexsort((-strength, rank >= fair))[:KEPT]
    return places[np.sort(kept)]


def _decentred(red: Fit | None, blue: Fit | None, radius: float, sure: float) -> Float64 | None:
    """Where the lens's centre lies, in px from where it was taken to be, if both colours agree on it.

    sure : deviations that it must be off by.
    """
    if red is None or blue is None:
        return None
    places, weights = [], []
    for fit in (red, blue):
        slope = fit.coefficients @ (1.0, 1.5, 1.8)  # of the shift by place, in the middle of where blocks are
        places.append(-fit.aside / slope)
        weights.append(slope**2 / (fit.aside_error**2 + _SYSTEMATIC_ASIDE**2))
    total = weights[0] + weights[1]
    place = (places[0] * weights[0] + places[1] * weights[1]) / total
    apart = np.sum((places[0] - places[1]) ** 2 * weights[0] * weights[1] / total)
    if apart > SIGNIFICANCE**2 or np.sum(place**2 * total) < 2 * sure**2 or np.hypot(*place) > _DECENTRED * radius:
        return None
    return np.asarray(place)


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
    the part of the strip to make, its first sample even; a sample depends on those within the aberration's
    margin. At its border the strip is mirrored. A colour without aberration stays as it was.
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
        reach=aberration.reach,
        left=crop.left,
        top=crop.top,
        red_x=column,
        red_y=row,
        corrected=corrected,
    )
    return corrected
