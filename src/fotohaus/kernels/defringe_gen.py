"""Axial chromatic aberration: red and blue that a lens blurred more than green, made as sharp along strong edges."""

import math

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.common_raw import largest, smoothstep, total

CELL = 4  # px along a cell's side; cells begin at the input's first pixel
BLURS = ((1.0, 3), (2.5, 6))  # of green, in px: deviation and taps to either side
POOL, REACH = (1.5, 3), 2  # of cells' moments: deviation and taps; cells to either side that colours are sought in
MOMENTS, FITS = 18, 8
TILE = 16, 8  # cells
CLIPPED_WEIGHT, DARKEST, ORIGIN = 0.05, 0.02, 0.5
RIDGE, RELATIVE, ABSOLUTE = 1.0, 1e-5, 1e-8
CONTRAST, BRIGHT = (math.log(1.6), math.log(3.0)), (0.1, 0.3)
MOST = 8.0  # of a colour over green


def gaussian(deviation, reach):
    """Weights of a Gaussian's middle and of one of its sides; both sides make 1."""
    weights = [math.exp(-0.5 * (i / deviation) ** 2) for i in range(reach + 1)]
    whole = weights[0] + 2 * sum(weights[1:])
    return [w / whole for w in weights]


def along(f, weights):
    """A symmetrical filter: f(offset) is the sample at an offset."""
    return f32(weights[0]) * f(0) + total([f32(w) * (f(i) + f(-i)) for i, w in enumerate(weights[1:], 1)])


def clipped(value, level):
    """How far a value counts as clipped."""
    return smoothstep(value / level, f32(0.92), f32(0.97))


def in_tiles(output, tiles, step, shape, made, plain=None):
    """Write an output in tiles alone: made(x, y, t, c) within the t-th, which begins at step * tiles[:, t].

    Everywhere else it is `plain`, or not written at all. Returns the loops within a tile and the one over tiles.
    """
    output[x, y, c] = hl.undef(hl.Float(32)) if plain is None else plain
    r = hl.RDom([*((0, n) for n in shape), (0, tiles.dim(1).extent())])
    buffer = output.output_buffer()
    # Known to be within, but for the compiler.
    left, top = (hl.clamp(step * tiles[i, r[3]], 0, buffer.dim(i).extent() - shape[i]) for i in (0, 1))
    output[left + r[0], top + r[1], r[2]] = made(*(r[i] for i in range(4)))
    # Tiles do not overlap.
    output.update().allow_race_conditions()
    return r


class Blurs:
    """Green of the input, its border repeated, and what blurring adds to it: of the picture, or of a tile of it."""

    def __init__(self, pixels, left=0, top=0, tile=()):
        whole = [(0, pixels.dim(0).extent()), (0, pixels.dim(1).extent())]
        self.pixels, self.tile, self.copies = hl.BoundaryConditions.repeat_edge(pixels, whole), tile, []
        if tile:
            # Where the border is repeated is found out once: vectors are then read as they lie.
            self.copies = [hl.Func(f"{name}_of_tile") for name in ("red", "green", "blue")]
            for i, copy in enumerate(self.copies):
                copy[x, y, *tile] = self.pixels[left + x, top + y, i]
        self.down, self.more = [], []
        for n, blur in enumerate(BLURS):
            weights = gaussian(*blur)
            down, more = hl.Func(f"down_{n}"), hl.Func(f"more_{n}")
            down[x, y, *tile] = along(lambda i: self.at(x, y + i, 1), weights)
            more[x, y, *tile] = along(lambda i, down=down: down[x + i, y, *tile], weights) - self.at(x, y, 1)
            self.down.append(down)
            self.more.append(more)

    def at(self, u, v, channel):
        return self.copies[channel][u, v, *self.tile] if self.tile else self.pixels[u, v, channel]


class Sums:
    """Weighted moments of cells, in the columns of each row of cells: rows[x, y]; `whole` adds up a cell's columns.

    Green g and what two blurs of it add, d1 and d2, are what red and blue are explained by. Means of w times 1, g, d1,
    d2, gg, g d1, g d2, d1 d1, d1 d2, d2 d2, then for red and for blue v, v g, v d1, v d2. around : px to every side of
    a pixel in which nothing clips, or it weighs but `least`. more : what else is summed up, of red, green, blue and w.
    """

    def __init__(self, blurs, clip, around, least, tile=(), more=lambda *_: ()):
        span = range(-around, around + 1)
        cut, cut_down, weight, self.rows = (hl.Func(n) for n in ("cut", "cut_down", "weight", "rows"))
        cut[x, y, *tile] = largest([clipped(blurs.at(x, y, i), clip[i]) for i in range(3)])
        cut_down[x, y, *tile] = largest([cut[x, y + i, *tile] for i in span])
        known = 1.0 - largest([cut_down[x + i, y, *tile] for i in span])
        wide = hl.max(blurs.more[1][x, y, *tile] + blurs.at(x, y, 1), 0.0) + f32(DARKEST)
        weight[x, y, *tile] = hl.max(known, f32(least)) / (wide * wide)
        by_row = []
        for i in range(CELL):
            row = CELL * y + i
            w, red, green, blue = weight[x, row, *tile], *(blurs.at(x, row, k) for k in range(3))
            basis = [green, *(f[x, row, *tile] for f in blurs.more)]
            first = [w * b for b in basis]
            values = [w, *first, *(first[i] * basis[j] for i in range(3) for j in range(i, 3))]
            for value in (red, blue):
                values += [w * value, *(f * value for f in first)]
            by_row.append([*values, *more(red, green, blue, w)])
        sums = [total(values) for values in zip(*by_row, strict=True)]
        self.rows[x, y, *tile] = tuple(sums)
        self.count = len(sums)
        self.stages = [*blurs.down, *blurs.more, *((cut, cut_down) if around else ()), weight, self.rows]

    def whole(self, u, v, tile=()):
        sums = [total([self.rows[CELL * u + i, v, *tile][k] for i in range(CELL)]) for k in range(self.count)]
        return [f32(1 / CELL**2) * value for value in sums]


@hl.generator(name="defringe_measured")
class DefringeMeasured:
    """Camera RGB to moments of its cells of 4 x 4 px: moments[x, y, m].

    After those of `Sums` the plain means of red, green and blue, then w v v of red and of blue. Nothing that clips has
    a say, nor what demosaic made of it beside it.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    moments = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        sums = Sums(Blurs(g.pixels), g.clip, around=1, least=0.0,
                    more=lambda r, gr, b, w: (r, gr, b, w * r * r, w * b * b))  # fmt: skip
        g.moments[x, y, c] = hl.mux(c, sums.whole(x, y))

        xo, xi = hl.Var("xo"), hl.Var("xi")
        tail = hl.TailStrategy.GuardWithIf
        g.moments.bound(c, 0, sums.count).split(x, xo, xi, 64, tail).reorder(c, xi, xo, y)
        g.moments.vectorize(xi, 8, tail).unroll(c).parallel(y)
        for f in sums.stages:
            f.compute_at(g.moments, xo).vectorize(x, 8)


@hl.generator(name="defringe_edges")
class DefringeEdges:
    """Camera RGB to what its cells of 4 x 4 px and those near by have: edges[x, y, n].

    How much of an edge there is; the least and the largest ratio to green near by, of red, then of blue.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    edges = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g, reach = self, REACH
        wide, high = (g.pixels.dim(i).extent() for i in (0, 1))
        pixels = hl.BoundaryConditions.repeat_edge(g.pixels, [(0, wide), (0, high)])
        rows, means, ratios, high_y, low_y, limits, edge_y = (
            hl.Func(n) for n in ("rows", "means", "ratios", "high_y", "low_y", "limits", "edge_y")
        )
        rows[x, y, c] = total([pixels[x, CELL * y + i, c] for i in range(CELL)])
        means[x, y, c] = f32(1 / CELL**2) * total([rows[CELL * x + i, y, c] for i in range(CELL)])
        cells = hl.BoundaryConditions.repeat_edge(means, [(0, (n + CELL - 1) / CELL) for n in (wide, high)] + [(0, 3)])

        # How strong an edge a cell is at, and between what colours.
        light = hl.max(cells[x, y, 1], f32(1e-4))
        ratio, capped = [], []
        for i in (0, 2):
            value = cells[x, y, i]
            ratio.append(hl.clamp(value / (light + f32(0.002)), 0.0, f32(MOST)))
            capped.append(hl.select(value > f32(0.9) * g.clip[i], hl.min(ratio[-1], 1.0), ratio[-1]))
        ratios[x, y] = (light, *ratio, *capped)
        span = range(-reach, reach + 1)
        high_y[x, y] = tuple(largest([ratios[x, y + i][k] for i in span]) for k in (0, 3, 4))
        low_y[x, y] = tuple(-largest([-ratios[x, y + i][k] for i in span]) for k in (0, 1, 2))
        most = [largest([high_y[x + i, y][k] for i in span]) for k in range(3)]
        least = [-largest([-low_y[x + i, y][k] for i in span]) for k in range(3)]
        contrast = hl.log(most[0] / (least[0] + f32(0.004)))
        strong = smoothstep(contrast, f32(CONTRAST[0]), f32(CONTRAST[1])) * smoothstep(
            most[0], f32(BRIGHT[0]), f32(BRIGHT[1])
        )
        limits[x, y] = (strong, least[1], most[1], least[2], most[2])
        edge_y[x, y] = 0.5 * limits[x, y][0] + 0.25 * (limits[x, y - 1][0] + limits[x, y + 1][0])
        edge = 0.5 * edge_y[x, y] + 0.25 * (edge_y[x - 1, y] + edge_y[x + 1, y])
        g.edges[x, y, c] = hl.mux(c, [edge, *(limits[x, y][k] for k in range(1, 5))])

        tail = hl.TailStrategy.GuardWithIf
        g.edges.bound(c, 0, 5).reorder(c, x, y).vectorize(x, 8, tail).unroll(c).parallel(y)
        means.compute_root().bound(c, 0, 3).reorder(x, c, y).vectorize(x, 8).parallel(y)
        rows.compute_at(means, c).vectorize(x, 8)
        for f in (ratios, high_y, low_y, limits):
            f.compute_root().parallel(y).vectorize(x, 8)
        edge_y.compute_at(g.edges, y).vectorize(x, 8)


@hl.generator(name="defringe_moments")
class DefringeMoments:
    """Camera RGB to moments of its cells of 4 x 4 px, in tiles of TILE cells: moments[x, y, m], see `Sums`.

    tiles[:, t]: the cell that a tile begins with. What rebuilt light clipped has a little say.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    tiles = hl.InputBuffer(hl.Int(32), 2)
    moments = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g, t, made = self, hl.Var("t"), hl.Func("made")
        blurs = Blurs(g.pixels, CELL * g.tiles[0, t], CELL * g.tiles[1, t], (t,))
        sums = Sums(blurs, g.clip, 0, CLIPPED_WEIGHT, (t,))
        made[x, y, t, c] = hl.mux(c, sums.whole(x, y, (t,)))
        r = in_tiles(g.moments, g.tiles, 1, (*TILE, MOMENTS), lambda u, v, k, t: made[u, v, t, k])

        g.moments.update().reorder(r[0], r[2], r[1], r[3]).vectorize(r[0], 8).parallel(r[3])
        made.compute_at(g.moments, r[1]).bound(c, 0, MOMENTS).reorder(c, x, y, t).vectorize(x, 8).unroll(c)
        for f in sums.stages:
            f.compute_at(g.moments, r[1]).vectorize(x, 8)
        for f in blurs.copies:
            f.compute_at(g.moments, r[3])


@hl.generator(name="defringe_fits")
class DefringeFits:
    """Moments of cells to what `defringe` needs of them, in tiles of TILE cells: fits[x, y, n].

    blur[n, i]: how much of the n-th blur of green red (0) and blue (1) have on top of green's. Of red, then of blue:
    the least ratio to green; the line's slope and intercept, and the share of blur to take away.
    """

    moments = hl.InputBuffer(hl.Float(32), 3)
    edges = hl.InputBuffer(hl.Float(32), 3)
    blur = hl.InputBuffer(hl.Float(32), 2)
    tiles = hl.InputBuffer(hl.Int(32), 2)
    fits = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g, t, weights = self, hl.Var("t"), gaussian(*POOL)
        moments, edges = (
            hl.BoundaryConditions.repeat_edge(f, [(0, f.dim(0).extent()), (0, f.dim(1).extent())])
            for f in (g.moments, g.edges)
        )
        left, top = g.tiles[0, t], g.tiles[1, t]
        pooled_y, pooled, fit = hl.Func("pooled_y"), hl.Func("pooled"), hl.Func("fit")
        copy = hl.Func("copy")
        copy[x, y, t, c] = moments[left + x, top + y, c]
        pooled_y[x, y, t, c] = along(lambda i: copy[x, y + i, t, c], weights)
        pooled[x, y, t, c] = along(lambda i: pooled_y[x + i, y, t, c], weights)

        # Red and blue as a line in green as blurred as they are, and in what more that blur would add.
        whole = 1.0 / (pooled[x, y, t, 0] + f32(ORIGIN))  # black is black: as if some pixels of it were there
        e = [pooled[x, y, t, k] * whole for k in range(MOMENTS)]
        answers = []
        for color in (0, 1):
            k1, k2 = g.blur[0, color], g.blur[1, color]
            v, vg, v1, v2 = e[10 + 4 * color : 14 + 4 * color]
            more = k1 * e[2] + k2 * e[3]
            more_green, more_more = k1 * e[5] + k2 * e[6], k1 * k1 * e[7] + 2 * k1 * k2 * e[8] + k2 * k2 * e[9]
            more_v = k1 * v1 + k2 * v2
            blurred = e[1] + more
            little = f32(RELATIVE) * e[1] * e[1] + f32(ABSOLUTE)
            a = e[4] + 2 * more_green + more_more - blurred * blurred + little
            b = more_green + more_more - blurred * more
            d = (more_more - more * more) * f32(1 + RIDGE) + little
            p, q = vg + more_v - blurred * v, more_v - more * v
            by = 1.0 / hl.max(a * d - b * b, f32(1e-20))
            slope, rest = (p * d - q * b) * by, (q * a - p * b) * by
            # What was neutral, or nearly, does not turn green.
            mean = pooled[x, y, t, 10 + 4 * color] / hl.max(pooled[x, y, t, 1], f32(1e-6))
            floor = hl.max(edges[left + x, top + y, 1 + 2 * color], hl.clamp(mean, 0.0, 1.0))
            answers += [floor, slope, v - slope * blurred - rest * more, slope + rest]
        fit[x, y, t] = tuple(answers)
        r = in_tiles(
            g.fits, g.tiles, 1, (*TILE, FITS), lambda u, v, k, t: hl.mux(k, [fit[u, v, t][i] for i in range(FITS)])
        )

        g.fits.update().reorder(r[2], r[0], r[1], r[3]).unroll(r[2]).vectorize(r[0], 8)
        g.fits.update().parallel(r[3])
        fit.compute_at(g.fits, r[1]).vectorize(x, 8)
        pooled.compute_at(g.fits, r[1]).vectorize(x, 8)
        pooled_y.compute_at(g.fits, r[1]).vectorize(x, 8)
        copy.compute_at(g.fits, r[3])


@hl.generator(name="defringe")
class Defringe:
    """White-balanced camera RGB in, the same without fringes out, times a matrix: matrix[i, o].

    edges, fits: as `DefringeEdges` and `DefringeFits` make them; fits are needed within a cell of an edge. tiles[:, t]:
    the cell of the output that a tile of TILE cells with edges in it, or beside it, begins with; all others are not
    changed. `top`: the output's first row of cells in the input. clip[i]: where a channel saturates. blur: as
    `DefringeFits` has it. strength[i]: of red and of blue.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    edges = hl.InputBuffer(hl.Float(32), 3)
    fits = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    blur = hl.InputBuffer(hl.Float(32), 2)
    strength = hl.InputBuffer(hl.Float(32), 1)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    tiles = hl.InputBuffer(hl.Int(32), 2)
    top = hl.InputScalar(hl.Int(32))
    rgb = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g, t, n = self, hl.Var("t"), hl.Var("n")
        left, top = g.tiles[0, t], g.tiles[1, t] + g.top
        blurs = Blurs(g.pixels, CELL * left, CELL * top, (t,))
        edges, fits = (
            hl.BoundaryConditions.repeat_edge(f, [(0, g.edges.dim(i).extent()) for i in (0, 1)])
            for f in (g.edges, g.fits)
        )

        def between(place):
            half = 2 * place - (CELL - 1)  # in eighths of a cell from the middle of the first
            return half >> 3, (half >> 3) + 1, hl.f32(half & 7) * f32(1 / 8)

        # Along rows of cells first: there are fewer of them.
        cells, lines = hl.Func("cells"), hl.Func("lines")
        u, v = left + x, top + y
        cells[x, y, n, t] = hl.mux(n, [edges[u, v, i] for i in (0, 2, 4)] + [fits[u, v, i] for i in range(FITS)])
        low, high, part = between(x)
        lines[x, y, n, t] = hl.lerp(cells[low, y, n, t], cells[high, y, n, t], part)
        low, high, part = between(y)
        edge, *ceilings, floor_0, slope_0, intercept_0, excess_0, floor_1, slope_1, intercept_1, excess_1 = (
            hl.lerp(lines[x, low, k, t], lines[x, high, k, t], part) for k in range(3 + FITS)
        )
        lines_of = (floor_0, slope_0, intercept_0, excess_0), (floor_1, slope_1, intercept_1, excess_1)

        fixed = hl.Func("fixed")
        here = [blurs.at(x, y, i) for i in range(3)]
        share = edge * (1.0 - clipped(here[1], g.clip[1]))
        made = []
        for color, channel in ((0, 0), (1, 2)):
            value, ceiling = here[channel], ceilings[color]
            floor, slope, intercept, excess = lines_of[color]
            sharper = value - excess * total([g.blur[i, color] * more[x, y, t] for i, more in enumerate(blurs.more)])
            # What clipped is only known to have been as bright; green tells what it was.
            wanted = hl.lerp(sharper, hl.min(value, slope * here[1] + intercept), clipped(value, g.clip[channel]))
            to = value + share * g.strength[color] * (wanted - value)
            # No colour is made that is not near by.
            green = hl.max(here[1], 0.0)
            lower, upper = hl.max(to, hl.min(value, floor * green)), hl.min(to, hl.max(value, ceiling * green))
            # There are no fits where there is no edge.
            made.append(hl.select(edge > 0, hl.select(to < value, lower, upper), value))
        fixed[x, y, t] = (made[0], here[1], made[1])

        def mixed(color):
            return total([g.matrix[i, c] * color[i] for i in range(3)])

        colored = hl.Func("colored")
        colored[x, y, t, c] = mixed(fixed[x, y, t])
        wide, high = (CELL * i for i in TILE)
        as_is = mixed([blurs.pixels[x, y + CELL * g.top, i] for i in range(3)])
        r = in_tiles(g.rgb, g.tiles, CELL, (wide, high, 3), lambda u, v, k, t: colored[u, v, t, k], as_is)

        yo, yi = hl.Var("yo"), hl.Var("yi")
        tail = hl.TailStrategy.GuardWithIf
        g.rgb.bound(c, 0, 3)
        g.rgb.split(y, yo, yi, strip_of(g.rgb.output_buffer().dim(1).extent(), 32), hl.TailStrategy.ShiftInwards)
        g.rgb.reorder(x, c, yi, yo).reorder(c, x, yi, yo).vectorize(x, 8, tail).unroll(c).parallel(yo)
        g.rgb.update().reorder(r[0], r[2], r[1], r[3]).vectorize(r[0], 8).unroll(r[2])
        g.rgb.update().parallel(r[3])
        fixed.compute_at(g.rgb, r[1]).vectorize(x, 8)
        for f in (*blurs.down, *blurs.more):
            f.compute_at(g.rgb, r[1]).vectorize(x, 8)
        for f in blurs.copies:
            f.compute_at(g.rgb, r[3])
        lines.compute_at(g.rgb, r[3]).bound(n, 0, 3 + FITS).vectorize(x, 8)
        cells.compute_at(g.rgb, r[3]).bound(n, 0, 3 + FITS).reorder(x, y, n).unroll(n)


if __name__ == "__main__":
    hl.main()
