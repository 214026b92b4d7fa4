"""Local tone: a coarse grid of gains over place and level, read at each pixel's own place and level."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y

LARGEST = 2.0**30


def light(v):
    """The value, at least 0 and at most a large number; on bits, because float comparisons assume no NaN."""
    largest = hl.reinterpret(hl.Int(32), f32(LARGEST))
    return hl.reinterpret(hl.Float(32), hl.clamp(hl.reinterpret(hl.Int(32), v), 0, largest))


@hl.generator(name="local_tone")
class LocalTone:
    """toned = pixels * 2^gain, one gain for the three channels of a pixel.

    grid[level, column, row] : gain in EV at nodes that are evenly spread over the picture, the first and last on its
        border. per_column, per_row : nodes per pixel. top : the first row's number in the picture.
    A pixel's place along the levels is per_ev * log2(sqrt(norm^2 + floor^2)) + offset, its norm as in `render`.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    grid = hl.InputBuffer(hl.Float(32), 3)
    per_column = hl.InputScalar(hl.Float(32))
    per_row = hl.InputScalar(hl.Float(32))
    top = hl.InputScalar(hl.Int(32))
    floor_square = hl.InputScalar(hl.Float(32))
    per_ev = hl.InputScalar(hl.Float(32))
    offset = hl.InputScalar(hl.Float(32))
    toned = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        levels, columns, rows = (g.grid.dim(d).extent() for d in range(3))
        k, j, xi, xo, yo = (hl.Var(name) for name in ("k", "j", "xi", "xo", "yo"))

        # The grid between its rows, once for a row of pixels.
        at_row = hl.Func("at_row")
        v = (f32(y + g.top) + 0.5) * g.per_row
        i = hl.clamp(hl.i32(v), 0, rows - 2)
        at_row[k, j, y] = g.grid[k, j, i] + (v - f32(i)) * (g.grid[k, j, i + 1] - g.grid[k, j, i])

        r, gr, b = (light(g.pixels[x, y, channel]) for channel in range(3))
        square = f32(0.2627) * r * r + f32(0.6780) * gr * gr + f32(0.0593) * b * b + g.floor_square
        place = hl.fast_log(square) * (g.per_ev * f32(0.5 / 0.6931471805599453)) + g.offset
        place = hl.clamp(place, 0, f32(levels - 1))
        ki = hl.clamp(hl.i32(place), 0, levels - 2)
        u = (f32(x) + 0.5) * g.per_column
        ji = hl.clamp(hl.i32(u), 0, columns - 2)
        kf, jf = place - f32(ki), u - f32(ji)

        def along_level(column):
            first = at_row[ki, column, y]
            return first + kf * (at_row[ki + 1, column, y] - first)

        left = along_level(ji)
        gain = hl.Func("gain")
        gain[x, y] = hl.fast_exp((left + jf * (along_level(ji + 1) - left)) * f32(0.6931471805599453))
        g.toned[x, y, c] = g.pixels[x, y, c] * gain[x, y]

        tail, vector = hl.TailStrategy.GuardWithIf, 16
        (
            g.toned.bound(c, 0, 3)
            .split(y, yo, y, strip_of(g.toned.output_buffer().dim(1).extent(), 64), tail)
            .parallel(yo)
            .split(x, xo, xi, vector, tail)
            .reorder(xi, c, xo, y, yo)
            .unroll(c)
            .vectorize(xi)
        )
        gain.compute_at(g.toned, xo).vectorize(x, vector, tail)
        at_row.compute_at(g.toned, y).vectorize(k, 8, tail)


if __name__ == "__main__":
    hl.main()
