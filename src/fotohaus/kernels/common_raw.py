"""What the kernels that read sensor values share; imported at build time only."""

import halide as hl

from fotohaus.kernels.common import x, y

# Samples from this fraction of the saturation level on count as clipped.
CLIPPED = 0.985


class Gains:
    """Lens-shading gains on a grid, sampled at pixels (DNG 1.7.1, GainMap): bilinear, the border's value outside.

    grid : buffer [column, row, position]. origin, step : (x, y) scalars that turn a pixel into grid coordinates.
    """

    def __init__(self, grid, origin, step, positions):
        self._grid, self._origin, self._step = grid, origin, step
        self._column, self._position = hl.Var("column"), hl.Var("position")
        self.row = hl.Func("gain_row")
        low, high, part = self._split(hl.f32(y) * step[1] + origin[1], grid.dim(1).extent())
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


def any_view(buffer):
    """Let a buffer be any NumPy view: mirrored or transposed, with whatever stride along x."""
    buffer.dim(0).set_stride(hl.Expr())
    return buffer


def unclip(first, second, saturation_1, saturation_2, offset, ceiling):
    """What a clipped sample was, from the other two colours: "inpaint opposed" (darktable 4.2) with a way to white.

    first, second : local means of the other colours; saturation_1, saturation_2 : the same as fractions of their clip
    levels. offset : what this colour differs by where nothing is clipped. ceiling : the level at which all are clipped.
    """
    middle = 0.25 * (first + second) + 0.5 * hl.sqrt(first * second)
    # When both other colours clip too, nothing is known but that it is brighter than every clip level: white.
    nearest = hl.clamp((hl.min(saturation_1, saturation_2) - 0.7) / 0.3, 0.0, 1.0)
    known = 1.0 - nearest * nearest * (3.0 - 2.0 * nearest)
    return ceiling + known * (middle + offset - ceiling)
