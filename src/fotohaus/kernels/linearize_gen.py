"""Sensor values to white-balanced linear light: black level, white level, lens-shading gains, white balance."""

import halide as hl

from fotohaus.kernels.common import x, y
from fotohaus.kernels.common_raw import any_view
from fotohaus.kernels.shaded import Shaded


@hl.generator(name="linearize")
class Linearize(Shaded):
    """linear = (mosaic - black) * scale * gain; black, scale and gain per position of the 2x2 CFA.

    `gains[column, row, 2 * (y & 1) + (x & 1)]`.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    linear = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        gains = g.shading(4, g.top)
        g.linear[x, y] = (hl.f32(g.mosaic[x, y]) - g.black[x & 1, y & 1]) * gains.by_columns(g.scale, y & 1)

        stride = any_view(g.mosaic).dim(0).stride()
        yo, xo = hl.Var("yo"), hl.Var("xo")
        g.linear.split(y, yo, y, 64, hl.TailStrategy.GuardWithIf).parallel(yo)
        for view in (stride == 1, stride == -1):
            g.linear.specialize(view).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        # A transposed view: blocks keep the cache lines of its columns.
        g.linear.split(x, xo, x, 64, hl.TailStrategy.GuardWithIf).reorder(x, y, xo, yo)
        g.linear.vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        gains.columns.compute_at(g.linear, yo).vectorize(x, 8)


if __name__ == "__main__":
    hl.main()
