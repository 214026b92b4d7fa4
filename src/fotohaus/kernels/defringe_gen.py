"""Axial chromatic aberration: red and blue that a lens blurred more than green, made as sharp along strong edges."""

import functools
import math

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import largest, smoothstep, total
from fotohaus.kernels.defringe_units import BRIGHT, CELL, CONTRAST, FITS, MOMENTS, POOL, TILE

BLURS = ((1.0, 3), (2.5, 6))  # of green, in px: deviation and taps to either side
REACH = 2  # cells to either side that colours are sought in
MEANS = 18  # where the plain means begin among the moments
CLIPPED_WEIGHT, DARKEST, ORIGIN = 0.05, 0.02, 0.5
RIDGE, RELATIVE, ABSOLUTE = 1.0, 1e-5, 1e-8
MOST = 8.0  # of a colour over green


def gaussian(deviation, reach):
    """Weights of a Gaussian's middle and of one of its sides; both sides make 1."""
    weights = [math.exp(-0.5 * (i / deviation) ** 2) for i in range(reach + 1)]
    whole = weights[0] + 2 * sum(weights[1:])
    return [w / whole for w in weights]


def smallest(values):
    """Minimum of expressions."""
    return functools.reduce(hl.min, values)


def along(f, weights):
    """A symmetrical filter: f(offset) is the sample at an offset."""
    return f32(weights[0]) * f(0) + total([f32(w) * (f(i) + f(-i)) for i, w in enumerate(weights[1:], 1)])


class Clipping:
    """How far a value counts as clipped: not up to 0.92 of its channel's level, wholly from 0.97 on."""

    def __init__(self, clip):
        self._per = hl.Func("per_level")
        self._per[c] = f32(1 / 0.05) / clip[c]
        self._per.compute_root().bound(c, 0, 3)

    def __call__(self, value, channel):
        part = hl.clamp(value * self._per[channel] - f32(0.92 / 0.05), 0.0, 1.0)
        return part * part * (3.0 - 2.0 * part)


def lanes(g):
    """How many floats a vector has."""
    return max(8, g.natural_vector_size(hl.Float(32)))


def in_tiles(output, tiles, step, shape, made):
    """Write an output in tiles alone: made(x, y, c, t) within the t-th, which begins at step * tiles[:, t].

    Returns the loops within a tile and the one over tiles.
    """
    r = hl.RDom([*((0, n) for n in shape), (0, tiles.dim(1).extent())])
    buffer = output.output_buffer()
    # Known to be within, but for the compiler.
    left, top = (hl.clamp(step * tiles[i, r[3]], 0, buffer.dim(i).extent() - shape[i]) for i in (0, 1))
    output[left + r[0], top + r[1], r[2]] = made(*(r[i] for i in range(4)))
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

    def compute_at(self, output, loop, lanes):
        """All of a tile at once: a processor waits where vectors are read across those that it just wrote."""
        for f in (*self.copies, *self.down, *self.more):
            f.compute_at(output, loop).vectorize(x, lanes, hl.TailStrategy.RoundUp)

    def at(self, u, v, channel):
        return self.copies[channel][u, v, *self.tile] if self.tile else self.pixels[u, v, channel]


class Sums:
    """Weighted moments of cells, in the columns of each row of cells: rows[x, y]; `whole` adds up a cell's columns.

    Green g and what two blurs of it add, d1 and d2, are what red and blue are explained by. Means of w times 1, g, d1,
    d2, gg, g d1, g d2, d1 d1, d1 d2, d2 d2, then for red and for blue v, v g, v d1, v d2. around : px to every side of
    a pixel in which nothing clips, or it weighs but `least`. more : what else is summed up, of red, green, blue and w.
    Before that, the plain means of red, green and blue.
    """

    def __init__(self, blurs, clip, around, least, tile=(), more=lambda *_: ()):
        clipped = Clipping(clip)
        span = range(-around, around + 1)
        cut, cut_down, weight, self.rows = (hl.Func(n) for n in ("cut", "cut_down", "weight", "rows"))
        cut[x, y, *tile] = largest([clipped(blurs.at(x, y, i), i) for i in range(3)])
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
            by_row.append([*values, red, green, blue, *more(red, green, blue, w)])
        sums = [total(values) for values in zip(*by_row, strict=True)]
        self.rows[x, y, *tile] = tuple(sums)
        self.count = len(sums)
        self.weight = weight
        self.stages = [*blurs.down, *blurs.more, cut, cut_down, weight, self.rows]

    def whole(self, u, v, tile=()):
        sums = [total([self.rows[CELL * u + i, v, *tile][k] for i in range(CELL)]) for k in range(self.count)]
        return [f32(1 / CELL**2) * value for value in sums]


@hl.generator(name="defringe_measured")
class DefringeMeasured:
    """Camera RGB to moments of its cells of 4 x 4 px: moments[x, y, m].

    After those of `Sums` w v v of red and of blue. Nothing that clips has a say, nor what demosaic made of it beside
    it.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    moments = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        sums = Sums(Blurs(g.pixels), g.clip, around=1, least=0.0,
                    more=lambda r, _, b, w: (w * r * r, w * b * b))  # fmt: skip
        g.moments[x, y, c] = hl.mux(c, sums.whole(x, y))

        xo, xi = hl.Var("xo"), hl.Var("xi")
        tail = hl.TailStrategy.GuardWithIf
        g.moments.bound(c, 0, sums.count).split(x, xo, xi, 64, tail).reorder(c, xi, xo, y)
        g.moments.vectorize(xi, 8, tail).unroll(c).parallel(y)
        for f in sums.stages:
            f.compute_at(g.moments, xo).vectorize(x, 8)


@hl.generator(name="defringe_edges")
class DefringeEdges:
    """Camera RGB to how much of an edge its cells of 4 x 4 px, and those near by, have: edges[x, y]."""

    pixels = hl.InputBuffer(hl.Float(32), 3)
    edges = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        wide, high = (g.pixels.dim(i).extent() for i in (0, 1))
        pixels = hl.BoundaryConditions.repeat_edge(g.pixels, [(0, wide), (0, high)])
        rows, light, high_y, low_y, strong, edge_y = (
            hl.Func(n) for n in ("rows", "light", "high_y", "low_y", "strong", "edge_y")
        )
        rows[x, y] = total([pixels[x, CELL * y + i, 1] for i in range(CELL)])
        light[x, y] = hl.max(f32(1 / CELL**2) * total([rows[CELL * x + i, y] for i in range(CELL)]), f32(1e-4))
        cells = hl.BoundaryConditions.repeat_edge(light, [(0, (n + CELL - 1) / CELL) for n in (wide, high)])

        # How strong an edge a cell is at.
        span = range(-REACH, REACH + 1)
        high_y[x, y] = largest([cells[x, y + i] for i in span])
        low_y[x, y] = smallest([cells[x, y + i] for i in span])
        most, least = largest([high_y[x + i, y] for i in span]), smallest([low_y[x + i, y] for i in span])
        contrast = hl.log(most / (least + f32(0.004)))
        low, far = (f32(math.log(ratio)) for ratio in CONTRAST)
        strong[x, y] = smoothstep(contrast, low, far) * smoothstep(most, f32(BRIGHT[0]), f32(BRIGHT[1]))
        edge_y[x, y] = 0.5 * strong[x, y] + 0.25 * (strong[x, y - 1] + strong[x, y + 1])
        g.edges[x, y] = 0.5 * edge_y[x, y] + 0.25 * (edge_y[x - 1, y] + edge_y[x + 1, y])

        vector, tail = lanes(g), hl.TailStrategy.GuardWithIf
        g.edges.vectorize(x, vector, tail).parallel(y, 8, tail)
        light.compute_root().vectorize(x, vector).parallel(y, 8)
        rows.compute_at(light, y).vectorize(x, vector)
        strong.compute_root().vectorize(x, vector).parallel(y, 8)
        for f in (high_y, low_y):
            f.compute_at(strong, y).vectorize(x, vector)
        edge_y.compute_at(g.edges, y).vectorize(x, vector)


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
        g.moments[x, y, c] = hl.undef(hl.Float(32))
        r = in_tiles(g.moments, g.tiles, 1, (*TILE, MOMENTS), lambda u, v, k, t: made[u, v, t, k])

        g.moments.update().allow_race_conditions()
        g.moments.update().reorder(r[0], r[2], r[1], r[3]).vectorize(r[0], lanes(g)).parallel(r[3])
        made.compute_at(g.moments, r[1]).bound(c, 0, MOMENTS).reorder(c, x, y, t).unroll(c)
        made.vectorize(x, lanes(g))
        for f in (sums.weight, sums.rows):
            f.compute_at(g.moments, r[1]).vectorize(x, lanes(g))
        blurs.compute_at(g.moments, r[3], lanes(g))


@hl.generator(name="defringe_fits")
class DefringeFits:
    """Moments of cells to what `defringe` needs of them, in tiles of TILE cells: fits[x, y, n].

    blur[n, i]: how much of the n-th blur of green red (0) and blue (1) have on top of green's. Of red, then of blue:
    the least and the largest ratio to green; the line's slope and intercept, and the share of blur to take away.
    """

    moments = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    blur = hl.InputBuffer(hl.Float(32), 2)
    tiles = hl.InputBuffer(hl.Int(32), 2)
    fits = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g, t, weights = self, hl.Var("t"), gaussian(*POOL)
        whole = [(0, g.moments.dim(i).extent()) for i in (0, 1)]
        moments = hl.BoundaryConditions.repeat_edge(g.moments, whole)
        left, top = g.tiles[0, t], g.tiles[1, t]
        pooled_y, pooled, fit = hl.Func("pooled_y"), hl.Func("pooled"), hl.Func("fit")
        copy = hl.Func("copy")
        copy[x, y, t, c] = moments[left + x, top + y, c]
        pooled_y[x, y, t, c] = along(lambda i: copy[x, y + i, t, c], weights)
        pooled[x, y, t, c] = along(lambda i: pooled_y[x + i, y, t, c], weights)

        # Between what colours the cells near by are.
        limits_y, ratios = hl.Func("limits_y"), hl.Func("ratios")
        light = hl.max(copy[x, y, t, MEANS + 1], f32(1e-4))
        found = []
        for i in (0, 2):
            value = copy[x, y, t, MEANS + i]
            ratio = hl.clamp(value / (light + f32(0.002)), 0.0, f32(MOST))
            found += [ratio, hl.select(value > f32(0.9) * g.clip[i], hl.min(ratio, 1.0), ratio)]
        ratios[x, y, t] = tuple(found)
        span, choices = range(-REACH, REACH + 1), (smallest, largest, smallest, largest)
        limits_y[x, y, t] = tuple(by([ratios[x, y + i, t][k] for i in span]) for k, by in enumerate(choices))
        limits = [by([limits_y[x + i, y, t][k] for i in span]) for k, by in enumerate(choices)]

        # Red and blue as a line in green as blurred as they are, and in what more that blur would add.
        whole = 1.0 / (pooled[x, y, t, 0] + f32(ORIGIN))  # black is black: as if some pixels of it were there
        e = [pooled[x, y, t, k] * whole for k in range(MEANS)]
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
            floor, ceiling = hl.max(limits[2 * color], hl.clamp(mean, 0.0, 1.0)), limits[2 * color + 1]
            answers += [floor, ceiling, slope, v - slope * blurred - rest * more, slope + rest]
        fit[x, y, t] = tuple(answers)
        g.fits[x, y, c] = hl.undef(hl.Float(32))
        r = in_tiles(
            g.fits, g.tiles, 1, (*TILE, FITS), lambda u, v, k, t: hl.mux(k, [fit[u, v, t][i] for i in range(FITS)])
        )

        g.fits.update().allow_race_conditions()
        g.fits.update().reorder(r[2], r[0], r[1], r[3]).unroll(r[2]).vectorize(r[0], lanes(g))
        g.fits.update().parallel(r[3])
        for f in (fit, pooled, pooled_y, limits_y):
            f.compute_at(g.fits, r[1])
        for f in (copy, ratios):
            f.compute_at(g.fits, r[3])
        for f in (fit, pooled):
            f.vectorize(x, lanes(g))
        for f in (pooled_y, limits_y, copy, ratios):
            f.vectorize(x, 8, hl.TailStrategy.RoundUp)  # 22 and 20 cells


@hl.generator(name="defringe")
class Defringe:
    """White-balanced camera RGB to the same without fringes, in place: of `pixels`, which `fixed` is, red and blue.

    edges, fits: as `DefringeEdges` and `DefringeFits` make them; fits are needed within a cell of an edge. tiles[:, t]:
    the cell that a tile of TILE cells with edges in it, or beside it, begins with; all others are not touched. Nothing
    but green is read beyond a tile. clip[i]: where a channel saturates. blur: as `DefringeFits` has it. strength[i]: of
    red and of blue.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    edges = hl.InputBuffer(hl.Float(32), 2)
    fits = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    blur = hl.InputBuffer(hl.Float(32), 2)
    strength = hl.InputBuffer(hl.Float(32), 1)
    tiles = hl.InputBuffer(hl.Int(32), 2)
    fixed = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g, t, n = self, hl.Var("t"), hl.Var("n")
        left, top = g.tiles[0, t], g.tiles[1, t]
        blurs = Blurs(g.pixels, CELL * left, CELL * top, (t,))
        edges, fits = (
            hl.BoundaryConditions.repeat_edge(f, [(0, g.edges.dim(i).extent()) for i in (0, 1)])
            for f in (g.edges, g.fits)
        )

        def between(f, cell, place):
            half = 2 * place - (CELL - 1)  # in eighths of a cell from the middle of the first
            low, part = cell + (half >> 3), f32(1 / 8) * hl.f32(half & 7)
            return hl.lerp(f(low), f(low + 1), part)

        # Along rows of cells first: there are fewer of them.
        cells, lines = hl.Func("cells"), hl.Func("lines")
        u, v = left + x, top + y
        cells[x, y, n, t] = hl.mux(n, [edges[u, v], *(fits[u, v, i] for i in range(FITS))])
        lines[x, y, n, t] = hl.mux(
            x % CELL, [between(lambda u: cells[u, y, n, t], x / CELL, hl.i32(i)) for i in range(CELL)]
        )
        edge, *lines_of = (between(lambda v, k=k: lines[x, v, k, t], 0, y) for k in range(1 + FITS))

        made = hl.Func("made")
        clipped = Clipping(g.clip)
        here = [blurs.at(x, y, i) for i in range(3)]
        share = edge * (1.0 - clipped(here[1], 1))
        colors = []
        for color, channel in ((0, 0), (1, 2)):
            value = here[channel]
            floor, ceiling, slope, intercept, excess = lines_of[FITS // 2 * color : FITS // 2 * (color + 1)]
            sharper = value - excess * total([g.blur[i, color] * more[x, y, t] for i, more in enumerate(blurs.more)])
            # What clipped is only known to have been as bright; green tells what it was.
            wanted = hl.lerp(sharper, hl.min(value, slope * here[1] + intercept), clipped(value, channel))
            to = value + share * g.strength[color] * (wanted - value)
            # No colour is made that is not near by.
            green = hl.max(here[1], 0.0)
            lower, upper = hl.max(to, hl.min(value, floor * green)), hl.min(to, hl.max(value, ceiling * green))
            # There are no fits where there is no edge.
            colors.append(hl.select(edge > 0, hl.select(to < value, lower, upper), value))
        made[x, y, t] = tuple(colors)

        wide, high = (CELL * i for i in TILE)
        r = hl.RDom([(0, wide), (0, high), (0, 2), (0, g.tiles.dim(1).extent())])
        place = [CELL * g.tiles[i, r[3]] + r[i] for i in (0, 1)]
        ends = [g.fixed.output_buffer().dim(i).extent() for i in (0, 1)]
        # The last tiles of a row and of a column may end beyond the picture.
        for i in (1, 0):
            r.where(place[i] < ends[i])
        inside = (hl.unsafe_promise_clamped(place[i], 0, ends[i] - 1) for i in (0, 1))
        g.fixed[x, y, c] = hl.undef(hl.Float(32))
        g.fixed[(*inside, 2 * r[2])] = hl.mux(r[2], [made[r[0], r[1], r[3]][i] for i in (0, 1)])

        xo, xi = hl.Var("xo"), hl.Var("xi")
        vector, tiled = lanes(g), g.fixed.update()
        # Tiles do not overlap.
        tiled.allow_race_conditions()
        tiled.reorder(r[2], r[0], r[1], r[3]).unroll(r[2]).vectorize(r[0], vector).parallel(r[3])
        made.compute_at(g.fixed, r[1]).vectorize(x, vector, hl.TailStrategy.RoundUp)
        blurs.compute_at(g.fixed, r[3], vector)
        for f in (cells, lines):
            f.compute_at(g.fixed, r[3])
        cells.bound(n, 0, 1 + FITS).reorder(x, y, n).unroll(n).vectorize(x, 8, hl.TailStrategy.RoundUp)  # 18 cells
        lines.bound(n, 0, 1 + FITS).bound(x, 0, wide)
        lines.split(x, xo, xi, CELL).reorder(xi, xo, y, n).unroll(xi).vectorize(xo, vector)


if __name__ == "__main__":
    hl.main()
