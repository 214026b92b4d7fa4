"""Colours of what is just below clipping, in cells in which something clips."""

import halide as hl

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import any_view, largest, smoothstep, total
from fotohaus.kernels.shaded import Shaded

CLEAR = 0.94  # of saturation, below which all samples of a place have to be
FULL = 0.985  # of saturation, from which on all of a cell's green clips
GENTLE = (0.1, 0.7)  # darkest green over the brightest: a hard edge up to the first, none from the second
HOLE = (1.05, 1.25)  # red and blue over green: believed up to the first, not at all from the second
ENOUGH = 0.5  # places of full weight, over the cell's size, that are believed wholly


@hl.generator(name="highlights_rims")
class HighlightsRims(Shaded):
    """In cells of `cell` by `cell` samples that clip in part, the colour of the places that do not.

    A place is a red or blue sample with those around it, which have its own middle: 3 x 3. It weighs by the square of
    its brightest share of saturation, and by how far its darkest green is off the brightest: at a hard edge, each
    colour sees another part of it. found : as `highlights_colors` makes them. Green sites are those where x + y + green
    is even; in even rows the other colour is `first` (0: red, 2: blue). The gains are for cells.
    rims[x, y, i]: light of R, G, B; how far it is to be believed, 0 to 1; and its share of saturation.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    saturation = hl.InputBuffer(hl.Float(32), 2)
    cell = hl.InputScalar(hl.Int(32))
    green = hl.InputScalar(hl.Int(32))
    first = hl.InputScalar(hl.Int(32))
    found = hl.InputBuffer(hl.Float(32), 3)
    rims = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        gains = g.shading(4, g.top)
        width, height = g.mosaic.dim(0).extent(), g.mosaic.dim(1).extent()
        mirrored = hl.BoundaryConditions.mirror_interior(g.mosaic, [(0, width), (0, height)])
        row = hl.RDom([(0, g.cell // 2), (0, g.cell // 2), (0, 2)], "row")
        light, clear = ([g.found[x, y, first + i] for i in range(3)] for first in (0, 3))
        clips = hl.min(clear[0], hl.min(clear[1], clear[2])) < 1.0
        row.where(clips & (light[1] < FULL * g.found[x, y, 7]))
        parity = (row.z + g.green + 1) & 1
        across, down = x * g.cell + 2 * row.x + parity, y * g.cell + 2 * row.y + row.z
        row.where((across < width) & (down < height))

        def at(i, j):
            odd = (parity + i) & 1, (row.z + j) & 1
            level = hl.max(hl.f32(mirrored[across + i, down + j]) - g.black[odd[0], odd[1]], 0.0)
            span = hl.max(g.saturation[odd[0], odd[1]] - g.black[odd[0], odd[1]], 1.0)
            return level * g.scale[odd[0], odd[1]], level / span

        own, own_share = at(0, 0)
        beside = [at(i, j) for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1))]
        corners = [at(i, j) for i in (-1, 1) for j in (-1, 1)]
        greens, others = ([v for v, _ in places] for places in (beside, corners))
        share = largest([own_share, *(s for _, s in (*beside, *corners))])
        even = -largest([-v for v in greens]) / hl.max(largest(greens), 1e-6)
        weight = hl.select(share < CLEAR, share * share * smoothstep(even, *GENTLE), 0.0)
        is_red = (row.z == 0) == (g.first == 0)
        other = total(others) * 0.25
        sums = hl.Func("sums")
        sums[x, y] = tuple(hl.f32(0) for _ in range(5))
        now = sums[x, y]
        values = (hl.select(is_red, own, other), total(greens) * 0.25, hl.select(is_red, other, own), 1.0, share)
        sums[x, y] = tuple(now[n] + weight * value for n, value in enumerate(values))

        done = sums[x, y]
        count = hl.max(done[3], 1e-9)
        red = hl.select(g.first == 0, 1 - (g.green & 1), 2 + (1 - ((g.green + 1) & 1)))
        positions = (red, g.green & 1, 3 - red)
        gain = [total([hl.select(p == n, gains.sample(n), 0.0) for n in range(4)]) for p in positions]
        colors = [done[n] / count * gain[n] for n in range(3)]
        # Holes that a lossy codec leaves in a clipped area are magenta.
        magenta = hl.min(colors[0], colors[2]) / hl.max(colors[1], 1e-6)
        trust = hl.min(done[3] / (ENOUGH * hl.f32(g.cell)), 1.0) * (1.0 - smoothstep(magenta, *HOLE))
        g.rims[x, y, c] = hl.mux(c, [*colors, trust, done[4] / count])

        any_view(g.mosaic)
        g.rims.bound(c, 0, 5).reorder(c, x, y).unroll(c).parallel(y)
        sums.compute_at(g.rims, y)
        sums.update().reorder(row.x, row.y, row.z, x, y)
        gains.row.compute_at(g.rims, y)


if __name__ == "__main__":
    hl.main()
