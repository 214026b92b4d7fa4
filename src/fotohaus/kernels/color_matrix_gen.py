"""Every pixel's colour times a matrix."""

import halide as hl

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.common_raw import total


@hl.generator(name="color_matrix")
class ColorMatrix:
    """RGB in planes, times matrix[i, o]; the output may be the input."""

    pixels = hl.InputBuffer(hl.Float(32), 3)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    mixed = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g, made = self, hl.Func("made")
        made[x, y] = tuple(total([g.matrix[i, o] * g.pixels[x, y, i] for i in range(3)]) for o in range(3))
        g.mixed[x, y, c] = hl.mux(c, [made[x, y][o] for o in range(3)])

        xo, xi, yo, yi = (hl.Var(name) for name in ("xo", "xi", "yo", "yi"))
        tail = hl.TailStrategy.GuardWithIf
        # No pixel is made twice, nor one of its colours written before all are read.
        g.mixed.bound(c, 0, 3).split(x, xo, xi, 128, tail)
        g.mixed.split(y, yo, yi, strip_of(g.mixed.output_buffer().dim(1).extent(), 32), tail)
        g.mixed.reorder(xi, c, xo, yi, yo).unroll(c).vectorize(xi, 8, tail).parallel(yo)
        made.compute_at(g.mixed, xo).vectorize(x, 8, tail)


if __name__ == "__main__":
    hl.main()
