"""Burst hot pixels: samples that stand out of all that surrounds them."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import strip_of, x, y

LANES = 8
SAME = [(i, j) for j in (-2, 0, 2) for i in (-2, 0, 2) if i or j]  # of the same colour
BESIDE = [(-1, 0), (1, 0), (0, -1), (0, 1)]
COLOR = [0, 1, 1, 2]
MOST, USUAL = 4.0, 2.0  # deviations between the least and the second of twelve samples of noise


@hl.generator(name="burst_outliers")
class BurstOutliers:
    """Samples that exceed all but one of their twelve neighbours: 1, or 2 where it is beyond doubt.

    By `weak` deviations of the noise and `contrast` times what the neighbours' range is beyond that of noise; or by
    `strong` deviations and `contrast` times their range, if it is more than noise. The neighbours are the eight of its
    colour and the four beside it, these made comparable by `balance`. Quads begin at (pad, pad) of the padded mosaic.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    balance = hl.InputBuffer(hl.Float(32), 1)
    noise_scale = hl.InputBuffer(hl.Float(32), 1)  # by plane
    noise_offset = hl.InputBuffer(hl.Float(32), 1)
    pad = hl.InputScalar(hl.Int(32))
    weak = hl.InputScalar(hl.Float(32))
    strong = hl.InputScalar(hl.Float(32))
    contrast = hl.InputScalar(hl.Float(32))
    outliers = hl.OutputBuffer(hl.UInt(8), 2)  # of the mosaic without padding: its quad 0 at (0, 0)

    def generate(self):
        g = self
        light = hl.Func("light")
        px, py = x & 1, y & 1
        balance = hl.mux(px + 2 * py, [g.balance[n] for n in COLOR])
        value = f32(g.mosaic[x + g.pad, y + g.pad]) - g.black[px, py]
        light[x, y] = value * (g.scale[px, py] * balance)
        here = light[x, y]
        first, second, least = f32(-1e9), f32(-1e9), f32(1e9)
        for i, j in SAME + BESIDE:
            near = light[x + i, y + j]
            second = hl.max(second, hl.min(first, near))
            first, least = hl.max(first, near), hl.min(least, near)
        plane = px + 2 * py
        variance = g.noise_scale[plane] * hl.max(second, 0.0) + g.noise_offset[plane] * balance
        noise = hl.sqrt(variance * balance)
        excess, span = here - second, second - least
        weak = excess > g.contrast * hl.max(span - MOST * noise, 0.0) + g.weak * noise
        texture = span * hl.clamp(span / (noise * (MOST - USUAL)) - USUAL / (MOST - USUAL), 0.0, 1.0)
        strong = excess > g.contrast * texture + g.strong * noise
        g.outliers[x, y] = hl.u8(weak) + hl.u8(weak & strong)

        yo = hl.Var("yo")
        start = g.outliers.output_buffer()
        start.dim(0).set_min(0)
        start.dim(1).set_min(0)
        rows = strip_of(start.dim(1).extent(), 64)
        # Both samples of a row's quad at a time: which position a sample has is then known.
        g.outliers.split(y, yo, y, rows, hl.TailStrategy.GuardWithIf).parallel(yo)
        g.outliers.vectorize(x, 2 * LANES, hl.TailStrategy.GuardWithIf)
        light.store_at(g.outliers, yo).compute_at(g.outliers, y).vectorize(x, 2 * LANES, hl.TailStrategy.GuardWithIf)


if __name__ == "__main__":
    hl.main()
