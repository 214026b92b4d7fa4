"""Resampling: an image seen through a camera that moves, row by row if need be."""

import halide as hl

from fotohaus.kernels.common import x, y

TAPS = 8
PHASES = 1024


@hl.generator(name="warp")
class Warp:
    """warped[x, y] = image at (rows[0, y] + x rows[2, y], rows[1, y] + x rows[3, y]), in plane planes[x & 1, y & 1].

    rows gives, for every row of the output, the image coordinates of its pixel 0 and the step to the next pixel.
    weights[tap, phase] is a separable interpolation kernel: tap k stands for the sample at floor(position) + k - 3,
    phase for the fraction of the position in 1/1024. Beyond its border the image repeats its last sample.
    """

    image = hl.InputBuffer(hl.Float(32), 3)
    planes = hl.InputBuffer(hl.Int(32), 2)
    rows = hl.InputBuffer(hl.Float(32), 2)
    weights = hl.InputBuffer(hl.Float(32), 2)
    warped = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        width, height = g.image.dim(0).extent(), g.image.dim(1).extent()
        planes = g.image.dim(2).extent()

        def locate(position):
            first = hl.floor(position)
            phase = hl.i32((position - first) * PHASES + 0.5)
            return hl.i32(first), hl.clamp(phase, 0, PHASES)

        fx = hl.f32(x)
        x0, phase_x = locate(hl.clamp(g.rows[0, y] + fx * g.rows[2, y], -8.0, hl.f32(width) + 8.0))
        y0, phase_y = locate(hl.clamp(g.rows[1, y] + fx * g.rows[3, y], -8.0, hl.f32(height) + 8.0))
        plane = hl.clamp(g.planes[x & 1, y & 1], 0, planes - 1)
        columns = [hl.clamp(x0 + k - 3, 0, width - 1) for k in range(TAPS)]
        wx = [g.weights[k, phase_x] for k in range(TAPS)]

        total = hl.f32(0)
        for j in range(TAPS):
            line = hl.clamp(y0 + j - 3, 0, height - 1)
            along = hl.f32(0)
            for k in range(TAPS):
                along += wx[k] * g.image[columns[k], line, plane]
            total += along * g.weights[j, phase_y]
        g.warped[x, y] = total

        yo = hl.Var("yo")
        g.planes.dim(0).set_bounds(0, 2)
        g.planes.dim(1).set_bounds(0, 2)
        g.rows.dim(0).set_bounds(0, 4)
        g.weights.dim(0).set_bounds(0, TAPS)
        g.weights.dim(1).set_bounds(0, PHASES + 1)
        g.warped.split(y, yo, y, 16, hl.TailStrategy.GuardWithIf).parallel(yo).vectorize(x, 8)


if __name__ == "__main__":
    hl.main()
