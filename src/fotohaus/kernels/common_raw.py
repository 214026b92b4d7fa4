"""What the kernels that read sensor values share; imported at build time only."""

import functools
import operator

import halide as hl

from fotohaus.kernels.common import x, y


class Gains:
    """Lens-shading gains on a grid, sampled at pixels (DNG 1.7.1, GainMap): bilinear, the border's value outside.

    grid : buffer [column, row, position]. origin, step : (x, y) scalars that turn a pixel into grid coordinates.
    top : the row of the image that is y = 0 here.
    """

    def __init__(self, grid, origin, step, positions, top=0):
        self._grid, self._origin, self._step = grid, origin, step
        self._column, self._position = hl.Var("column"), hl.Var("position")
        self.row = hl.Func("gain_row")
        low, high, part = self._between_rows = self._split(hl.f32(y + top) * step[1] + origin[1], grid.dim(1).extent())
        values = (grid[self._column, row, self._position] for row in (low, high))
        self.row[self._column, self._position, y] = hl.lerp(*values, part)
        self.row.bound(self._position, 0, positions)

    @staticmethod
    def _split(coordinate, count):
        at = hl.clamp(coordinate, 0.0, hl.f32(count - 1))
        low = hl.i32(at)
        return low, hl.min(low + 1, count - 1), at - hl.f32(low)

    @property
    def flat(self):
        """Whether the grid is a single point, that is, the gain is the same everywhere."""
        return (self._grid.dim(0).extent() == 1) & (self._grid.dim(1).extent() == 1)

    def sample(self, position):
        """Gain at (x, y) for a position of the CFA or a plane."""
        low, high, part = self._split(hl.f32(x) * self._step[0] + self._origin[0], self._grid.dim(0).extent())
        interpolated = hl.lerp(self.row[low, position, y], self.row[high, position, y], part)
        return hl.select(self.flat, self.row[0, position, y], interpolated)

    def by_columns(self, scale, parity):
        """Gain times scale (2x2, per position of the CFA) at (x, y), for a mosaic; parity : of the row.

        Made for those rows of the grid that a task lies in, then between them: rows of pixels look nothing up.
        `columns` is to be scheduled, for a task.
        """
        row, odd = hl.Var("row"), hl.Var("odd")
        left, right, part = self._split(hl.f32(x) * self._step[0] + self._origin[0], self._grid.dim(0).extent())
        near, far = (self._grid[column, row, 2 * odd + (x & 1)] for column in (left, right))
        self.columns = hl.Func("gain_columns")
        self.columns[x, row, odd] = hl.lerp(near, far, part) * scale[x & 1, odd]
        above, below, part = self._between_rows
        return hl.lerp(self.columns[x, above, parity], self.columns[x, below, parity], part)


def any_view(buffer):
    """Let a buffer be any NumPy view: mirrored or transposed, with whatever stride along x."""
    buffer.dim(0).set_stride(hl.Expr())
    return buffer


def total(values):
    """Sum of expressions."""
    return functools.reduce(operator.add, values)


def largest(values):
    """Maximum of expressions."""
    return functools.reduce(hl.max, values)


def smoothstep(value, low, high):
    """0 up to `low`, 1 from `high`, a smooth ramp between."""
    part = hl.clamp((value - low) / (high - low), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


def clipping(saturation):
    """How far a sample counts as clipped; noise spreads clipped samples, so there is no hard threshold."""
    return smoothstep(saturation, 0.95, 0.985)


def unclip(first, second, saturation_1, saturation_2, ceiling, is_green):
    """What a clipped sample was, from the other two colours: after "inpaint opposed" (darktable 4.2).

    first, second : local means of the other colours, green first; the saturations : each as a fraction of its clip
    level. ceiling : the highest clip level.
    """
    a, b = hl.sqrt(first), hl.sqrt(second)
    # A colour that clips is only known to be at least as bright: the mean with it is a lower bound, the other one alone
    # an estimate.
    weight_1, weight_2 = (1.001 - clipping(s) for s in (saturation_1, saturation_2))
    middle = hl.max(0.5 * (a + b), (weight_1 * a + weight_2 * b) / (weight_1 + weight_2))
    # When the other colours clip too, it is white at least as bright as the highest clip level.
    estimate = middle * middle
    estimate = estimate + clipping(hl.min(saturation_1, saturation_2)) * (ceiling - estimate)
    # Red and blue both above green is magenta, which no sky or skin is: at most as bright as a green that is known.
    return hl.min(estimate, hl.select(is_green, 1e9, first + 1e9 * clipping(saturation_1)))


def encode(v, toe):
    """A root of linear light, sqrt(v + toe^2) - toe, in which noise is even; a straight line below 0."""
    return hl.select(v < 0, v * (0.5 / toe), hl.sqrt(hl.max(v, 0) + toe * toe) - toe)


def decode(u, toe):
    """Linear light of what `encode` made."""
    return u * (hl.max(u, 0) + 2 * toe)
