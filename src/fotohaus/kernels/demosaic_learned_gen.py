"""Bayer mosaic to RGB: a small trained network on quads, the 2x2 cells of the pattern."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, x
from fotohaus.kernels.common_raw import decode, encode, total

CHANNELS, BLOCKS, GATES = 24, 4, 2  # as tools/train_demosaic.py has them
FLOOR = 0.002  # activity that counts as flat, of the encoded white level
WIDE, HIGH, LANES = 256, 256, 8  # pixels of one task; floats of one vector


@hl.generator(name="demosaic_learned")
class DemosaicLearned:
    """Linear white-balanced mosaic in, linear RGB through a matrix out.

    `left`, `top`: where in the mosaic the first quad begins (its red site), -1 where half of it lies outside.
    `toe`: the mosaic is encoded as sqrt(v + toe^2) - toe, in which noise is even.
    `matrix[i, o]` is the weight of channel i of (R, G, B) in channel o of the output.
    `rgb[column, row in the quad, quad row, channel]` holds whole quads.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    toe = hl.InputScalar(hl.Float(32))
    stem = hl.InputBuffer(hl.Float(32), 4)
    depthwise = hl.InputBuffer(hl.Float(32), 4)
    pointwise = hl.InputBuffer(hl.Float(32), 3)
    bias = hl.InputBuffer(hl.Float(32), 2)
    tail = hl.InputBuffer(hl.Float(32), 2)
    rgb = hl.OutputBuffer(hl.Float(32), 4)

    def generate(self):
        g = self
        q, r, p, o, j = (hl.Var(name) for name in "qrpoj")  # quad column and row, place in the quad, output, row in it
        inside = [(0, g.mosaic.dim(0).extent()), (0, g.mosaic.dim(1).extent())]
        mirrored = hl.BoundaryConditions.mirror_interior(g.mosaic, inside)

        planes = hl.Func("planes")  # red, green of the red row, green of the blue row, blue
        planes[q, r, p] = encode(mirrored[2 * q + (p & 1) + g.left, 2 * r + (p >> 1) + g.top], g.toe)

        products = []

        def layer(name, start, term, domain, finish):
            """Weighted sums over channels, kept in registers until they are finished and stored."""
            sums, out = hl.Func(f"{name}_sums"), hl.Func(name)
            sums[q, r, c] = start
            sums[q, r, c] += term
            out[q, r, c] = finish(sums[q, r, c])
            products.append((sums, out, domain))
            return out

        # Filters that are blind to a constant in any colour, and their outputs by the local activity.
        s = hl.RDom([(0, 3), (0, 3), (0, 4)], "s")
        k = hl.RDom([(0, CHANNELS)], "k")
        taps = g.stem[s[0], s[1], s[2], c] * planes[q + s[0] - 1, r + s[1] - 1, s[2]]
        raw = layer("raw", f32(0), taps, s, lambda v: v)
        activity, column, scale, inverse = (hl.Func(n) for n in ("activity", "column", "scale", "inverse"))
        activity[q, r] = total([hl.abs(raw[q, r, i]) for i in range(CHANNELS)])
        column[q, r] = activity[q, r - 1] + activity[q, r] + activity[q, r + 1]
        around = column[q - 1, r] + column[q, r] + column[q + 1, r]
        scale[q, r] = around * f32(1 / (9 * CHANNELS)) + f32(FLOOR)
        inverse[q, r] = 1 / scale[q, r]
        linear, h = hl.Func("linear"), hl.Func("h0")
        linear[q, r, c] = raw[q, r, c] * inverse[q, r]
        h[q, r, c] = hl.max(linear[q, r, c] + g.bias[c, 0], 0)

        plain = [linear, h]
        for n in range(BLOCKS):
            d = hl.Func(f"d{n}")
            around = [g.depthwise[a, b, c, n] * h[q + a - 1, r + b - 1, c] for b in range(3) for a in range(3)]
            d[q, r, c] = g.bias[c, 1 + n] + total(around)
            plain.append(d)
            term = g.pointwise[k, c, n] * d[q, r, k]
            h = layer(f"h{n + 1}", g.bias[c, 1 + BLOCKS + n], term, k, lambda v, h=h: h[q, r, c] + hl.max(v, 0))

        # What the layers found mixes the linear filters anew in every quad.
        features = [h, linear]
        for n in range(BLOCKS, BLOCKS + GATES):
            term = g.pointwise[k, c, n] * h[q, r, k]
            start = g.bias[c, 1 + BLOCKS + n]
            features.append(layer(f"gated{n}", start, term, k, lambda v: hl.clamp(v, -1, 1) * linear[q, r, c]))
        term = total([g.tail[k + i * CHANNELS, c] * f[q, r, k] for i, f in enumerate(features)])
        correction = layer("correction", f32(0), term, k, lambda v: v * scale[q, r])

        def mean(*sites):
            return total([planes[q + dx, r + dy, i] for i, dx, dy in sites]) / len(sites)

        red, green, under, blue = range(4)
        fix = [correction[q, r, i] for i in range(8)]
        cell = hl.Func("cell")
        cell[q, r, o] = hl.mux(o, [
            planes[q, r, red],
            fix[2] + mean((red, 0, 0), (red, 1, 0)),
            fix[4] + mean((red, 0, 0), (red, 0, 1)),
            fix[6] + mean((red, 0, 0), (red, 1, 0), (red, 0, 1), (red, 1, 1)),
            fix[0] + mean((green, 0, 0), (green, -1, 0), (under, 0, 0), (under, 0, -1)),
            planes[q, r, green],
            planes[q, r, under],
            fix[7] + mean((green, 0, 0), (green, 0, 1), (under, 0, 0), (under, 1, 0)),
            fix[1] + mean((blue, 0, 0), (blue, -1, 0), (blue, 0, -1), (blue, -1, -1)),
            fix[3] + mean((blue, 0, 0), (blue, 0, -1)),
            fix[5] + mean((blue, 0, 0), (blue, -1, 0)),
            planes[q, r, blue],
        ])  # fmt: skip
        pixel = hl.Func("pixel")
        first, second = (f32(cell[x // 2, r, 2 * j + i + 4 * c]) for i in range(2))
        pixel[x, r, j, c] = decode(hl.select(x % 2 == 0, first, second), g.toe)
        g.rgb[x, j, r, c] = total([g.matrix[i, c] * pixel[x, r, j, i] for i in range(3)])

        # Each layer keeps, in the second-level cache, the few rows of a task that the next one still needs.
        xo, ro, xi, ri, qo, co, task = (hl.Var(name) for name in ("xo", "ro", "xi", "ri", "qo", "co", "task"))
        buffer = g.rgb.output_buffer()
        g.rgb.bound(c, 0, 3).bound(j, 0, 2)
        g.rgb.split(r, ro, ri, hl.min(HIGH // 2, buffer.dim(2).extent()), hl.TailStrategy.ShiftInwards)
        g.rgb.split(x, xo, xi, hl.min(WIDE, buffer.dim(0).extent()), hl.TailStrategy.ShiftInwards)
        g.rgb.reorder(xi, c, j, ri, xo, ro).vectorize(xi, 2 * LANES, hl.TailStrategy.GuardWithIf).unroll(c)
        g.rgb.fuse(xo, ro, task).parallel(task)
        pixel.compute_at(g.rgb, xi).reorder(c, x, j, r).unroll(c).vectorize(x)
        for f in (planes, activity, scale, inverse, *plain, *(out for _, out, _ in products), cell):
            f.store_at(g.rgb, task).compute_at(g.rgb, ri)
        cell.bound(o, 0, 12).reorder(q, o, r).vectorize(q, LANES).unroll(o)
        planes.reorder(q, p, r).bound(p, 0, 4).vectorize(q, LANES).unroll(p)
        for f in (activity, scale, inverse):
            f.vectorize(q, LANES)
        for f in plain:
            f.reorder(q, c, r).bound(c, 0, CHANNELS).vectorize(q, LANES)
        for sums, out, domain in products:
            out.bound(c, 0, 8 if out.name() == correction.name() else CHANNELS)
            out.split(q, qo, q, 2 * LANES, hl.TailStrategy.RoundUp).split(c, co, c, 4).reorder(q, c, qo, co, r)
            out.vectorize(q, LANES).unroll(q).unroll(c)
            sums.compute_at(out, qo).vectorize(q, LANES).unroll(q).unroll(c)
            update = sums.update()
            update.reorder(q, c, *(domain[d] for d in range(domain.dimensions())))
            update.vectorize(q, LANES).unroll(q).unroll(c)
        # Split off for the mirrored border alone, or the code is many times as large.
        for f in (g.rgb, pixel, cell, activity, scale, inverse, *plain, *(f for pair in products for f in pair[:2])):
            f.never_partition_all()


if __name__ == "__main__":
    hl.main()
