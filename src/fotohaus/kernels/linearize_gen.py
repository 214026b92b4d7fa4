"""Sensor values to linear light: black level, white level, lens-shading gains."""

import halide as hl

from fotohaus.kernels.common import x, y


@hl.generator(name="linearize")
class Linearize:
    """linear = (mosaic - black) * scale, black and scale per position of the 2x2 CFA."""

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    linear = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        g.linear[x, y] = (hl.f32(g.mosaic[x, y]) - g.black[x & 1, y & 1]) * g.scale[x & 1, y & 1]

        yo = hl.Var("yo")
        g.linear.split(y, yo, y, 64, hl.TailStrategy.GuardWithIf).parallel(yo).vectorize(x, 16)


if __name__ == "__main__":
    hl.main()
