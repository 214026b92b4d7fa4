"""Burst hot pixels: samples that stand out of all that surrounds them."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import strip_of, x, y

GROUP = 32  # samples of a row that are looked at, or passed over, together
SAME = [(i, j) for j in (-2, 0, 2) for i in (-2, 0, 2) if i or j]  # of the same colour
BESIDE = [(-1, 0), (1, 0), (0, -1), (0, 1)]
COLOR = [0, 1, 1, 2]
MOST, USUAL = 4.0, 2.0  # deviations between the least and the second of twelve samples of noise


def top_two(first, second):
    """The largest and the second of two such pairs."""
    return hl.max(first[0], second[0]), hl.max(hl.min(first[0], second[0]), hl.max(first[1], second[1]))


@hl.generator(name="burst_suspects")
class BurstSuspects:
    """Groups of a row's samples in which one may be an outlier: not 0.

    Such a sample passes the tests of `burst_outliers`, the weak ones, among the eight neighbours of its own colour
    alone, in DN: their noise has a variance of `slope` * DN above `black` + `offset`, each by position. Quads begin at
    (pad, pad).
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    slope = hl.InputBuffer(hl.Float(32), 2)
    offset = hl.InputBuffer(hl.Float(32), 2)
    pad = hl.InputScalar(hl.Int(32))
    weak = hl.InputScalar(hl.Float(32))
    contrast = hl.InputScalar(hl.Float(32))
    suspects = hl.OutputBuffer(hl.UInt(8), 2)  # group of GROUP columns, row

    def generate(self):
        g = self
        lane = hl.RDom([(0, GROUP)])
        column, row = x * GROUP + lane + g.pad, y + g.pad
        near = [g.mosaic[column + i, row + j] for i, j in SAME]
        pairs = [(hl.max(p, q), hl.min(p, q)) for p, q in zip(near[::2], near[1::2], strict=True)]
        second = top_two(top_two(*pairs[:2]), top_two(*pairs[2:]))[1]
        least = hl.min(hl.min(pairs[0][1], pairs[1][1]), hl.min(pairs[2][1], pairs[3][1]))
        middle = f32(second)
        excess, span = f32(g.mosaic[column, row]) - middle, middle - f32(least)

        def by_position(levels):
            return hl.select((lane & 1) == 0, levels[0, y & 1], levels[1, y & 1])

        variance = hl.max(middle - by_position(g.black), 0.0) * by_position(g.slope) + by_position(g.offset)
        # excess > weak * noise, and excess > contrast * (span - MOST * noise) + weak * noise
        detail = g.contrast * span - excess
        allowed = g.contrast * MOST - g.weak
        found = (excess > 0.0) & (excess * excess > g.weak * g.weak * variance)
        found = found & ((detail < 0.0) | (detail * detail < allowed * allowed * variance))
        most = hl.Func("most")
        most[x, y] = hl.u8(0)
        most[x, y] = hl.max(most[x, y], hl.select(found, hl.u8(1), hl.u8(0)))
        g.suspects[x, y] = most[x, y]

        yo = hl.Var("yo")
        rows = strip_of(g.suspects.output_buffer().dim(1).extent(), 64)
        g.suspects.split(y, yo, y, rows, hl.TailStrategy.GuardWithIf).parallel(yo)
        most.compute_at(g.suspects, x)
        most.update().atomic().vectorize(lane, GROUP)


@hl.generator(name="burst_outliers")
class BurstOutliers:
    """Samples that exceed all but one of their twelve neighbours: 1, or 2 where it is beyond doubt.

    By `weak` deviations of the noise and `contrast` times what the neighbours' range is beyond that of noise; or by
    `strong` deviations and `contrast` times their range, if it is more than noise. The neighbours are the eight of its
    colour and the four beside it, these made comparable by `balance`. Quads begin at (pad, pad) of the padded mosaic.
    Looked at are `groups`, counted along the rows, of which each has `across`.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    groups = hl.InputBuffer(hl.Int(32), 1)
    across = hl.InputScalar(hl.Int(32))
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    balance = hl.InputBuffer(hl.Float(32), 1)
    noise_scale = hl.InputBuffer(hl.Float(32), 1)  # by plane
    noise_offset = hl.InputBuffer(hl.Float(32), 1)
    pad = hl.InputScalar(hl.Int(32))
    weak = hl.InputScalar(hl.Float(32))
    strong = hl.InputScalar(hl.Float(32))
    contrast = hl.InputScalar(hl.Float(32))
    outliers = hl.OutputBuffer(hl.UInt(8), 2)  # sample of the group, group

    def generate(self):
        g = self
        lane, n = x, y
        left = (g.groups[n] % g.across) * GROUP + g.pad
        top = g.groups[n] / g.across + g.pad
        last_x, last_y = (g.mosaic.dim(d).extent() - reach for d, reach in ((0, GROUP + 2), (1, 3)))
        left, top = hl.clamp(left & ~1, 2, last_x & ~1), hl.clamp(top, 2, last_y)
        py = (top - g.pad) & 1

        def light(i, j):
            """Comparable light beside the sample."""
            at_y = (py + j) & 1
            blacks, gains = (
                [g.black[at_x, at_y] for at_x in (0, 1)],
                [g.scale[at_x, at_y] * hl.mux(at_x + 2 * at_y, [g.balance[c] for c in COLOR]) for at_x in (0, 1)],
            )
            even = ((lane + i) & 1) == 0
            return (f32(g.mosaic[left + lane + i, top + j]) - hl.select(even, *blacks)) * hl.select(even, *gains)

        here = light(0, 0)
        first, second, least = f32(-1e9), f32(-1e9), f32(1e9)
        for i, j in SAME + BESIDE:
            near = light(i, j)
            second = hl.max(second, hl.min(first, near))
            first, least = hl.max(first, near), hl.min(least, near)
        planes = [2 * py, 2 * py + 1]

        def of_plane(value):
            return hl.select((lane & 1) == 0, *[value(plane) for plane in planes])

        balance = of_plane(lambda plane: hl.mux(plane, [g.balance[c] for c in COLOR]))
        variance = of_plane(lambda plane: g.noise_scale[plane]) * hl.max(second, 0.0)
        variance += of_plane(lambda plane: g.noise_offset[plane]) * balance
        noise = hl.sqrt(variance * balance)
        excess, span = here - second, second - least
        weak = excess > g.contrast * hl.max(span - MOST * noise, 0.0) + g.weak * noise
        texture = span * hl.clamp(span / (noise * (MOST - USUAL)) - USUAL / (MOST - USUAL), 0.0, 1.0)
        strong = excess > g.contrast * texture + g.strong * noise
        g.outliers[lane, n] = hl.u8(weak) + hl.u8(weak & strong)

        no = hl.Var("no")
        g.outliers.bound(lane, 0, GROUP).vectorize(lane, GROUP // 2)
        groups = strip_of(g.outliers.output_buffer().dim(1).extent(), 1024)
        g.outliers.split(n, no, n, groups, hl.TailStrategy.GuardWithIf).parallel(no)


if __name__ == "__main__":
    hl.main()
