"""Clipped samples of a mosaic: an overview of where, a fill from their borders, and linear light with them rebuilt."""

import halide as hl

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import any_view, clipping, largest, smoothstep, total
from fotohaus.kernels.shaded import Shaded

LEVELS = 8
TILE_X, TILE_Y = 128, 16
REACH = 2  # samples to each side that a rebuilt sample is made of
MOST = 16.0  # times what was measured that a sample may become
STRUCTURE = 2.0  # variance over that of noise, from which on it is light that varies, in strong noise
STRONG = (0.04, 0.12)  # deviations, as a fraction of saturation
LIFT = 2.0  # deviations that the largest of a few samples may be from what the map says
NOISY = (0.02, 0.06)  # deviations at which a sample below saturation is no hole that a codec left, but was measured
# A normal distribution's tail from t deviations on has the mean log(1 + exp(k t + b)) / k, within a few hundredths.
TAIL = (1.4, 0.72)
TOP = (0.98, 0.998)  # of saturation: where a sample is one of that tail


@hl.generator(name="highlights_overview")
class HighlightsOverview:
    """Cells of `cell` by `cell` samples (even): per position of the CFA, the sums of v and v^2 and the largest v.

    v = max(0, (mosaic - black) * scale). Planes: 3 * (2 * (y & 1) + (x & 1)) + (0: v, 1: v^2, 2: largest).
    The last column and row of cells may be only partly filled: sums are of what there is.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    cell = hl.InputScalar(hl.Int(32))
    cells = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        width, height = g.mosaic.dim(0).extent(), g.mosaic.dim(1).extent()
        parity = hl.Var("parity")
        # Columns of samples first: whole vectors. Rows of the CFA apart.
        rows = hl.RDom([(0, g.cell // 2)], "rows")
        at = y * g.cell + 2 * rows + parity
        inside = at < height
        sample = g.mosaic[x, hl.min(at, height - 1)]
        v = hl.max(0.0, (hl.f32(sample) - g.black[x & 1, parity]) * g.scale[x & 1, parity])
        v = hl.select(inside, v, 0.0)
        column = hl.Func("column")
        column[x, parity, y] = (hl.f32(0), hl.f32(0), hl.f32(0))
        now = column[x, parity, y]
        column[x, parity, y] = (now[0] + v, now[1] + v * v, hl.max(now[2], v))

        across = hl.RDom([(0, g.cell // 2)], "across")
        place = hl.Var("place")
        where = x * g.cell + 2 * across + (place & 1)
        part = column[hl.min(where, width - 1), place >> 1, y]
        there = where < width
        cell = hl.Func("cell_sums")
        cell[x, place, y] = (hl.f32(0), hl.f32(0), hl.f32(0))
        so_far = cell[x, place, y]
        cell[x, place, y] = (
            so_far[0] + hl.select(there, part[0], 0.0),
            so_far[1] + hl.select(there, part[1], 0.0),
            hl.max(so_far[2], hl.select(there, part[2], 0.0)),
        )
        done = cell[x, c // 3, y]
        g.cells[x, y, c] = hl.mux(c % 3, [done[0], done[1], done[2]])

        stride = any_view(g.mosaic).dim(0).stride()
        g.cells.bound(c, 0, 12).reorder(x, c, y).parallel(y)
        cell.compute_at(g.cells, y).bound(place, 0, 4)
        cell.update().reorder(across, x, place)
        column.compute_at(g.cells, y).bound(parity, 0, 2).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        column.update().reorder(x, rows, parity, y)
        for view in (stride == 1, stride == -1):
            column.update().specialize(view).vectorize(x, 8, hl.TailStrategy.GuardWithIf)


@hl.generator(name="highlights_colors")
class HighlightsColors(Shaded):
    """What the cells of `highlights_overview` say of their colours.

    clip, plane : per position of the CFA, the light at which it saturates and which of R, G, B it is. The gains are for
    cells. clear, gone : a cell's largest sample, over saturation, up to which it is known, and from which it is not.
    noise : for each of R, G, B the variance over the level, and at any level, as fractions of saturation.
    differ, same : of its two kinds of green the darker over the brighter, up to which they differ, and from which not.
    colors[x, y, i], three each: mean light of R, G, B (contraharmonic); 1 where it is known and 0 where it clips; where
    it clips. Then the square of 1 / (1 + variance / mean^2) of green: how even the cell is. Last, 1 where both kinds of
    green see the same, 0 where they differ: there red and blue see other parts of an edge, too.
    """

    cells = hl.InputBuffer(hl.Float(32), 3)
    clip = hl.InputBuffer(hl.Float(32), 1)
    plane = hl.InputBuffer(hl.Int(32), 1)
    noise = hl.InputBuffer(hl.Float(32), 2)
    cell = hl.InputScalar(hl.Int(32))
    clear = hl.InputScalar(hl.Float(32))
    gone = hl.InputScalar(hl.Float(32))
    differ = hl.InputScalar(hl.Float(32))
    same = hl.InputScalar(hl.Float(32))
    colors = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        gains = g.shading(4, g.top)
        sums, squares, highest = ([g.cells[x, y, 3 * p + n] for p in range(4)] for n in range(3))
        gain = [gains.sample(p) for p in range(4)]

        def of(plane, values, start=0):
            return [hl.select(g.plane[p] == plane, value, 0.0) for p, value in enumerate(values, start)]

        # Noise has a square, too, which is no light.
        count = 0.25 * hl.f32(g.cell * g.cell)
        plain = []
        for p in range(4):
            scale, offset = (total(hl.select(g.plane[p] == i, g.noise[n, i], 0.0) for i in range(3)) for n in (0, 1))
            strong = STRUCTURE * smoothstep(hl.sqrt(scale + offset), *STRONG)
            noisy = strong * (scale * sums[p] + offset * g.clip[p] * count) * g.clip[p]
            plain.append(hl.max(squares[p] - noisy, hl.min(squares[p], sums[p] * sums[p] / count)))
        weighed = [square * factor for square, factor in zip(plain, gain, strict=True)]
        limits = [g.clip[p] * gain[p] for p in range(4)]
        shares = [highest[p] / hl.max(g.clip[p], 1e-6) for p in range(4)]
        light = [total(of(i, weighed)) / hl.max(total(of(i, sums)), 1e-9) for i in range(3)]
        known = [1.0 - smoothstep(largest(of(i, shares)), g.clear, g.gone) for i in range(3)]
        levels = [largest(of(i, limits)) for i in range(3)]
        green, energy = total(of(1, sums)), total(of(1, squares))
        even = hl.min(green * green / hl.max(energy * hl.f32(g.cell * g.cell) * 0.5, 1e-9), 1.0)
        own = [weighed[p] / hl.max(sums[p], 1e-9) for p in range(4)]
        first, second = (total(of(1, own[2 * row : 2 * row + 2], 2 * row)) for row in (0, 1))
        agree = smoothstep(hl.min(first, second) / hl.max(hl.max(first, second), 1e-6), g.differ, g.same)
        g.colors[x, y, c] = hl.mux(c, [*light, *known, *levels, even * even, agree])

        g.colors.bound(c, 0, 11).reorder(c, x, y).unroll(c).parallel(y)
        g.colors.vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        gains.row.compute_at(g.colors, y)


@hl.generator(name="highlights_fill")
class HighlightsFill:
    """Values where there is confidence, spread to where there is none: pull-push over a pyramid.

    confidence : weight in every average. cover : 0..1, how far a place is content with what is near it; averages from
    farther away count for the rest. filled : as `values` (x, y, plane). depth(x, y): how many levels up the value came
    from, smoothly.
    Gortler et al. 1996, "The Lumigraph", section 3.4.2, with tent filters both ways.
    """

    values = hl.InputBuffer(hl.Float(32), 3)
    confidence = hl.InputBuffer(hl.Float(32), 2)
    cover = hl.InputBuffer(hl.Float(32), 2)
    filled = hl.OutputBuffer(hl.Float(32), 3)
    depth = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        sizes = [(g.confidence.dim(0).extent(), g.confidence.dim(1).extent())]
        edge_values = hl.BoundaryConditions.repeat_edge(g.values, [(0, sizes[0][0]), (0, sizes[0][1])])
        edge_trust = hl.BoundaryConditions.repeat_edge(g.confidence, [(0, sizes[0][0]), (0, sizes[0][1])])
        edge_cover = hl.BoundaryConditions.repeat_edge(g.cover, [(0, sizes[0][0]), (0, sizes[0][1])])
        trust, light, cover = [hl.Func("trust_0")], [hl.Func("light_0")], [hl.Func("cover_0")]
        cover[0][x, y] = edge_cover[x, y]
        trust[0][x, y] = edge_trust[x, y]
        light[0][x, y, c] = edge_values[x, y, c] * edge_trust[x, y]
        for level in range(1, LEVELS):
            width, height = ((n + 1) // 2 for n in sizes[-1])
            sizes.append((width, height))
            trust.append(self._half(trust[-1], width, height, f"trust_{level}"))
            light.append(self._half(light[-1], width, height, f"light_{level}"))
            cover.append(self._half(cover[-1], width, height, f"cover_{level}"))

        top = hl.Func("push_top")
        top[x, y, c] = light[-1][x, y, c] / (trust[-1][x, y] + 1e-12)
        none = hl.Func("depth_top")
        none[x, y] = hl.f32(0)
        pushed, deep = top, none
        stages = [top]
        for level in reversed(range(LEVELS - 1)):
            up, up_depth = self._double(pushed, sizes[level + 1]), self._double(deep, sizes[level + 1])
            own = trust[level][x, y]
            share = hl.min(1.0, 4.0 * cover[level][x, y])
            next_push = hl.Func(f"push_{level}") if level else g.filled
            next_deep = hl.Func(f"depth_{level}") if level else g.depth
            next_push[x, y, c] = hl.lerp(up[x, y, c], light[level][x, y, c] / (own + 1e-12), share)
            next_deep[x, y] = (1.0 - share) * (up_depth[x, y] + 1.0)
            pushed, deep = next_push, next_deep
            stages.append(next_push)
            if level:
                next_push.compute_root().vectorize(x, 8, hl.TailStrategy.GuardWithIf)
                next_deep.compute_root().vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        top.compute_root()
        none.compute_root()
        for f in (*trust[1:], *light[1:], *cover[1:]):
            f.compute_root().vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        g.filled.vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        g.depth.vectorize(x, 8, hl.TailStrategy.GuardWithIf)

    @staticmethod
    def _clamped(f, width, height):
        rest = [c] if f.dimensions() == 3 else []
        return lambda i, j: f[(hl.clamp(i, 0, width - 1), hl.clamp(j, 0, height - 1), *rest)]

    def _half(self, f, width, height, name):
        rest = [c] if f.dimensions() == 3 else []
        across, half = hl.Func(name + "_across"), hl.Func(name)
        read = lambda i, j: f[(i, j, *rest)]  # noqa: E731
        weights = ((-1, 0.125), (0, 0.375), (1, 0.375), (2, 0.125))
        i, j = hl.clamp(x, 0, width - 1), hl.clamp(y, 0, height - 1)
        across[(x, y, *rest)] = total([w * read(2 * x + k, y) for k, w in weights])
        half[(x, y, *rest)] = total([w * across[(i, 2 * j + k, *rest)] for k, w in weights])
        across.compute_root().vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        return half

    def _double(self, f, size):
        rest = [c] if f.dimensions() == 3 else []
        read = self._clamped(f, *size)
        tall, double = hl.Func(), hl.Func()
        other = hl.select((y & 1) == 0, -1, 1)
        tall[(x, y, *rest)] = 0.75 * read(x, y >> 1) + 0.25 * read(x, (y >> 1) + other)
        side = hl.select((x & 1) == 0, -1, 1)
        double[(x, y, *rest)] = 0.75 * tall[(x >> 1, y, *rest)] + 0.25 * tall[((x >> 1) + side, y, *rest)]
        return double


@hl.generator(name="linearize_rebuilt")
class LinearizeRebuilt(Shaded):
    """Rows from `top` on of a mosaic: `linearize`, and samples that reach their saturation level rebuilt.

    black, scale, saturation (a level in DN) and gains per position of the 2x2 CFA, as in `linearize`. `colors`:
    log of the light of R, G, B in cells of `cell` by `cell` samples, with clipped areas filled. Green sites are those
    where x + y + green is even; in even rows the other colour is `first` (0: red, 2: blue). noise : as for
    `highlights_colors`, and `noisy` 0 where it has no say.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    saturation = hl.InputBuffer(hl.Float(32), 2)
    colors = hl.InputBuffer(hl.Float(32), 3)
    cell = hl.InputScalar(hl.Int(32))
    green = hl.InputScalar(hl.Int(32))
    first = hl.InputScalar(hl.Int(32))
    noisy = hl.InputScalar(hl.Int(32))
    noise = hl.InputBuffer(hl.Float(32), 2)
    linear = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        inside = [(0, g.mosaic.dim(0).extent()), (0, g.mosaic.dim(1).extent())]
        mirrored = hl.BoundaryConditions.mirror_interior(g.mosaic, inside)
        gains = g.shading(4)
        noisy = g.noisy != 0
        step = 1.0 / hl.f32(g.cell)
        whole_gains = g.shading(4, g.top)

        sample, value, share = hl.Func("sample"), hl.Func("value"), hl.Func("share")
        sample[x, y] = mirrored[x, y]
        level = hl.f32(sample[x, y]) - g.black[x & 1, y & 1]
        value[x, y] = level * gains.by_columns(g.scale, y & 1)
        share[x, y] = level / hl.max(1.0, g.saturation[x & 1, y & 1] - g.black[x & 1, y & 1])

        at_green = ((x + y + g.green) & 1) == 0

        def others(f, combine):
            """The two other colours in 3x3 samples: beside and above at green; at red and blue, green and diagonal."""
            beside, above = combine([f[x - 1, y], f[x + 1, y]]), combine([f[x, y - 1], f[x, y + 1]])
            diagonal = combine([f[x + i, y + j] for i in (-1, 1) for j in (-1, 1)])
            return hl.select(at_green, beside, combine([beside, above])), hl.select(at_green, above, diagonal)

        # The mean leans to the brighter samples (contraharmonic): at the edge of a clipped area, to the area's side.
        light, energy = hl.Func("light"), hl.Func("energy")
        light[x, y] = hl.max(value[x, y], 1e-4)
        energy[x, y] = light[x, y] * light[x, y]
        pairs = zip(others(energy, total), others(light, total), strict=True)
        means = [squares / values for squares, values in pairs]
        shares = others(share, largest)
        clips = [clipping(s) for s in shares]

        # The map between its cells' centres: along x once for each of its rows, then along y.
        def between(coordinate, cells):
            at = hl.clamp((hl.f32(coordinate) + 0.5) * step - 0.5, 0.0, hl.f32(cells - 1))
            low = hl.clamp(hl.i32(at), 0, cells - 1)
            return low, hl.min(low + 1, cells - 1), at - hl.f32(low)

        map_row, wide = hl.Var("map_row"), hl.Func("map_wide")
        low, high, part = between(x, g.colors.dim(0).extent())
        wide[x, map_row, c] = hl.lerp(g.colors[low, map_row, c], g.colors[high, map_row, c], part)
        low, high, part = between(y, g.colors.dim(1).extent())
        red, middle, blue = (hl.lerp(wide[x, low, i], wide[x, high, i], part) for i in range(3))
        even_row = (y & 1) == 0
        here_red = hl.select(even_row, g.first == 0, g.first == 2)  # the colour beside green in this row
        row_color, other_color = hl.select(here_red, red, blue), hl.select(here_red, blue, red)
        own = hl.select(at_green, middle, row_color)
        logs = (hl.select(at_green, row_color, middle), other_color)

        # Noise lifts the largest of a few samples, and its squares are no light.
        lights, tops = others(value, largest), others(share, largest)
        kinds = [hl.select(at_green, hl.select(here_red, 0, 2), 1), hl.select(here_red, 2, 0)]
        known, details, seen = [], [], []
        for s, m, log, value_o, top, kind in zip(shares, means, logs, lights, tops, kinds, strict=True):
            level_o = hl.max(value_o, 1e-4) / hl.max(top, 1e-4)
            part, painted = m / level_o, hl.fast_exp(log) / level_o
            variance = g.noise[0, kind] * hl.min(painted, 1.0) + g.noise[1, kind]
            lift = LIFT * hl.sqrt(variance)
            s = hl.select(noisy, s - hl.clamp(s - painted, -lift, lift), s)
            # What is known fades out early: one hue passes into the next without a seam.
            known.append(1.0 - smoothstep(s, 0.75, 0.98))
            excess = hl.select(noisy, 0.75 * hl.min(variance / (part * part), 1.0), 0.0)
            details.append(known[-1] * (hl.fast_log(m) - log - excess))
            seen.append(hl.select(noisy, m * hl.fast_exp(-excess), m))
        detail = total(details) / hl.max(total(known), 0.3)
        estimate = hl.fast_exp(own + detail)
        # Magenta, red and blue both above green, is what no clipped light turns to, unless the map says so.
        both = [hl.max(m, s * hl.fast_exp(log + detail)) for m, s, log in zip(seen, clips, logs, strict=True)]
        allowed = hl.fast_exp(hl.min(0.0, middle - hl.min(red, blue)))
        estimate = hl.max(estimate, hl.select(at_green, hl.min(both[0], both[1]) * allowed, 0.0))

        # Noise, and ringing of a lossy codec, leave single samples of a clipped area below the clip level: the more of
        # its neighbours clip, the lower.
        around = [clipping(share[x + i, y + j]) for i, j in ((-REACH, 0), (REACH, 0), (0, -REACH), (0, REACH))]
        hole = smoothstep(0.25 * total(around), 0.4, 0.9) * smoothstep(share[x, y], 0.6, 0.8)
        # A hot pixel, or noise of a very high ISO, stands alone: nothing speaks for light beyond the clip level there,
        # and in the dark the colours beside it are what noise makes them.
        # Noise alone lifts samples over the clip level: a clipped one is as bright as those are on average, then.
        kind = hl.select(at_green, 1, hl.select(here_red, 0, 2))
        level_here = hl.max(value[x, y], 1e-4) / hl.max(share[x, y], 1e-4)
        at = estimate / level_here
        deviation = hl.sqrt(g.noise[0, kind] * hl.min(at, 1.0) + g.noise[1, kind]) + 1e-6
        below = TAIL[0] * (1.0 - at) / deviation + TAIL[1]
        tail = hl.max(below, 0.0) + hl.fast_log(1.0 + hl.fast_exp(-hl.abs(below)))
        tail = level_here * deviation * (1 / TAIL[0]) * tail * smoothstep(share[x, y], *TOP)
        estimate = estimate + hl.select(noisy, tail, 0.0)
        # What stays below the level in noise is light that was measured.
        measured = hl.select(noisy, smoothstep(deviation, *NOISY) * (1.0 - smoothstep(share[x, y], *TOP)), 0.0)
        clipped = hl.max(largest(around) * smoothstep(share[x, y], 0.8, 0.95), hole) * (1.0 - measured)
        estimate = hl.min(estimate, MOST * value[x, y])
        rebuilt = hl.Func("rebuilt")
        rebuilt[x, y] = value[x, y] + clipped * hl.max(0.0, estimate - value[x, y])

        # Most tiles have no sample near saturation, and pay for a maximum only. Tiles at the far ends lie over others.
        rows, width = g.linear.output_buffer().dim(1).extent(), g.mosaic.dim(0).extent()
        tall, broad = hl.min(TILE_Y, rows), hl.min(TILE_X, width)
        tile = hl.RDom(
            [(0, broad), (0, tall), (0, (width + TILE_X - 1) // TILE_X), (0, (rows + TILE_Y - 1) // TILE_Y)], "tile"
        )
        i, j = hl.Var("i"), hl.Var("j")
        left = lambda i: hl.min(i * TILE_X, width - broad)  # noqa: E731
        upper = lambda j: hl.min(j * TILE_Y, rows - tall)  # noqa: E731
        window = hl.RDom([(0, tall + 2 * REACH)], "window")
        columns = hl.RDom([(0, broad + 2 * REACH)], "columns")
        peaks, peak = hl.Func("peaks"), hl.Func("peak")
        row = hl.clamp(upper(j) + window - REACH + g.top, 0, g.mosaic.dim(1).extent() - 1)
        peaks[x, j] = hl.u16(0)
        peaks[x, j] = hl.max(peaks[x, j], g.mosaic[x, row])
        peak[i, j] = hl.u16(0)
        peak[i, j] = hl.max(peak[i, j], peaks[hl.clamp(left(i) + columns - REACH, 0, width - 1), j])
        near = [g.black[p, q] + 0.95 * (g.saturation[p, q] - g.black[p, q]) for p in (0, 1) for q in (0, 1)]
        tile.where(hl.f32(peak[tile.z, tile.w]) >= hl.min(hl.min(near[0], near[1]), hl.min(near[2], near[3])))

        across, down = left(tile.z) + tile.x, upper(tile.w) + tile.y
        here = y + g.top
        level = hl.f32(g.mosaic[x, here]) - g.black[x & 1, here & 1]
        g.linear[x, y] = level * whole_gains.by_columns(g.scale, here & 1)
        g.linear[across, down] = rebuilt[across, down + g.top]

        stride = any_view(g.mosaic).dim(0).stride()
        yo = hl.Var("yo")
        g.linear.split(y, yo, y, 64, hl.TailStrategy.GuardWithIf).parallel(yo)
        for view in (stride == 1, stride == -1):
            g.linear.specialize(view).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        whole_gains.columns.compute_at(g.linear, yo).vectorize(x, 8)
        update = g.linear.update()
        update.reorder(tile.x, tile.y, tile.z, tile.w).allow_race_conditions().parallel(tile.w)
        update.specialize(g.noisy == 0)
        peaks.compute_at(g.linear, tile.w)
        for view in (stride == 1, stride == -1):
            peaks.update().reorder(x, window).specialize(view).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        peak.compute_at(g.linear, tile.w)
        sample.compute_at(g.linear, tile.z)
        for view in (stride == 1, stride == -1):
            sample.specialize(view).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        for f in (value, share, rebuilt, wide):
            f.compute_at(g.linear, tile.z).vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        gains.columns.compute_at(g.linear, tile.z).vectorize(x, 8)


if __name__ == "__main__":
    hl.main()
