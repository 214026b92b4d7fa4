"""Axial chromatic aberration: red and blue that a lens blurred more than green, made as sharp along strong edges."""

import math

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.common_raw import largest, smoothstep, total

CELL = 4  # px along a cell's side; cells begin at the input's first pixel
BLURS = ((1.0, 3), (2.5, 6))  # of green, in px: deviation and taps to either side
POOL, REACH = (1.5, 3), 2  # of cells' moments: deviation and taps; cells to either side that colours are sought in
MOMENTS, MAPS = 21, 11
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


class Blurs:
    """Green of the input, its border repeated, and what blurring adds to it."""

    def __init__(self, pixels, top=0):
        whole = [(0, pixels.dim(0).extent()), (0, pixels.dim(1).extent())]
        self.pixels, self.top = hl.BoundaryConditions.repeat_edge(pixels, whole), top
        self.down, self.more = [], []
        for n, blur in enumerate(BLURS):
            weights = gaussian(*blur)
            down, more = hl.Func(f"down_{n}"), hl.Func(f"more_{n}")
            down[x, y] = along(lambda i: self.at(x, y + i, 1), weights)
            more[x, y] = along(lambda i, down=down: down[x + i, y], weights) - self.at(x, y, 1)
            self.down.append(down)
            self.more.append(more)

    def at(self, u, v, channel):
        return self.pixels[u, v + self.top, channel]


class Moments:
    """Camera RGB to weighted moments of its cells of 4 x 4 px: moments[x, y, m].

    Green g and what two blurs of it add, d1 and d2, are what red and blue are explained by. Means of w times 1, g, d1,
    d2, gg, g d1, g d2, d1 d1, d1 d2, d2 d2, then for red and for blue v, v g, v d1, v d2; then the plain means of red,
    green and blue. Where squares are asked for, w v v of red and of blue at the end.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    moments = hl.OutputBuffer(hl.Float(32), 3)

    def sums(self, around, least, squares):
        """around : px to every side of a pixel in which nothing clips, or it weighs but `least`."""
        g, count = self, MOMENTS + 2 * squares
        blurs = Blurs(g.pixels)
        red, green, blue = (blurs.at(x, y, i) for i in range(3))
        span = range(-around, around + 1)
        cut, cut_down, pixel, rows = (hl.Func(n) for n in ("cut", "cut_down", "pixel", "rows"))
        cut[x, y] = largest([clipped(blurs.at(x, y, i), g.clip[i]) for i in range(3)])
        cut_down[x, y] = largest([cut[x, y + i] for i in span])
        known = 1.0 - largest([cut_down[x + i, y] for i in span])
        wide = hl.max(blurs.more[1][x, y] + green, 0.0) + f32(DARKEST)
        pixel[x, y] = (hl.max(known, f32(least)) / (wide * wide), red, green, blue)
        sums = [f32(0)] * count
        for i in range(CELL):
            w, red, green, blue = (pixel[x, CELL * y + i][k] for k in range(4))
            basis = [green, *(more[x, CELL * y + i] for more in blurs.more)]
            first = [w * b for b in basis]
            values = [w, *first, *(first[i] * basis[j] for i in range(3) for j in range(i, 3))]
            for value in (red, blue):
                values += [w * value, *(f * value for f in first)]
            values += [red, green, blue, *(w * v * v for v in (red, blue) if squares)]
            sums = [s + v for s, v in zip(sums, values, strict=True)]
        rows[x, y] = tuple(sums)
        whole = [total([rows[CELL * x + i, y][k] for i in range(CELL)]) for k in range(count)]
        g.moments[x, y, c] = hl.mux(c, [f32(1 / CELL**2) * v for v in whole])

        xo, xi = hl.Var("xo"), hl.Var("xi")
        tail = hl.TailStrategy.GuardWithIf
        g.moments.bound(c, 0, count).split(x, xo, xi, 64, tail).reorder(c, xi, xo, y)
        g.moments.vectorize(xi, 8, tail).unroll(c).parallel(y)
        stages = (cut, cut_down) if around else ()
        for f in (*blurs.down, *blurs.more, *stages, pixel, rows):
            f.compute_at(g.moments, xo).vectorize(x, 8)


@hl.generator(name="defringe_moments")
class DefringeMoments(Moments):
    """What rebuilt light clipped has a little say."""

    def generate(self):
        self.sums(around=0, least=CLIPPED_WEIGHT, squares=False)


@hl.generator(name="defringe_measured")
class DefringeMeasured(Moments):
    """Nothing that clips has a say, nor what demosaic made of it beside it."""

    def generate(self):
        self.sums(around=1, least=0.0, squares=True)


@hl.generator(name="defringe_maps")
class DefringeMaps:
    """Moments of cells to what `defringe` needs of them: maps[x, y, n].

    blur[n, i]: how much of the n-th blur of green red (0) and blue (1) have on top of green's. Maps: how much of an
    edge there is; the least and the largest ratio to green near by, of red, then of blue; then for both the line's
    slope and intercept, and the share of blur to take away.
    """

    moments = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    blur = hl.InputBuffer(hl.Float(32), 2)
    maps = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        (deviation, taps), reach = POOL, REACH
        weights, count = gaussian(deviation, taps), MOMENTS - 3
        whole = [(0, g.moments.dim(0).extent()), (0, g.moments.dim(1).extent())]
        cells, pooled_y, pooled = (
            hl.BoundaryConditions.repeat_edge(g.moments, whole),
            hl.Func("pooled_y"),
            hl.Func("pooled"),
        )
        pooled_y[x, y, c] = along(lambda i: cells[x, y + i, c], weights)
        pooled[x, y, c] = along(lambda i: pooled_y[x + i, y, c], weights)

        # How strong an edge a cell is at, and between what colours.
        light = hl.max(cells[x, y, count + 1], f32(1e-4))
        ratios, high_y, low_y, limits, edge_y, edge = (
            hl.Func(n) for n in ("ratios", "high_y", "low_y", "limits", "edge_y", "edge")
        )
        ratio, capped = [], []
        for place, level in ((count, g.clip[0]), (count + 2, g.clip[2])):
            value = cells[x, y, place]
            ratio.append(hl.clamp(value / (light + f32(0.002)), 0.0, f32(MOST)))
            capped.append(hl.select(value > f32(0.9) * level, hl.min(ratio[-1], 1.0), ratio[-1]))
        ratios[x, y] = (light, *ratio, *capped)
        span = range(-reach, reach + 1)
        high_y[x, y] = tuple(largest([ratios[x, y + i][k] for i in span]) for k in (0, 3, 4))
        low_y[x, y] = tuple(-largest([-ratios[x, y + i][k] for i in span]) for k in (0, 1, 2))
        high = [largest([high_y[x + i, y][k] for i in span]) for k in range(3)]
        low = [-largest([-low_y[x + i, y][k] for i in span]) for k in range(3)]
        contrast = hl.log(high[0] / (low[0] + f32(0.004)))
        strong = smoothstep(contrast, f32(CONTRAST[0]), f32(CONTRAST[1])) * smoothstep(
            high[0], f32(BRIGHT[0]), f32(BRIGHT[1])
        )
        limits[x, y] = (strong, low[1], low[2], high[1], high[2])
        edge_y[x, y] = 0.5 * limits[x, y][0] + 0.25 * (limits[x, y - 1][0] + limits[x, y + 1][0])
        edge[x, y] = 0.5 * edge_y[x, y] + 0.25 * (edge_y[x - 1, y] + edge_y[x + 1, y])

        # Red and blue as a line in green as blurred as they are, and in what more that blur would add.
        fit = hl.Func("fit")
        whole = 1.0 / (pooled[x, y, 0] + f32(ORIGIN))  # black is black: as if some pixels of it were there
        e = [pooled[x, y, k] * whole for k in range(count)]
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
            answers += [slope, v - slope * blurred - rest * more, slope + rest]
        fit[x, y] = tuple(answers)
        # What was neutral, or nearly, does not turn green.
        floors = [
            hl.max(
                limits[x, y][1 + i], hl.clamp(pooled[x, y, 10 + 4 * i] / hl.max(pooled[x, y, 1], f32(1e-6)), 0.0, 1.0)
            )
            for i in (0, 1)
        ]
        found = [edge[x, y], floors[0], limits[x, y][3], floors[1], limits[x, y][4], *(fit[x, y][k] for k in range(6))]
        g.maps[x, y, c] = hl.mux(c, found)

        g.maps.bound(c, 0, MAPS).reorder(c, x, y).vectorize(x, 8, hl.TailStrategy.GuardWithIf).unroll(c).parallel(y)
        for f in (ratios, high_y, low_y, limits, pooled_y, pooled):
            f.compute_root().parallel(y).vectorize(x, 8)
        for f in (edge_y, edge, fit):
            f.compute_at(g.maps, y).vectorize(x, 8)


@hl.generator(name="defringe")
class Defringe:
    """White-balanced camera RGB in, the same without fringes out, times a matrix: matrix[i, o].

    `top`: the output's first row in the input, with which the cells of `maps` begin. clip[i]: where a channel
    saturates. blur: as `DefringeMaps` has it. strength[i]: of red and of blue.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    maps = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    blur = hl.InputBuffer(hl.Float(32), 2)
    strength = hl.InputBuffer(hl.Float(32), 1)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    top = hl.InputScalar(hl.Int(32))
    rgb = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        blurs = Blurs(g.pixels, g.top)
        last = [g.maps.dim(i).extent() - 1 for i in (0, 1)]
        n = hl.Var("n")

        def between(place, end):
            half = 2 * place - (CELL - 1)  # in eighths of a cell from the middle of the first
            low = half >> 3
            return hl.clamp(low, 0, end), hl.clamp(low + 1, 0, end), hl.f32(half & 7) * f32(1 / 8)

        # Along rows of cells first: there are fewer of them.
        lines = hl.Func("lines")
        low, high, part = between(x, last[0])
        lines[x, y, n] = hl.lerp(g.maps[low, y, n], g.maps[high, y, n], part)
        low, high, part = between(y + g.top, last[1])
        at = [hl.lerp(lines[x, low, k], lines[x, high, k], part) for k in range(MAPS)]

        fixed = hl.Func("fixed")
        here = [blurs.at(x, y, i) for i in range(3)]
        share = at[0] * (1.0 - clipped(here[1], g.clip[1]))
        made = []
        for color, channel in ((0, 0), (1, 2)):
            value, (floor, ceiling) = here[channel], at[1 + 2 * color : 3 + 2 * color]
            slope, intercept, excess = at[5 + 3 * color : 8 + 3 * color]
            sharper = value - excess * total([g.blur[i, color] * more[x, y] for i, more in enumerate(blurs.more)])
            # What clipped is only known to have been as bright; green tells what it was.
            wanted = hl.lerp(sharper, hl.min(value, slope * here[1] + intercept), clipped(value, g.clip[channel]))
            to = value + share * g.strength[color] * (wanted - value)
            # No colour is made that is not near by.
            green = hl.max(here[1], 0.0)
            lower, upper = hl.max(to, hl.min(value, floor * green)), hl.min(to, hl.max(value, ceiling * green))
            made.append(hl.select(to < value, lower, upper))
        fixed[x, y] = (made[0], here[1], made[1])
        g.rgb[x, y, c] = total([g.matrix[i, c] * fixed[x, y][i] for i in range(3)])

        yo, yi, xo, xi = (hl.Var(name) for name in ("yo", "yi", "xo", "xi"))
        tail = hl.TailStrategy.GuardWithIf
        g.rgb.bound(c, 0, 3)
        g.rgb.split(y, yo, yi, strip_of(g.rgb.output_buffer().dim(1).extent(), 32), hl.TailStrategy.ShiftInwards)
        g.rgb.split(x, xo, xi, 512, tail).reorder(xi, c, yi, xo, yo).vectorize(xi, 8, tail).unroll(c).parallel(yo)
        fixed.compute_at(g.rgb, yi).vectorize(x, 8, tail)
        for f in (*blurs.down, *blurs.more):
            f.compute_at(g.rgb, yi).vectorize(x, 8)
        lines.compute_at(g.rgb, xo).bound(n, 0, MAPS).vectorize(x, 8)


if __name__ == "__main__":
    hl.main()
