"""Point lights of the reference: stars and lamps, whose light no two frames spread alike."""

import halide as hl

from fotohaus.kernels.common import c, strip_of, x, y

N = 16  # samples of a tile's side
STEP = 8  # between tiles
u, v = hl.Var("u"), hl.Var("v")


@hl.generator(name="burst_points")
class BurstPoints:
    """Power by frequency, in units of the noise, of the light in each tile that is one point's: 0 where there is none.

    The light that the planes have in common at a quad, the mean product of every two of them, less each one's mean over
    the tile: so noise and hot pixels, which are one plane's alone, count as nothing. How many quads hold it is its
    participation number (sum e)^2 / sum e^2: all of it counts up to `few` quads, nothing from `many` on. Seen through
    the squared `window`. Tiles as in `burst_merge`.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)  # padded, quad 0 at (pad, pad)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    inverse_sigma = hl.InputBuffer(hl.Float(32), 3)  # tiles, planes
    window = hl.InputBuffer(hl.Float(32), 1)
    pad = hl.InputScalar(hl.Int(32))
    width = hl.InputScalar(hl.Int(32))  # quads
    height = hl.InputScalar(hl.Int(32))
    few = hl.InputScalar(hl.Float(32))
    many = hl.InputScalar(hl.Float(32))
    power = hl.OutputBuffer(hl.Float(32), 2)  # tiles

    def generate(self):
        g = self
        light, block = hl.Func("light"), hl.Func("block")
        column = hl.clamp(x, 0, g.width - 1) * 2 + c % 2 + g.pad
        row = hl.clamp(y, 0, g.height - 1) * 2 + c / 2 + g.pad
        light[x, y, c] = (hl.f32(g.mosaic[column, row]) - g.black[c % 2, c / 2]) * g.scale[c % 2, c / 2]
        inside = hl.RDom([(0, STEP), (0, STEP)])
        block[x, y, c] = hl.f32(0)
        block[x, y, c] += light[STEP * x + inside.x, STEP * y + inside.y, c]
        mean = hl.Func("mean")
        mean[x, y, c] = (block[x - 1, y - 1, c] + block[x, y - 1, c] + block[x - 1, y, c] + block[x, y, c]) / (N * N)
        common = hl.Func("common")
        planes = [(light[STEP * (x - 1) + u, STEP * (y - 1) + v, n] - mean[x, y, n]) * g.inverse_sigma[x, y, n]
                  for n in range(4)]  # fmt: skip
        whole = planes[0] + planes[1] + planes[2] + planes[3]
        alone = planes[0] * planes[0] + planes[1] * planes[1] + planes[2] * planes[2] + planes[3] * planes[3]
        w = g.window[u] * g.window[v]
        common[u, v, x, y] = (whole * whole - alone) * (w * w / 12)
        down, across = hl.RDom([(0, N)]), hl.RDom([(0, N)])
        columns, sums = hl.Func("columns"), hl.Func("sums")
        e = common[u, down, x, y]
        columns[u, x, y] = (hl.f32(0), hl.f32(0))
        columns[u, x, y] = (columns[u, x, y][0] + e, columns[u, x, y][1] + e * e)
        column_sums = columns[across, x, y]
        sums[x, y] = (hl.f32(0), hl.f32(0))
        sums[x, y] = (sums[x, y][0] + column_sums[0], sums[x, y][1] + column_sums[1])
        first, second = sums[x, y][0], hl.max(sums[x, y][1], hl.f32(1e-12))
        quads = first * first / second
        g.power[x, y] = hl.max(first, 0.0) * hl.clamp((g.many - quads) / (g.many - g.few), 0.0, 1.0)

        yo = hl.Var("yo")
        rows = strip_of(g.power.output_buffer().dim(1).extent(), 16)
        g.power.split(y, yo, y, rows, hl.TailStrategy.GuardWithIf).parallel(yo)
        light.store_at(g.power, yo).compute_at(g.power, y).bound(c, 0, 4).reorder(c, x, y).unroll(c).vectorize(x, 8)
        block.store_at(g.power, yo).compute_at(g.power, y).reorder(c, x, y)
        block.update().reorder(inside.x, inside.y, c, x, y)
        mean.compute_at(g.power, x)
        columns.compute_at(g.power, x).vectorize(u, 16)
        columns.update().reorder(u, down, x, y).vectorize(u, 16)
        sums.compute_at(g.power, x)


if __name__ == "__main__":
    hl.main()
