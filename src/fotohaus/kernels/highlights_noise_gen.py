"""What noise makes of a clipped cell's colours, and without it."""

import halide as hl

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import largest, smoothstep, total
from fotohaus.kernels.shaded import Shaded

REACH = 2  # cells to each side that are taken together
FLAT = (2.0, 4.0)  # variance over that of noise: nothing but noise up to the first, structure from the second
FROM = (0.014, 0.03)  # deviation at saturation from which on noise has a say, and all of it
LEFT = (0.3, 0.7)  # deviations that the mean is below saturation: clipped up to the first, known from the second
BIAS, FADE = 0.95, 2.2  # deviations that clipping takes off the mean: BIAS * exp(-FADE * deviations left)


@hl.generator(name="highlights_noise")
class HighlightsNoise(Shaded):
    """`highlights_colors`, decided by the mean of 5 x 5 cells instead of the largest sample where all is noise.

    noise : [0] variance at saturation over the level, [1] at any level, for R, G, B, as fractions of saturation. The
    rest as for `highlights_colors`. A mean of values of which noise lifts some to the clip level is too low by what is
    cut off: a normal distribution's, which says how far the light is from clipping.
    """

    cells = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    plane = hl.InputBuffer(hl.Int(32), 1)
    noise = hl.InputBuffer(hl.Float(32), 2)
    cell = hl.InputScalar(hl.Int(32))
    found = hl.InputBuffer(hl.Float(32), 3)
    colors = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        gains = g.shading(4, g.top)
        inside = [(0, g.cells.dim(0).extent()), (0, g.cells.dim(1).extent())]
        edge = hl.BoundaryConditions.repeat_edge(g.cells, inside)
        tall, pooled = hl.Func("tall"), hl.Func("pooled")
        tall[x, y, c] = total([edge[x, y + j, 3 * (c // 2) + (c & 1)] for j in range(-REACH, REACH + 1)])
        pooled[x, y, c] = total([tall[x + i, y, c] for i in range(-REACH, REACH + 1)])
        each = 4.0 / (float((2 * REACH + 1) ** 2) * hl.f32(g.cell * g.cell))
        limits = [hl.max(g.clip[p], 1e-6) for p in range(4)]
        means = [pooled[x, y, 2 * p] * each / limits[p] for p in range(4)]
        squares = [pooled[x, y, 2 * p + 1] * each / (limits[p] * limits[p]) for p in range(4)]

        light, known, flats = [], [], []
        for i in range(3):
            own = [hl.select(g.plane[p] == i, 1.0, 0.0) for p in range(4)]
            count = total(own)
            mean = total([v * o for v, o in zip(means, own, strict=True)]) / count
            variance = total([(q - v * v) * o for q, v, o in zip(squares, means, own, strict=True)]) / count
            expected = g.noise[0, i] * mean + g.noise[1, i]
            flats.append(1.0 - smoothstep(variance / (expected + 1e-9), *FLAT))
            deviation = hl.sqrt(g.noise[0, i] + g.noise[1, i]) + 1e-6
            left = (1.0 - mean) / deviation
            known.append(smoothstep(left, *LEFT))
            level = total([limits[p] * gains.sample(p) * own[p] for p in range(4)]) / count
            light.append(level * (mean + BIAS * deviation * hl.fast_exp(-FADE * hl.max(left, 0.0))))
        worst = largest([g.noise[0, i] + g.noise[1, i] for i in range(3)])
        flat = flats[0] * flats[1] * flats[2] * smoothstep(hl.sqrt(worst), *FROM)
        old = [g.found[x, y, k] for k in range(11)]
        new = [hl.lerp(old[i], light[i], flat) for i in range(3)]
        new += [hl.max(old[3 + i], flat * known[i]) for i in range(3)]
        new += [*old[6:10], hl.lerp(old[10], 1.0, flat)]
        g.colors[x, y, c] = hl.mux(c, new)

        g.colors.bound(c, 0, 11).reorder(c, x, y).unroll(c).parallel(y)
        g.colors.vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        for f in (tall, pooled):
            f.bound(c, 0, 8).compute_at(g.colors, y).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        gains.row.compute_at(g.colors, y)


if __name__ == "__main__":
    hl.main()
