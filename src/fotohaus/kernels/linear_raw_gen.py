"""Linear raw (three samples per pixel, already demosaiced) to RGB, in one pass."""

import halide as hl

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import any_view, clipping, largest, total, unclip
from fotohaus.kernels.shaded import Shaded


class LinearRaw(Shaded):
    """Levels, gains, white balance, clipped samples and colour matrix; levels per plane.

    A clipped sample is rebuilt from the pixel's other two. `matrix[i, o]` is the weight of plane i in channel o.
    """

    mosaic: hl.InputBuffer
    black = hl.InputBuffer(hl.Float(32), 1)
    scale = hl.InputBuffer(hl.Float(32), 1)
    clip = hl.InputBuffer(hl.Float(32), 1)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    rgb = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        gains = g.shading(3, g.top)
        value, saturation, level, rebuilt = [], [], [], []
        for i in range(3):
            gain = gains.sample(i)
            value.append((hl.f32(g.mosaic[x, y, i]) - g.black[i]) * g.scale[i] * gain)
            level.append(hl.max(1e-6, g.clip[i] * gain))
            saturation.append(value[i] / level[i])
        ceiling = largest(level)
        for i, (a, b) in enumerate(((1, 2), (0, 2), (1, 0))):
            others = (hl.max(0.0, value[a]), hl.max(0.0, value[b]), saturation[a], saturation[b])
            estimate = unclip(*others, ceiling, hl.Expr(i == 1))
            rebuilt.append(value[i] + clipping(saturation[i]) * hl.max(0.0, estimate - value[i]))
        pixel = hl.Func("pixel")
        pixel[x, y] = tuple(rebuilt)
        g.rgb[x, y, c] = total([g.matrix[i, c] * pixel[x, y][i] for i in range(3)])

        any_view(g.mosaic)
        yo, xo, xi = hl.Var("yo"), hl.Var("xo"), hl.Var("xi")
        g.rgb.bound(c, 0, 3).split(y, yo, y, 64, hl.TailStrategy.GuardWithIf)
        g.rgb.split(x, xo, xi, 64, hl.TailStrategy.GuardWithIf).reorder(xi, c, y, xo, yo)
        g.rgb.vectorize(xi, 8, hl.TailStrategy.GuardWithIf).unroll(c).parallel(yo)
        pixel.compute_at(g.rgb, y).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        gains.row.compute_at(g.rgb, y)


@hl.generator(name="develop_linear_raw")
class DevelopLinearRaw(LinearRaw):
    """Integers."""

    mosaic = hl.InputBuffer(hl.UInt(16), 3)


@hl.generator(name="develop_linear_floats")
class DevelopLinearFloats(LinearRaw):
    """Floats, whose shadows 16 bits would cut into steps."""

    mosaic = hl.InputBuffer(hl.Float(32), 3)


if __name__ == "__main__":
    hl.main()
