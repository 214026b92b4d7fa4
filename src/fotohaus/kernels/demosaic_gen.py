"""Bayer mosaic to RGB: directional interpolation of colour differences, corrected by a small trained network.

Both work on quads, the 2x2 cells of the pattern, so that all four phases are one and no pixel asks which colour it has.
"""

import functools

import halide as hl
from halide import f32, i16, i32

from fotohaus.kernels.common import c, strip_of, x
from fotohaus.kernels.common_raw import decode, encode, total
from fotohaus.kernels.demosaic_units import (
    ACTIVE,
    CONTEXT,
    CONTEXT_SHIFT,
    FOUND,
    GATE_SHIFT,
    POINT_SHIFT,
    RAW,
    SAMPLE,
    STEM_SHIFT,
)

# Changes of the colour difference below this (in units of the white level) say nothing about direction.
FLAT = 3e-5
# Along each direction, the colour difference of a site is the mean of its neighbours' with these weights.
SIDE = (0.4, 0.3, 0.2, 0.1)
# Weights of the rows and columns of the window in which smoothness is measured.
WINDOW = {-2: 1 / 12, -1: 1 / 4, 0: 1 / 3, 1: 1 / 4, 2: 1 / 12}

CHANNELS, BLOCKS, GATES = 12, 2, 1  # as tools/train_demosaic.py has them
FLOOR = 0.002  # activity that counts as flat, of the encoded white level
PAIRS = CHANNELS // 2
WIDE, HIGH = 512, 256  # pixels of one task
STEP = 32  # the output's width is a multiple of this
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


def narrow(v):
    """A 32-bit integer as the nearest of 16 bits."""
    return hl.saturating_cast(hl.Int(16), v)


def fixed(v):
    """The nearest integer of 16 bits, of a value below 4 million.

    What 1.5 x 2^23 is added to has no bits left after the point, and the integer in its low ones.
    """
    return narrow(hl.reinterpret(hl.Int(32), v + f32(1.5 * 2**23)) - i32(0x4B400000))


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
    how far the directional estimate is from those. All weights are integers, as develop/demosaic_network.py makes them,
    `offset`, `bias` and `start` what is added to the sums of `depthwise`, the other layers and `tail`.
    `rgb[column, row in the quad, quad row, channel]` holds whole quads.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    toe = hl.InputScalar(hl.Float(32))
    lost = hl.InputBuffer(hl.Float(32), 2)
    stem = hl.InputBuffer(hl.Int(16), 5)
    estimate = hl.InputBuffer(hl.Int(16), 3)
    surroundings = hl.InputBuffer(hl.Int(16), 3)
    depthwise = hl.InputBuffer(hl.Int(16), 5)
    offset = hl.InputBuffer(hl.Int(16), 3)
    pointwise = hl.InputBuffer(hl.Int(16), 4)
    bias = hl.InputBuffer(hl.Int(32), 2)
    tail = hl.InputBuffer(hl.Int(16), 3)
    start = hl.InputBuffer(hl.Int(32), 1)
    rgb = hl.OutputBuffer(hl.Float(32), 4)

    def generate(self):
        g = self
        i, k = hl.Var("i"), hl.Var("k")  # of a pair, pair
        o, j = hl.Var("o"), hl.Var("j")  # output, row in the quad
        inside = [(0, g.mosaic.dim(0).extent()), (0, g.mosaic.dim(1).extent())]
        mirrored = hl.BoundaryConditions.mirror_interior(g.mosaic, inside)
        m = Sites("m", lambda p: encode(mirrored[2 * q + (p & 1) + g.left, 2 * r + (p >> 1) + g.top], g.toe))
        lacking, (along_rows, along_columns), steps = directional(m)
        guess = hl.Func("guess")
        guess[q, r, o] = hl.mux(o, lacking)

        # What layers read: integers of 16 bits, two channels side by side, whose two products one instruction adds up.
        joined, layers = [], []

        def pairs(name, values):
            out = hl.Func(name)
            out[i, q, k, r] = hl.mux(2 * k + i, values)
            joined.append((out, len(values) // 2))
            return out

        def sample(v):
            return fixed(hl.clamp(v, -8, 8) * f32(1 / SAMPLE))

        planes = pairs("planes", [sample(m.at(place)) for place in range(4)])
        told = pairs("told", [sample(guess[q, r, n]) for n in range(8)])

        def weighted(start, *terms):
            """Sums of products over domains, kept in registers until they are finished and stored."""
            sums = hl.Func("sums")
            sums[q, r, c] = start
            for values, weight, _ in terms:
                sums[q, r, c] += i32(values) * i32(weight)
            return sums, [domain for *_, domain in terms]

        def over(channels, weight, count):
            n = hl.RDom([(0, 2), (0, count)], "n")
            return channels[n[0], q, n[1], r], weight(n[0], n[1]), n

        def layer(name, start, terms, shift, finish=lambda v: v):
            (sums, domains), out = weighted(start, *terms), hl.Func(name)
            out[i, q, k, r] = finish(
                narrow(hl.select(i == 0, i32(sums[q, r, 2 * k]), i32(sums[q, r, 2 * k + 1])) >> shift)
            )
            layers.append((sums, out, domains))
            return out

        # Filters that are blind to a constant in any colour, and their outputs by the local activity.
        s = hl.RDom([(0, 2), (0, 2), (0, 3), (0, 3)], "s")
        taps = planes[s[0], q + s[2] - 1, s[1], r + s[3] - 1], g.stem[s[0], s[1], s[2], s[3], c], s
        beyond = over(told, lambda i, k: g.estimate[i, k, c], 4)
        raw = layer("raw", i32(1 << (STEM_SHIFT - 1)), [taps, beyond], STEM_SHIFT)
        both, activity, column, scale, inverse = map(hl.Func, ("both", "activity", "column", "scale", "inverse"))
        both[i, q, r] = functools.reduce(hl.saturating_add, [hl.abs(raw[i, q, n, r]) for n in range(PAIRS)])
        activity[q, r] = f32(i32(both[0, q, r]) + i32(both[1, q, r]))
        column[q, r] = activity[q, r - 1] + activity[q, r] + activity[q, r + 1]
        around = column[q - 1, r] + column[q, r] + column[q + 1, r]
        scale[q, r] = around * f32(RAW / (9 * CHANNELS)) + f32(FLOOR)
        inverse[q, r] = f32(RAW / ACTIVE) / scale[q, r]
        linear = hl.Func("linear")
        linear[i, q, k, r] = fixed(f32(raw[i, q, k, r]) * inverse[q, r])

        gradient = along_rows + along_columns + f32(1e-3)
        direction = (along_rows - along_columns) / gradient
        contrast = gradient / (gradient + scale[q, r])
        level = scale[q, r] / (scale[q, r] + f32(0.03))
        numbers = (direction, contrast, level, f32(0))
        context = pairs("context", [fixed(v * f32(1 / CONTEXT)) for v in numbers])
        local = over(context, lambda i, k: g.surroundings[i, k, c], 2)
        h = layer("h0", g.bias[c, 0], [local], CONTEXT_SHIFT,
                  lambda v: hl.max(hl.saturating_add(linear[i, q, k, r], v), i16(0)))  # fmt: skip

        plain = []
        for n in range(BLOCKS):
            # Rounded high halves of products. The compiler would look for -32768 if it weren't told that h has no sign.
            d = hl.Func(f"d{n}")
            near = [
                hl.rounding_mul_shift_right(
                    h[i, q + a - 1, k, r + b - 1] & 32767, g.depthwise[i, k, a, b, n], hl.u16(15)
                )
                for b in range(3)
                for a in range(3)
            ]
            d[i, q, k, r] = functools.reduce(hl.saturating_add, near, g.offset[i, k, n])
            plain.append(d)
            point = over(d, lambda i, k, n=n: g.pointwise[i, k, c, n], PAIRS)
            h = layer(f"h{n + 1}", g.bias[c, 1 + n], [point], POINT_SHIFT,
                      lambda v, h=h: hl.saturating_add(h[i, q, k, r], hl.max(v, i16(0))))  # fmt: skip

        # What the layers found mixes the linear filters anew in every quad; saturated integers are a gate's -1 and 1.
        features = [h, linear]
        for n in range(BLOCKS, BLOCKS + GATES):
            gate = over(h, lambda i, k, n=n: g.pointwise[i, k, c, n], PAIRS)
            features.append(layer(f"gated{n}", g.bias[c, 1 + n], [gate], GATE_SHIFT,
                                  lambda v: hl.mul_shift_right(v, linear[i, q, k, r], 16)))  # fmt: skip
        mixed = [over(f, lambda i, k, n=n: g.tail[i, k + n * PAIRS, c], PAIRS) for n, f in enumerate(features)]
        found, mixing = weighted(g.start[c], *mixed)
        e = f32(found[q, r, c]) * (scale[q, r] * f32(FOUND)) + guess[q, r, c]
        by = 1 / (hl.max(e, 0) + g.toe)
        corrected = hl.Func("corrected")
        corrected[q, r, c] = e + (g.lost[0, c] + by * (g.lost[1, c] + by * (g.lost[2, c] + by * g.lost[3, c])))

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
        shapes = {g.stem: (2, 2, 3, 3, CHANNELS), g.estimate: (2, 4, CHANNELS), g.surroundings: (2, 2, CHANNELS),
                  g.depthwise: (2, PAIRS, 3, 3, BLOCKS), g.offset: (2, PAIRS, BLOCKS),
                  g.pointwise: (2, PAIRS, CHANNELS, BLOCKS + GATES), g.bias: (CHANNELS, 1 + BLOCKS + GATES),
                  g.tail: (2, (2 + GATES) * PAIRS, 8), g.start: (8,), g.lost: (4, 8), g.matrix: (3, 3)}  # fmt: skip
        for weights, shape in shapes.items():
            stride = 1
            for d, extent in enumerate(shape):
                weights.dim(d).set_bounds(0, extent).set_stride(stride)
                stride *= extent
        target = g.target()  # type: ignore[attr-defined]  # the decorator adds it
        lanes = 16 if target.has_feature(hl.TargetFeature.AVX512_Skylake) else 8  # floats of one vector
        buffer = g.rgb.output_buffer()
        buffer.dim(0).set_extent(buffer.dim(0).extent() / STEP * STEP)
        g.rgb.bound(c, 0, 3).bound(j, 0, 2)
        g.rgb.split(r, ro, ri, strip_of(buffer.dim(2).extent(), HIGH // 2), hl.TailStrategy.ShiftInwards)
        g.rgb.split(x, xo, xi, hl.min(WIDE, buffer.dim(0).extent()), hl.TailStrategy.ShiftInwards)
        g.rgb.split(xi, xi, xv, 2 * lanes, hl.TailStrategy.RoundUp).reorder(xv, c, xi, j, ri, xo, ro)
        g.rgb.vectorize(xv).unroll(c).fuse(xo, ro, task).parallel(task)
        pixel.compute_at(g.rgb, xi).reorder(c, x, j, r).bound_extent(x, 2 * lanes).bound_extent(r, 1).bound_extent(j, 1)
        pixel.bound(c, 0, 3).unroll(c).vectorize(x).store_in(hl.MemoryType.Stack)
        single = [*steps, activity, scale, inverse]
        listed = [*(f for f, _ in joined), *plain, linear, both, *(out for _, out, _ in layers), guess, corrected, cell]
        for f in (m.func, *single, *listed):
            f.store_at(g.rgb, task).compute_at(g.rgb, ri)
        # At least the rows that the first output row needs; without being told, storage grows to the whole task.
        for f in (m.func, *steps):
            f.fold_storage(r, 16)
        for f in (guess, linear, scale):
            f.fold_storage(r, 8)
        for f in (m.func, *single):
            f.vectorize(q, lanes)
        for f, var, count in ((cell, o, 12), (guess, o, 8)):
            f.reorder(q, var, r).bound(var, 0, count).vectorize(q, lanes).unroll(var)
        for f, count in joined:
            f.bound(i, 0, 2).bound(k, 0, count).reorder(i, k, q, r).vectorize(q, lanes).unroll(k).unroll(i)
        for f in (linear, *plain, both):
            f.bound(i, 0, 2).vectorize(i).vectorize(q, lanes)
        for f in (linear, *plain):
            f.bound(k, 0, PAIRS)
        for _, out, _ in layers:
            out.bound(i, 0, 2).bound(k, 0, PAIRS)
            out.split(k, co, k, 3).split(q, qo, q, 2 * lanes, hl.TailStrategy.RoundUp).reorder(i, q, k, qo, co, r)
            out.vectorize(i).vectorize(q, lanes).unroll(q).unroll(k)
        corrected.bound(c, 0, 8).split(c, co, c, 4).split(q, qo, q, 2 * lanes, hl.TailStrategy.RoundUp)
        corrected.reorder(q, c, qo, co, r).vectorize(q, lanes).unroll(q).unroll(c)
        # ARM multiplies 16 bits by 16 and adds them to 32 one channel after the other, x86 two channels at once.
        one_by_one = target.arch == hl.TargetArch.ARM
        for sums, out, domains in (*layers, (found, corrected, mixing)):
            sums.compute_at(out, qo).vectorize(q, lanes).unroll(q).unroll(c)
            for n, domain in enumerate(domains):
                update = sums.update(n)
                update.reorder(domain[0], q, c, *(domain[d] for d in range(1, domain.dimensions())))
                if one_by_one:
                    update.unroll(domain[0])
                else:
                    update.atomic().vectorize(domain[0])
                update.vectorize(q, lanes).unroll(q).unroll(c)
                if domain.dimensions() > 2:
                    update.unroll(domain[1]).unroll(domain[2])
        # Split off for the mirrored border alone, or the code is many times as large.
        for f in (g.rgb, pixel, *single, *listed, found, *(sums for sums, _, _ in layers)):
            f.never_partition_all()


if __name__ == "__main__":
    hl.main()
