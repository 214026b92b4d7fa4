"""Burst merge: a pairwise temporal Wiener filter on overlapped 16x16 DFT tiles of the Bayer planes."""

import math

import halide as hl

from fotohaus.kernels.burst_align_gen import start_at_zero
from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import total

N = 16  # samples of a tile's side
STEP = 8  # between tiles
PLANES = 4
BLOCK = 128  # samples of a plane that one task makes
u, v, k, j, q, tx, ty = (hl.Var(n) for n in ("u", "v", "k", "j", "q", "tx", "ty"))


def _dft4(a):
    """Four-point DFT of complex (re, im) pairs."""
    even = [(a[0][n] + a[2][n]) for n in (0, 1)]
    even_d = [(a[0][n] - a[2][n]) for n in (0, 1)]
    odd = [(a[1][n] + a[3][n]) for n in (0, 1)]
    odd_d = [(a[1][n] - a[3][n]) for n in (0, 1)]
    return [
        (even[0] + odd[0], even[1] + odd[1]),
        (even_d[0] + odd_d[1], even_d[1] - odd_d[0]),
        (even[0] - odd[0], even[1] - odd[1]),
        (even_d[0] - odd_d[1], even_d[1] + odd_d[0]),
    ]


class Dft16:
    """Sixteen-point DFT along one index as 4 x 4 butterflies; `stages` are its Funcs, `out(k)` its (re, im)."""

    def __init__(self, name, outer, inner, source):
        """`source(n)` is input n, a pair of Exprs in the Vars `outer` (before the index) and `inner` (after it)."""
        first, second = hl.Func(f"{name}_a"), hl.Func(f"{name}_b")
        rows = _dft4([source(j + 4 * n) for n in range(4)])
        first[(*outer, j, *inner)] = hl.Tuple([part for pair in rows for part in pair])

        def twiddled(n):
            """Output j of butterfly n, turned by exp(-2 pi i j n / 16)."""
            t = first[(*outer, n, *inner)]
            re = hl.mux(j, [t[2 * m] for m in range(4)])
            im = hl.mux(j, [t[2 * m + 1] for m in range(4)])
            if n == 0:
                return re, im
            cos = hl.mux(j, [hl.f32(math.cos(math.pi * m * n / 8)) for m in range(4)])
            sin = hl.mux(j, [hl.f32(-math.sin(math.pi * m * n / 8)) for m in range(4)])
            return re * cos - im * sin, re * sin + im * cos

        columns = _dft4([twiddled(n) for n in range(4)])
        second[(*outer, j, *inner)] = hl.Tuple([part for pair in columns for part in pair])
        self.outer, self.inner, self.first, self.second = outer, inner, first, second

    def out(self, index):
        """Output `index`: it must be unrolled."""
        t = self.second[(*self.outer, index % 4, *self.inner)]
        re = hl.mux(index / 4, [t[2 * m] for m in range(4)])
        im = hl.mux(index / 4, [t[2 * m + 1] for m in range(4)])
        return re, im

    def schedule(self, consumer, at, lanes):
        """Compute both stages within loop `at` of `consumer`, vectorised over `lanes`."""
        for stage in (self.first, self.second):
            stage.compute_at(consumer, at).bound(j, 0, 4).unroll(j).vectorize(lanes, 8)
        return self


class Spectrum:
    """The tiles' differences in units of their noise, as two complex images (planes 0 + 1i, 2 + 3i), in frequency."""

    def __init__(self, difference, inverse_sigma, window, slack, every=1):
        tile = hl.Func("tile")
        i, j = tx * every + every // 2, ty * every + every // 2
        self.slack = slack[i, j]
        parts = [difference[STEP * i + u, STEP * j + v, 2 * q + n] * window[u]
                 * (inverse_sigma[i, j, 2 * q + n] * window[v]) for n in (0, 1)]  # fmt: skip
        tile[u, v, q, tx, ty] = hl.Tuple(parts)
        # Along y first: the lanes are the tile's columns, which lie side by side in memory.
        self.columns = Dft16("columns", (u,), (q, tx, ty), lambda n: _pair(tile[u, n, q, tx, ty]))
        self.between = hl.Func("between")
        self.between[u, k, q, tx, ty] = hl.Tuple(self.columns.out(k))
        # Then along x: the lanes are the vertical frequencies.
        self.rows = Dft16("rows", (k,), (q, tx, ty), lambda n: _pair(self.between[n, k, q, tx, ty]))
        self.value = hl.Func("spectrum")
        self.value[k, u, q, tx, ty] = hl.Tuple(self.rows.out(u))
        self.power = hl.Func("power")
        # Periodic, so that what lies before and after a vector of frequencies is read as one.
        a, b = (self.value[k % N, u, n, tx, ty] for n in (0, 1))
        self.power[k, u, tx, ty] = a[0] * a[0] + a[1] * a[1] + b[0] * b[0] + b[1] * b[1]
        self.tile = tile
        self.pooled, self.rowwise = hl.Func("pooled"), hl.Func("rowwise")

    def keep(self, floor, strength):
        """Share of the frame that is merged at vertical frequency k and horizontal frequency u, 0 ... 1."""
        # |Z(f)|^2 + |Z(-f)|^2 of Z = A + iB is 2 (|A|^2 + |B|^2): the planes' mean is an eighth of the sum.
        mirrored = self.power[N - k, (N - u) % N, tx, ty]
        self.pooled[k, u, tx, ty] = (self.power[k, u, tx, ty] + mirrored) * hl.f32(1 / 8)
        # Neighbouring frequencies say much the same: their mean is less of a lottery.
        p, r = self.pooled, self.rowwise
        taps = ((-2, 1 / 16), (-1, 4 / 16), (0, 6 / 16), (1, 4 / 16), (2, 1 / 16))
        self.rowwise[k, u, tx, ty] = total([p[k % N, (u + N + n) % N, tx, ty] * hl.f32(w) for n, w in taps])
        smooth = total([r[k % N + n, u, tx, ty] * hl.f32(w) for n, w in taps])
        excess = hl.max(smooth - floor[k % N, u], hl.f32(0))
        ratio = excess * (1.0 / (strength + self.slack))
        return 1.0 / (1.0 + ratio * ratio)

    def schedule(self, consumer, at):
        """Compute everything per tile, within loop `at` of `consumer`."""
        self.tile.compute_at(consumer, at).vectorize(u, 8)
        self.between.compute_at(consumer, at).reorder(k, u, q).bound(k, 0, N).unroll(k).vectorize(u, 8)
        self.between.reorder_storage(k, u, q, tx, ty)
        self.columns.schedule(self.between, u, u)
        self.value.compute_at(consumer, at).reorder(u, k, q).bound(u, 0, N).unroll(u).vectorize(k, 8)
        self.rows.schedule(self.value, k, k)
        for stage in (self.power, self.pooled, self.rowwise):
            stage.compute_at(consumer, at).align_bounds(k, 8).vectorize(k, 8)


def _pair(t):
    return t[0], t[1]


@hl.generator(name="burst_merge")
class BurstMerge:
    """merged = sum + what the frame adds to it: its difference from the reference, shrunk where it is not noise.

    A fifth plane sums the weights, times the frame's share: at (8 i + k, 8 j + u) that of tile (i, j) at vertical
    frequency k and horizontal frequencies u and -u, 0 ... 7.

    After Hasinoff et al. 2016, section 5: a pairwise temporal filter on 16x16 tiles half overlapped; here the squared
    difference is pooled over the four planes, in units of the noise, its floor subtracted, and its square counts, so
    that what clearly moved is left out sooner. `difference` has a margin of 8 before and at least 8 after the `sum`.
    Tile (i, j) begins at its sample (8 i, 8 j).
    """

    difference = hl.InputBuffer(hl.Float(32), 3)
    sum = hl.InputBuffer(hl.Float(32), 3)
    inverse_sigma = hl.InputBuffer(hl.Float(32), 3)  # tiles, planes
    analysis = hl.InputBuffer(hl.Float(32), 1)  # windows: their product's shifts by 8 add up to one
    synthesis = hl.InputBuffer(hl.Float(32), 1)
    floor = hl.InputBuffer(hl.Float(32), 2)  # expected power by frequency
    strength = hl.InputScalar(hl.Float(32))
    slack = hl.InputBuffer(hl.Float(32), 2)  # tiles; added to the strength
    share = hl.InputScalar(hl.Float(32))  # what the frame counts for each 1 of the reference
    merged = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        spectrum = Spectrum(g.difference, g.inverse_sigma, g.analysis, g.slack)
        kept = hl.Func("kept")
        keep = hl.Func("keep")
        keep[k, u, tx, ty] = spectrum.keep(g.floor, g.strength)  # the same at opposite frequencies
        z = spectrum.value[k, u, q, tx, ty]
        # The inverse transform is the forward one with real and imaginary parts exchanged, before and after.
        half = N // 2
        own, opposite = (hl.Expr(keep[i, hl.min(n, half), tx, ty]) for i, n in ((k, u), (N - k, N - u)))
        much = hl.select(u <= half, own, opposite)
        kept[k, u, q, tx, ty] = hl.Tuple([z[1] * much, z[0] * much])
        rows = Dft16("inverse_rows", (k,), (q, tx, ty), lambda n: _pair(kept[k, n, q, tx, ty]))
        between = hl.Func("inverse_between")
        between[k, u, q, tx, ty] = hl.Tuple(rows.out(u))
        columns = Dft16("inverse_columns", (u,), (q, tx, ty), lambda n: _pair(between[n, u, q, tx, ty]))
        tile = hl.Func("merged_tile")
        im, re = columns.out(v)
        weight = hl.Func("weight")  # of the tile's rows
        weight[v, c, tx, ty] = g.synthesis[v] * (g.share * hl.f32(1 / (N * N)) / g.inverse_sigma[tx, ty, c])
        weights = [g.synthesis[u] * weight[v, 2 * q + n, tx, ty] for n in (0, 1)]
        both = (keep[u % STEP, v, tx, ty] + keep[u % STEP, (N - v) % N, tx, ty]) * (g.share * hl.f32(0.5))
        tile[u, v, q, tx, ty] = hl.Tuple([re * weights[0], im * weights[1], hl.select(v < STEP, both, hl.f32(0))])
        total = g.sum[x, y, c]
        for i in (0, 1):
            for n in (0, 1):
                pair = hl.min(c / 2, 1)
                t = tile[x % STEP + STEP * i, y % STEP + STEP * n, pair, x / STEP + 1 - i, y / STEP + 1 - n]
                total += hl.mux(c % 2, [t[0], t[1]])
        own = tile[x % STEP, y % STEP, 0, x / STEP, y / STEP][2]
        g.merged[x, y, c] = hl.select(c < PLANES, total, g.sum[x, y, c] + own)

        xo, yo, xt, yt, xi, yi = (hl.Var(n) for n in ("xo", "yo", "xt", "yt", "xi", "yi"))
        g.merged.bound(c, 0, PLANES + 1)
        start_at_zero(g.merged)
        g.merged.split(x, xo, x, BLOCK, hl.TailStrategy.RoundUp).split(x, xt, xi, STEP)
        g.merged.split(y, yo, y, BLOCK, hl.TailStrategy.RoundUp).split(y, yt, yi, STEP)
        g.merged.reorder(xi, c, xt, yi, yt, xo, yo).unroll(c).vectorize(xi).parallel(yo)
        tile.store_at(g.merged, xo).compute_at(g.merged, yt).reorder(v, u, q, tx, ty).bound(v, 0, N)
        tile.bound(u, 0, N).bound(q, 0, 2).unroll(v).vectorize(u, 8)
        columns.schedule(tile, u, u)
        between.compute_at(tile, tx).reorder(u, k, q).bound(u, 0, N).unroll(u).vectorize(k, 8)
        between.reorder_storage(u, k, q, tx, ty)
        rows.schedule(between, k, k)
        keep.compute_at(tile, tx).align_bounds(k, 8).vectorize(k, 8)
        weight.compute_at(tile, tx).vectorize(v, 8)
        spectrum.schedule(tile, tx)


@hl.generator(name="burst_weights")
class BurstWeights:
    """The filter's weights, 0 ... 1, at one in every x every tiles: vertical and horizontal frequency, tile."""

    difference = hl.InputBuffer(hl.Float(32), 3)
    inverse_sigma = hl.InputBuffer(hl.Float(32), 3)
    analysis = hl.InputBuffer(hl.Float(32), 1)
    floor = hl.InputBuffer(hl.Float(32), 2)
    strength = hl.InputScalar(hl.Float(32))
    slack = hl.InputBuffer(hl.Float(32), 2)
    every = hl.InputScalar(hl.Int(32))
    weights = hl.OutputBuffer(hl.Float(32), 4)

    def generate(self):
        g = self
        spectrum = Spectrum(g.difference, g.inverse_sigma, g.analysis, g.slack, g.every)
        g.weights[k, u, tx, ty] = spectrum.keep(g.floor, g.strength)
        g.weights.bound(k, 0, N).bound(u, 0, N).vectorize(k, 8).parallel(ty)
        spectrum.schedule(g.weights, tx)


@hl.generator(name="burst_sigma")
class BurstSigma:
    """1 / standard deviation of the noise in each tile of each plane: variance = scale * mean + offset."""

    mosaic = hl.InputBuffer(hl.UInt(16), 2)  # padded, quad 0 at (pad, pad)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    noise_scale = hl.InputBuffer(hl.Float(32), 1)  # by plane
    noise_offset = hl.InputBuffer(hl.Float(32), 1)
    pad = hl.InputScalar(hl.Int(32))
    width = hl.InputScalar(hl.Int(32))  # quads
    height = hl.InputScalar(hl.Int(32))
    inverse_sigma = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        block = hl.Func("block")
        inside = hl.RDom([(0, STEP), (0, STEP)])
        column = hl.clamp(STEP * x + inside.x, 0, g.width - 1) * 2 + c % 2 + g.pad
        row = hl.clamp(STEP * y + inside.y, 0, g.height - 1) * 2 + c / 2 + g.pad
        block[x, y, c] = hl.f32(0)
        block[x, y, c] += hl.f32(g.mosaic[column, row])
        mean = (block[x - 1, y - 1, c] + block[x, y - 1, c] + block[x - 1, y, c] + block[x, y, c]) / (N * N)
        light = (mean - g.black[c % 2, c / 2]) * g.scale[c % 2, c / 2]
        # A mean below black is noise: never trust less than the noise in the dark.
        variance = g.noise_scale[c] * hl.max(light, hl.f32(0)) + g.noise_offset[c]
        g.inverse_sigma[x, y, c] = 1.0 / hl.sqrt(hl.max(variance, hl.f32(1e-12)))

        g.inverse_sigma.reorder(c, x, y).parallel(y)
        block.compute_root().reorder(c, x, y).parallel(y)
        block.update().reorder(inside.x, inside.y, c, x, y).parallel(y)


if __name__ == "__main__":
    hl.main()
