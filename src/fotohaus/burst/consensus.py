"""The motion that most of two frames agree on, where a subject moves: every part has one vote, however strong.

Correlation of whole frames follows what has the most contrast: a subject that walks through a faint scene. Here each
window of a coarse level is correlated by itself; its best correlation counts up to a limit that plain detail reaches
as well as the subject does, and the shift and rotation that most windows vote for win (a generalised Hough
transform, Ballard 1981, of windows' displacements). Windows that clearly lie elsewhere are no longer trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fotohaus.burst.motion import MAX_SLOPE, Motion, parabola
from fotohaus.burst.pyramid import CORRELATION, TILE, Pyramid
from fotohaus.raw.image import Float32, Float64

SIDE = 96  # px that the voting level's smaller side has at least, and not twice
CELL = 16  # px of that level from window to window
WINDOW = 2 * CELL
REACH = 32  # px that are searched each way
VOTE = 5.0  # deviations of chance that a window's best correlation counts at most
SURROUND = 4  # power of the way from the middle to the border by which a window counts
CLEAR = 6.0  # deviations from which a window's best place is no chance
ELSEWHERE = 0.6  # of its best correlation below which a window does not move with the others
DECIDED = 14.0  # deviations above other places at which a vote is no chance: other scenes reach 11, subjects leave 16
LEAST = 0.15  # of all cells that must be trusted


@dataclass(frozen=True)
class Trust:
    """Which parts of the reference move with most of the frame.

    cells : (rows, columns) float64, 1 or 0, for squares of CELL px of `level`.
    """

    cells: Float64
    level: int

    def tiles(self, level: int, rows: int, columns: int) -> Float64:
        """(rows, columns) 0 or 1 for the tiles of `self.level` or a finer one: trusted only as a whole."""
        values = self.cells
        for axis, count in ((0, rows), (1, columns)):
            size = TILE * 2.0 ** (level - self.level) / CELL
            first = (np.arange(count) * size).astype(int)
            last = np.ceil((np.arange(count) + 1) * size).astype(int) - 1
            top = values.shape[axis] - 1
            values = np.minimum(values.take(np.minimum(first, top), axis), values.take(np.minimum(last, top), axis))
        return values

    def both(self, other: Trust | None) -> Trust:
        """What both trust."""
        return self if other is None else Trust(np.minimum(self.cells, other.cells), self.level)


def consensus(reference: Pyramid, moved: Pyramid) -> tuple[Motion, Trust, float]:
    """Shift and rotation on which most windows agree, where they do, and the vote in deviations of other places'."""
    level = max((k for k, size in enumerate(reference.sizes) if min(size) >= SIDE), default=0)
    h, w = reference.sizes[level]
    rows, columns = max(h // CELL - 1, 1), max(w // CELL - 1, 1)
    likeness = np.stack([_row(reference.bands[level], moved.bands[level], (h, w), i, columns) for i in range(rows)])
    y = np.arange(1, rows + 1, dtype=np.float64) * CELL - h / 2
    x = np.arange(1, columns + 1, dtype=np.float64) * CELL - w / 2
    spacing = 2.0 / max(h, w)
    steps = int(MAX_SLOPE / spacing)
    votes = np.stack([_votes(row) for row in likeness])
    # Subjects stand in the middle; the scene surrounds them.
    votes *= (np.maximum(np.abs(y[:, None]) / (h / 2), np.abs(x) / (w / 2)) ** SURROUND)[..., None, None]
    counts = {step: _count(votes, *_turned(step * spacing, x, y)) for step in range(-steps, steps + 1)}
    # Of equal counts the smaller turn wins.
    step = max(sorted(counts, key=abs), key=lambda s: float(counts[s].max()))
    count = counts[step]
    py, px = divmod(int(count[1:-1, 1:-1].argmax()), count.shape[1] - 2)
    py, px = py + 1, px + 1
    dx = px - REACH + parabola(count[py, px - 1], count[py, px], count[py, px + 1])
    dy = py - REACH + parabola(count[py - 1, px], count[py, px], count[py + 1, px])
    angle = step * spacing
    motion = Motion.still(reference.sizes[0])
    motion.coefficients[:2] = np.array([dx, dy]) * 2.0**level
    motion.coefficients[2:4] = motion.reach * np.sin(angle), motion.reach * (np.cos(angle) - 1)
    clear = float((count[py, px] - count.mean()) / (count.std() + 1e-9))
    return motion, _trusted(likeness, angle, (dx, dy), x, y, level), clear


def _row(reference: Float32, moved: Float32, size: tuple[int, int], row: int, columns: int) -> Float32:
    """(columns, 2 REACH + 1, 2 REACH + 1) correlation of a row of windows by displacement, in deviations of chance."""
    h, w = size
    side = WINDOW + 2 * REACH
    strip = np.zeros((side, (columns + 1) * CELL + 2 * REACH))
    top = row * CELL - REACH
    first, last = max(top, 0), min(top + side, h)
    wide = min(strip.shape[1] - REACH, w)
    strip[first - top : last - top, REACH : REACH + wide] = moved[first:last, :wide]
    start = np.arange(columns) * CELL
    windows = np.stack([reference[row * CELL : row * CELL + WINDOW, s : s + WINDOW] for s in start])
    around = np.stack([strip[:, s : s + side] for s in start])
    cross = np.fft.irfft2(np.fft.rfft2(around) * np.conj(np.fft.rfft2(windows, (side, side))), (side, side))
    energy = np.zeros((columns, side + 1, side + 1))
    energy[:, 1:, 1:] = np.square(around).cumsum(1).cumsum(2)
    n = 2 * REACH + 1
    box = energy[:, WINDOW:, WINDOW:] - energy[:, :n, WINDOW:] - energy[:, WINDOW:, :n] + energy[:, :n, :n]
    # Windows that leave the frame have little energy, and no better likeness for it.
    box = np.maximum(box, 0.5 * float(np.square(moved[:h, :w]).mean()) * WINDOW**2 + 1e-9)
    own = np.square(windows).sum((1, 2))[:, None, None] + 1e-9
    return np.asarray(cross[:, :n, :n] * (WINDOW / np.sqrt(CORRELATION * own * box)), np.float32)


def _votes(likeness: Float32) -> Float32:
    """Logarithm of each place's likelihood for windows of which every other one moves by itself, as anyone may."""
    best = likeness.max((1, 2), keepdims=True)
    scaled = likeness * np.minimum(1, VOTE / np.maximum(best, VOTE))
    likelihood = np.exp(np.square(np.maximum(scaled, 0)) / 2)
    likelihood /= likelihood.mean((1, 2), keepdims=True)
    return np.asarray(np.log(0.5 + 0.5 * likelihood) + 0.1 * scaled, np.float32)


def _turned(angle: float, x: Float64, y: Float64) -> tuple[Float64, Float64]:
    """(rows, columns) displacement in x and y of the windows' centres by a rotation."""
    cos, sin = np.cos(angle) - 1, np.sin(angle)
    return cos * x[None] - sin * y[:, None], sin * x[None] + cos * y[:, None]


def _count(votes: Float32, dx: Float64, dy: Float64) -> Float32:
    """Sum of all windows' votes, each displaced by (dx, dy)."""
    side = 2 * REACH + 1
    total = np.zeros((side, side), np.float32)
    for i, j in np.ndindex(*dx.shape):
        across, down = round(float(dx[i, j])), round(float(dy[i, j]))
        here, there = slice(max(-down, 0), side - max(down, 0)), slice(max(down, 0), side + min(down, 0))
        left, right = slice(max(-across, 0), side - max(across, 0)), slice(max(across, 0), side + min(across, 0))
        total[here, left] += votes[i, j][there, right]
    return total


def _trusted(likeness: Float32, angle: float, shift: tuple[float, float], x: Float64, y: Float64, level: int) -> Trust:
    """Cells of which no window clearly lies elsewhere."""
    rows, columns = likeness.shape[:2]
    dx, dy = _turned(angle, x, y)
    px = np.clip(np.rint(dx + shift[0]).astype(int) + REACH, 1, 2 * REACH - 1)
    py = np.clip(np.rint(dy + shift[1]).astype(int) + REACH, 1, 2 * REACH - 1)
    i, j = np.indices((rows, columns))
    near = np.max([likeness[i, j, py + a, px + b] for a in (-1, 0, 1) for b in (-1, 0, 1)], 0)
    best = likeness.max((2, 3))
    elsewhere = (best > CLEAR) & (near < ELSEWHERE * best)
    cells = np.ones((rows + 1, columns + 1))
    for a, b in np.ndindex(2, 2):
        part = cells[a : a + rows, b : b + columns]
        part[elsewhere] = 0
    if cells.mean() < LEAST:
        cells[...] = 1
    return Trust(cells, level)
