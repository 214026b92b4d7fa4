"""Bayer mosaic to RGB: directional interpolation of colour differences, corrected by a small trained network.

Both work on quads, the 2x2 cells of the pattern, so that all four phases are one and no pixel asks which colour it has.
"""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x
from fotohaus.kernels.common_raw import decode, encode, total

# Changes of the colour difference below this (in units of the white level) say nothing about direction.
FLAT = 3e-5
# Along each direction, the colour difference of a site is the mean of its neighbours' with these weights.
SIDE = (0.4, 0.3, 0.2, 0.1)
# Weights of the rows and columns of the window in which smoothness is measured.
WINDOW = {-2: 1 / 12, -1: 1 / 4, 0: 1 / 3, 1: 1 / 4, 2: 1 / 12}

CHANNELS, BLOCKS, GATES = 12, 2, 1  # as tools/train_demosaic.py has them
FLOOR = 0.002  # activity that counts as flat, of the encoded white level
WIDE, HIGH, LANES = 512, 256, 8  # pixels of one task; floats of one vector
STEP = 2 * LANES  # the output's width is a multiple of this
RED, GREEN, UNDER, BLUE = range(4)  # places of a quad; `UNDER` is the green of the blue row

q, r = hl.Var("q"), hl.Var("r")  # column and row of quads


class Sites:
    """A value at every pixel, or at some places of every quad: one Func that makes those of a quad at once."""

    def __init__(self, name, value, places=(RED, GREEN, UNDER, BLUE)):
        self.func = hl.Func(name)
        self.func[q, r] = tuple(value(place) for place in places)
        self.places = places

    def at(self, place, dx=0, dy=0):
        """The value so many pixels away from a place of the quad."""
        column, row = (place & 1) + dx, (place >> 1) + dy
        which = self.places.index(2 * (row & 1) + (column & 1))
        return self.func[q + (column >> 1), r + (row >> 1)][which]


def directional(m):
    """Pekkucuksen and Altunbasak 2010, weighted for chroma as well: the estimates of red, green and blue at each place.

    Returns them, the gradients along rows and columns, and every Func on the way.
    """
    green = (GREEN, UNDER)

    # Green minus the other colour of the row (h) or column (v), at every pixel.
    differences, gradients, smooth, steps = [], [], [], []
    for name, dx, dy in (("h", 1, 0), ("v", 0, 1)):

        def difference(place, dx=dx, dy=dy):
            near = m.at(place, -dx, -dy) + m.at(place, dx, dy)
            far = m.at(place, -2 * dx, -2 * dy) + m.at(place, 2 * dx, 2 * dy)
            value = 0.5 * near - 0.25 * far - 0.5 * m.at(place)
            return -value if place in green else value

        d = Sites(f"d{name}", difference)
        # Smoothness of that difference along its direction: the inverse of its mean gradient over 5x5 pixels.
        g = Sites(f"g{name}", lambda p, d=d, dx=dx, dy=dy: hl.abs(d.at(p, dx, dy) - d.at(p, -dx, -dy)))
        rows = Sites(f"rows_{name}", lambda p, g=g: total([k * g.at(p, 0, i) for i, k in WINDOW.items()]))
        mean = Sites(f"mean_{name}", lambda p, rows=rows: total([k * rows.at(p, i, 0) for i, k in WINDOW.items()]))
        s = Sites(f"smooth_{name}", lambda p, mean=mean: 1.0 / (mean.at(p) + FLAT))
        differences.append(d)
        gradients.append(mean)
        smooth.append(s)
        steps += [d, g, rows, mean, s]
    (dh, dv), (smooth_h, smooth_v) = differences, smooth

    def weights(place):
        return [smooth_v.at(place, 0, -2), smooth_v.at(place, 0, 2), smooth_h.at(place, -2), smooth_h.at(place, 2)]

    # At red and blue sites: green minus the site's own colour ...
    def own_difference(place):
        sides = ((dv, 0, -1), (dv, 0, 1), (dh, -1, 0), (dh, 1, 0))
        means = [total([k * d.at(place, i * dx, i * dy) for i, k in enumerate(SIDE)]) for d, dx, dy in sides]
        squares = [w * w for w in weights(place)]
        return total([w * v for w, v in zip(squares, means, strict=True)]) / total(squares)

    own = Sites("own", own_difference, (RED, BLUE))

    # ... and green minus the colour that the site's diagonal neighbours have.
    def opposite_difference(place):
        diagonal = [own.at(place, i, j) for i in (-1, 1) for j in (-1, 1)]
        outer = [own.at(place, i, j) for a in (-3, 3) for b in (-1, 1) for i, j in ((a, b), (b, a))]
        return 0.3125 * total(diagonal) - 0.03125 * total(outer)

    opposite = Sites("opposite", opposite_difference, (RED, BLUE))

    # At green sites: the colour that shares the row with green, and the other one.
    def beside(place, vertical, horizontal):
        above, below = vertical.at(place, 0, -1), vertical.at(place, 0, 1)
        values = [above, below, horizontal.at(place, -1), horizontal.at(place, 1)]
        w = weights(place)
        return m.at(place) - total([k * v for k, v in zip(w, values, strict=True)]) / total(w)

    along = Sites("along", lambda p: beside(p, opposite, own), green)
    across = Sites("across", lambda p: beside(p, own, opposite), green)
    interpolated = Sites("interpolated", lambda p: m.at(p) + own.at(p), (RED, BLUE))
    steps += [own, opposite, along, across, interpolated]
    # What a quad lacks: green and blue at red; red and blue at the greens; red and green at blue.
    lacking = [
        interpolated.at(RED),
        interpolated.at(RED) - opposite.at(RED),
        along.at(GREEN),
        across.at(GREEN),
        across.at(UNDER),
        along.at(UNDER),
        interpolated.at(BLUE) - opposite.at(BLUE),
        interpolated.at(BLUE),
    ]
    activity = [total([g.at(p) for p in range(4)]) / 4 for g in gradients]
    return lacking, activity, [step.func for step in steps]


@hl.generator(name="demosaic")
class Demosaic:
    """Linear white-balanced mosaic in, linear RGB through a matrix out.

    `left`, `top`: where in the mosaic the first quad begins (its red site), -1 where half of it lies outside.
    `toe`: the mosaic is encoded as sqrt(v + toe^2) - toe: in linear light, the bright side of an edge would outvote the
    dark one. `lost[n, i]`: what noise took from the i-th colour that a quad lacks, e, as factors of r^n,
    r = 1 / (max(e, 0) + toe). `matrix[i, o]` is the weight of channel i of (R, G, B) in channel o of the output.
    `stem` : the filters of the mosaic, less what `estimate` makes of the plain means of neighbours: the network is told
    how far the directional estimate is from those. `rgb[column, row in the quad, quad row, channel]` holds whole quads.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    toe = hl.InputScalar(hl.Float(32))
    lost = hl.InputBuffer(hl.Float(32), 2)
    stem = hl.InputBuffer(hl.Float(32), 4)
    estimate = hl.InputBuffer(hl.Float(32), 2)
    surroundings = hl.InputBuffer(hl.Float(32), 2)
    depthwise = hl.InputBuffer(hl.Float(32), 4)
    pointwise = hl.InputBuffer(hl.Float(32), 3)
    bias = hl.InputBuffer(hl.Float(32), 2)
    tail = hl.InputBuffer(hl.Float(32), 2)
    rgb = hl.OutputBuffer(hl.Float(32), 4)

    def generate(self):
        g = self
        p, o, j = (hl.Var(name) for name in "poj")  # place in the quad, output, row in the quad
        inside = [(0, g.mosaic.dim(0).extent()), (0, g.mosaic.dim(1).extent())]
        mirrored = hl.BoundaryConditions.mirror_interior(g.mosaic, inside)
        m = Sites("m", lambda p: encode(mirrored[2 * q + (p & 1) + g.left, 2 * r + (p >> 1) + g.top], g.toe))
        planes = hl.Func("planes")
        planes[q, r, p] = hl.mux(p, [m.at(place) for place in range(4)])
        lacking, (along_rows, along_columns), steps = directional(m)

        guess = hl.Func("guess")
        guess[q, r, o] = hl.mux(o, lacking)

        products = []

        def layer(name, start, terms, finish):
            """Weighted sums over channels, kept in registers until they are finished and stored."""
            sums, out = hl.Func(f"{name}_sums"), hl.Func(name)
            sums[q, r, c] = start
            for term, _ in terms:
                sums[q, r, c] += term
            out[q, r, c] = finish(sums[q, r, c])
            products.append((sums, out, [domain for _, domain in terms]))
            return out

        # Filters that are blind to a constant in any colour, and their outputs by the local activity.
        s = hl.RDom([(0, 3), (0, 3), (0, 4)], "s")
        e = hl.RDom([(0, 8)], "e")
        k = hl.RDom([(0, CHANNELS)], "k")
        taps = g.stem[s[0], s[1], s[2], c] * planes[q + s[0] - 1, r + s[1] - 1, s[2]]
        raw = layer("raw", f32(0), [(taps, s), (g.estimate[e, c] * guess[q, r, e], e)], lambda v: v)
        activity, column, scale, inverse = (hl.Func(n) for n in ("activity", "column", "scale", "inverse"))
        activity[q, r] = total([hl.abs(raw[q, r, i]) for i in range(CHANNELS)])
        column[q, r] = activity[q, r - 1] + activity[q, r] + activity[q, r + 1]
        around = column[q - 1, r] + column[q, r] + column[q + 1, r]
        scale[q, r] = around * f32(1 / (9 * CHANNELS)) + f32(FLOOR)
        inverse[q, r] = 1 / scale[q, r]
        direction, contrast, level = (hl.Func(n) for n in ("direction", "contrast", "level"))
        both = along_rows + along_columns + f32(1e-3)
        direction[q, r] = (along_rows - along_columns) / both
        contrast[q, r] = both / (both + scale[q, r])
        level[q, r] = scale[q, r] / (scale[q, r] + f32(0.03))
        linear, h = hl.Func("linear"), hl.Func("h0")
        linear[q, r, c] = raw[q, r, c] * inverse[q, r]
        local = total([g.surroundings[i, c] * f[q, r] for i, f in enumerate((direction, contrast, level))])
        h[q, r, c] = hl.max(linear[q, r, c] + local + g.bias[c, 0], 0)

        plain = [linear, h]
        for n in range(BLOCKS):
            d = hl.Func(f"d{n}")
            around = [g.depthwise[a, b, c, n] * h[q + a - 1, r + b - 1, c] for b in range(3) for a in range(3)]
            d[q, r, c] = g.bias[c, 1 + n] + total(around)
            plain.append(d)
            term = g.pointwise[k, c, n] * d[q, r, k]
            h = layer(f"h{n + 1}", g.bias[c, 1 + BLOCKS + n], [(term, k)], lambda v, h=h: h[q, r, c] + hl.max(v, 0))

        # What the layers found mixes the linear filters anew in every quad.
        features = [h, linear]
        for n in range(BLOCKS, BLOCKS + GATES):
            term = g.pointwise[k, c, n] * h[q, r, k]
            start = g.bias[c, 1 + BLOCKS + n]
            features.append(layer(f"gated{n}", start, [(term, k)], lambda v: hl.clamp(v, -1, 1) * linear[q, r, c]))
        term = total([g.tail[k + i * CHANNELS, c] * f[q, r, k] for i, f in enumerate(features)])

        def finish(v):
            e = v * scale[q, r] + guess[q, r, c]
            by = 1 / (hl.max(e, 0) + g.toe)
            return e + (g.lost[0, c] + by * (g.lost[1, c] + by * (g.lost[2, c] + by * g.lost[3, c])))

        corrected = layer("corrected", f32(0), [(term, k)], finish)

        fix = [corrected[q, r, i] for i in range(8)]
        known = [m.at(place) for place in range(4)]
        cell = hl.Func("cell")
        cell[q, r, o] = hl.mux(o, [known[0], fix[2], fix[4], fix[6], fix[0], known[1], known[2], fix[7],
                                   fix[1], fix[3], fix[5], known[3]])  # fmt: skip
        pixel = hl.Func("pixel")
        first, second = (f32(cell[x // 2, r, 2 * j + i + 4 * c]) for i in range(2))
        pixel[x, r, j, c] = decode(hl.select(x % 2 == 0, first, second), g.toe)
        g.rgb[x, j, r, c] = total([g.matrix[i, c] * pixel[x, r, j, i] for i in range(3)])

        # Each step keeps, in the second-level cache, the few rows of a task that the next one still needs.
        xo, ro, xi, ri, xv, qo, co, task = (hl.Var(name) for name in ("xo", "ro", "xi", "ri", "xv", "qo", "co", "task"))
        # Of known shape, so that a weight's address is one number.
        shapes = {g.stem: (3, 3, 4, CHANNELS), g.estimate: (8, CHANNELS), g.surroundings: (3, CHANNELS),
                  g.depthwise: (3, 3, CHANNELS, BLOCKS), g.pointwise: (CHANNELS, CHANNELS, BLOCKS + GATES),
                  g.bias: (CHANNELS, 1 + 2 * BLOCKS + GATES), g.tail: ((2 + GATES) * CHANNELS, 8),
                  g.lost: (4, 8), g.matrix: (3, 3)}  # fmt: skip
        for weights, shape in shapes.items():
            stride = 1
            for d, extent in enumerate(shape):
                weights.dim(d).set_bounds(0, extent).set_stride(stride)
                stride *= extent
        buffer = g.rgb.output_buffer()
        buffer.dim(0).set_extent(buffer.dim(0).extent() / STEP * STEP)
        g.rgb.bound(c, 0, 3).bound(j, 0, 2)
        g.rgb.split(r, ro, ri, strip_of(buffer.dim(2).extent(), HIGH // 2), hl.TailStrategy.ShiftInwards)
        g.rgb.split(x, xo, xi, hl.min(WIDE, buffer.dim(0).extent()), hl.TailStrategy.ShiftInwards)
        g.rgb.split(xi, xi, xv, STEP, hl.TailStrategy.RoundUp).reorder(xv, c, xi, j, ri, xo, ro)
        g.rgb.vectorize(xv).unroll(c).fuse(xo, ro, task).parallel(task)
        pixel.compute_at(g.rgb, xi).reorder(c, x, j, r).bound_extent(x, STEP).bound_extent(r, 1).bound_extent(j, 1)
        pixel.bound(c, 0, 3).unroll(c).vectorize(x).store_in(hl.MemoryType.Stack)
        single = [*steps, activity, scale, inverse, direction, contrast, level]
        listed = [planes, guess, *plain, *(out for _, out, _ in products), cell]
        for f in (m.func, *single, *listed):
            f.store_at(g.rgb, task).compute_at(g.rgb, ri)
        # At least the rows that the first output row needs; without being told, storage grows to the whole task.
        for f in (m.func, *steps):
            f.fold_storage(r, 16)
        for f in (guess, linear, scale):
            f.fold_storage(r, 8)
        for f in (m.func, *single):
            f.vectorize(q, LANES)
        for f, var, count in ((cell, o, 12), (planes, p, 4), (guess, o, 8)):
            f.reorder(q, var, r).bound(var, 0, count).vectorize(q, LANES).unroll(var)
        for f in plain:
            f.reorder(q, c, r).bound(c, 0, CHANNELS).vectorize(q, LANES)
        for sums, out, domains in products:
            out.bound(c, 0, 8 if out.name() == corrected.name() else CHANNELS)
            out.split(q, qo, q, 2 * LANES, hl.TailStrategy.RoundUp).split(c, co, c, 4).reorder(q, c, qo, co, r)
            out.vectorize(q, LANES).unroll(q).unroll(c)
            sums.compute_at(out, qo).vectorize(q, LANES).unroll(q).unroll(c)
            for i, domain in enumerate(domains):
                update = sums.update(i)
                update.reorder(q, c, *(domain[d] for d in range(domain.dimensions())))
                update.vectorize(q, LANES).unroll(q).unroll(c)
                if domain.dimensions() > 1:
                    update.unroll(domain[0]).unroll(domain[1])
        # Split off for the mirrored border alone, or the code is many times as large.
        for f in (g.rgb, pixel, *single, *listed, *(sums for sums, _, _ in products)):
            f.never_partition_all()


if __name__ == "__main__":
    hl.main()
