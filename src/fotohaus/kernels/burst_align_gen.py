"""Burst alignment: a noise-normalised luma pyramid, and Lucas-Kanade sums over tiles of it."""

import halide as hl

from fotohaus.kernels.common import x, y

TILE = 32  # px of the level
LANES = 8
REACH = 8  # px from the border at which the band no longer depends on what lies beyond it
SUMS = 11
TAPS = 5  # of a cubic whose whole-pixel step differs by at most one across the lanes


def catmull_rom(f):
    """Weights of the four taps -1, 0, 1, 2 around position f in 0 ... 1."""
    g = 1.0 - f
    return [
        -0.5 * f * g * g,
        1.0 + f * f * (1.5 * f - 2.5),
        1.0 + g * g * (1.5 * g - 2.5),
        -0.5 * g * f * f,
    ]


def lagrange(f):
    """Weights of the four taps -1, 0, 1, 2 around position f in 0 ... 1: exact for cubics.

    A quarter of a pixel off the grid, Catmull and Rom's displace a wave of w radians per px by another w^2 / 64 px,
    which biases what is measured.
    """
    a, b, c, d = f + 1.0, f, 1.0 - f, 2.0 - f
    return [b * c * d * (-1 / 6), a * c * d * 0.5, a * b * d * 0.5, a * b * c * (-1 / 6)]


def five_taps(f, cubic=catmull_rom):
    """Weights of taps -1 ... 3 around position f in 0 ... 2: lanes that are one pixel further use the later four."""
    later = f >= 1.0
    w = cubic(hl.select(later, f - 1.0, f))
    return [
        hl.select(later, hl.f32(0), w[0]),
        hl.select(later, w[0], w[1]),
        hl.select(later, w[1], w[2]),
        hl.select(later, w[2], w[3]),
        hl.select(later, w[3], hl.f32(0)),
    ]


def start_at_zero(output):
    """Promise that x and y begin at 0, so that blocks of a power of two are known to be aligned."""
    buffer = output.output_buffer()
    buffer.dim(0).set_min(0)
    buffer.dim(1).set_min(0)


@hl.generator(name="burst_luma")
class BurstLuma:
    """Mean of each 2x2 quad in units of its own noise: a square root of (variance * 16 / scale^2).

    A quad that is beyond the range of its neighbours by more than `margin` and half of that range (a hot pixel) becomes
    their mean, so that what stays with the sensor does not hold the alignment at zero.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)  # padded; quad 0 at (pad, pad)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    pad = hl.InputScalar(hl.Int(32))
    width = hl.InputScalar(hl.Int(32))  # quads
    height = hl.InputScalar(hl.Int(32))
    noise_scale = hl.InputScalar(hl.Float(32))
    noise_offset = hl.InputScalar(hl.Float(32))
    margin = hl.InputScalar(hl.Float(32))
    luma = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        quad, edge = hl.Func("quad"), hl.Func("edge")

        def site(i, j):
            value = hl.f32(g.mosaic[g.pad + 2 * x + i, g.pad + 2 * y + j])
            return (value - g.black[i, j]) * g.scale[i, j]

        mean = (site(0, 0) + site(1, 0) + site(0, 1) + site(1, 1)) * 0.25
        variance = hl.max(g.noise_scale * mean + g.noise_offset, hl.f32(0.1) * g.noise_offset)
        quad[x, y] = hl.sqrt(variance) * (4.0 / g.noise_scale)
        edge = hl.BoundaryConditions.repeat_edge(quad, [(0, g.width), (0, g.height)])
        around = [edge[x + i, y + j] for j in (-1, 0, 1) for i in (-1, 0, 1) if i or j]
        low, high = around[0], around[0]
        for v in around[1:]:
            low, high = hl.min(low, v), hl.max(high, v)
        here, mean = edge[x, y], sum(around[1:], around[0]) / 8.0
        beyond = g.margin + (high - low) * 0.5
        g.luma[x, y] = hl.select((here > high + beyond) | (here < low - beyond), mean, here)

        yo = hl.Var("yo")
        g.luma.split(y, yo, y, 32, hl.TailStrategy.GuardWithIf).parallel(yo).vectorize(x, 8)
        quad.store_at(g.luma, yo).compute_at(g.luma, y).vectorize(x, 8)


def separable(source, weights, step, name):
    """Horizontal and vertical pass of a symmetric kernel with taps `step` apart."""
    reach = len(weights) // 2
    along, across = hl.Func(f"{name}_v"), hl.Func(f"{name}_h")
    along[x, y] = sum((source[x, y + step * (k - reach)] * w for k, w in enumerate(weights)), hl.f32(0))
    across[x, y] = sum((along[x + step * (k - reach), y] * w for k, w in enumerate(weights)), hl.f32(0))
    return along, across


BINOMIAL = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16]


@hl.generator(name="burst_bandpass")
class BurstBandpass:
    """Binomial blur (sigma 1) less a wider one (sigma 2.2): what alignment sees of a level."""

    luma = hl.InputBuffer(hl.Float(32), 2)
    band = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        edge = hl.BoundaryConditions.repeat_edge(g.luma)
        fine_v, fine = separable(edge, BINOMIAL, 1, "fine")
        wide_v, wide = separable(fine, BINOMIAL, 2, "wide")
        g.band[x, y] = fine[x, y] - wide[x, y]

        yo = hl.Var("yo")
        g.band.split(y, yo, y, 64, hl.TailStrategy.GuardWithIf).parallel(yo).vectorize(x, 8)
        fine.store_at(g.band, yo).compute_at(g.band, y).vectorize(x, 8)
        fine_v.compute_at(fine, y).vectorize(x, 8)
        wide_v.compute_at(g.band, y).vectorize(x, 8)


@hl.generator(name="burst_halve")
class BurstHalve:
    """Half the size: (1 3 3 1)/8 each way, so that coarse pixel x lies at fine pixel 2x + 1/2."""

    luma = hl.InputBuffer(hl.Float(32), 2)
    half = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        edge = hl.BoundaryConditions.repeat_edge(g.luma)
        taps = [1 / 8, 3 / 8, 3 / 8, 1 / 8]
        rows = hl.Func("rows")
        rows[x, y] = sum((edge[x, 2 * y + k - 1] * w for k, w in enumerate(taps)), hl.f32(0))
        g.half[x, y] = sum((rows[2 * x + k - 1, y] * w for k, w in enumerate(taps)), hl.f32(0))

        yo = hl.Var("yo")
        g.half.split(y, yo, y, 32, hl.TailStrategy.GuardWithIf).parallel(yo).vectorize(x, 8)
        rows.compute_at(g.half, y).vectorize(x, 8)


@hl.generator(name="burst_tiles")
class BurstTiles:
    """Per tile of a level: the sums of one Lucas-Kanade step from `grid`, and how well the tiles agree there.

    grid[i, j, 0..1] is the displacement (dx, dy, px) at the tiles' corners, bilinear between: moved(p + d(p)) should
    be reference(p). With g the gradient of the reference and r = moved - reference, sums[.., k] over the tile are
    gx gx, gx gy, gy gy, gx r, gy r, r r, (reference^2 + moved^2) / 2, the number of pixels seen by both, and three
    times -moved D reference with D the second differences xx, xy, yy: by partial summation the product of both
    gradients, in which their noise has no part.
    """

    reference = hl.InputBuffer(hl.Float(32), 2)
    moved = hl.InputBuffer(hl.Float(32), 2)
    grid = hl.InputBuffer(hl.Float(32), 3)
    width = hl.InputScalar(hl.Int(32))  # px that mean something; the buffers are whole tiles
    height = hl.InputScalar(hl.Int(32))
    sums = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        i, b, v, tx, ty, k, m = (hl.Var(n) for n in ("i", "b", "v", "tx", "ty", "k", "m"))
        full_w, full_h = g.reference.dim(0).extent(), g.reference.dim(1).extent()

        # Displacement at the left and right end of the tile's row v.
        ends = hl.Func("ends")
        fy = (hl.f32(v) + 0.5) / TILE
        ends[m, v, k, tx, ty] = g.grid[tx + m, ty, k] * (1.0 - fy) + g.grid[tx + m, ty + 1, k] * fy

        def displacement(lane, axis):
            fx = (hl.f32(b * LANES) + lane + 0.5) / TILE
            return ends[0, v, axis, tx, ty] * (1.0 - fx) + ends[1, v, axis, tx, ty] * fx

        # The whole-pixel origin of eight neighbours' samples: the least of them.
        origin = hl.Func("origin")
        place = (hl.f32(tx * TILE + b * LANES), hl.f32(ty * TILE + v))
        first_x = hl.min(displacement(0.0, 0), displacement(LANES - 1.0, 0)) + place[0]
        first_y = hl.min(displacement(0.0, 1), displacement(LANES - 1.0, 1)) + place[1]
        limit = 32000.0
        origin[b, v, tx, ty] = hl.Tuple(
            [hl.i32(hl.floor(hl.clamp(first_x, -limit, limit))), hl.i32(hl.floor(hl.clamp(first_y, -limit, limit)))]
        )
        ox, oy = origin[b, v, tx, ty][0], origin[b, v, tx, ty][1]
        lane = hl.f32(i)
        sx = displacement(lane, 0) + place[0] + lane
        sy = displacement(lane, 1) + place[1]
        wx = five_taps(sx - lane - hl.f32(ox), lagrange)
        wy = five_taps(sy - hl.f32(oy), lagrange)
        sample = hl.Func("sample")
        total = hl.f32(0)
        for r in range(TAPS):
            row = hl.clamp(oy + (r - 1), 0, full_h - 1)
            along = hl.f32(0)
            for t in range(TAPS):
                column = hl.clamp(ox + (t - 1), 0, full_w - LANES)
                along += g.moved[column + i, row] * wx[t]
            total += along * wy[r]
        px, py = tx * TILE + b * LANES + i, ty * TILE + v
        inside = (
            (px >= REACH) & (px < g.width - REACH) & (py >= REACH) & (py < g.height - REACH)
            & (sx >= hl.f32(REACH)) & (sx < hl.f32(g.width - REACH))
            & (sy >= hl.f32(REACH)) & (sy < hl.f32(g.height - REACH))
        )  # fmt: skip
        sample[i, b, v, tx, ty] = hl.Tuple([total, hl.select(inside, hl.f32(1), hl.f32(0))])

        def ref(dx, dy):
            column = hl.clamp(tx * TILE + b * LANES + dx, 0, full_w - LANES)
            return g.reference[column + i, hl.clamp(ty * TILE + v + dy, 0, full_h - 1)]

        seen = hl.Func("seen")
        here = ref(0, 0)
        weight = sample[i, b, v, tx, ty][1]
        gx = (ref(1, 0) - ref(-1, 0)) * 0.5 * weight
        gy = (ref(0, 1) - ref(0, -1)) * 0.5 * weight
        xx = (ref(2, 0) + ref(-2, 0)) * 0.5 - here
        yy = (ref(0, 2) + ref(0, -2)) * 0.5 - here
        xy = (ref(1, 1) + ref(-1, -1) - ref(1, -1) - ref(-1, 1)) * 0.5
        value = sample[i, b, v, tx, ty][0]
        seen[i, b, v, tx, ty] = hl.Tuple(
            [gx, gy, (value - here) * weight, (here * here + value * value) * weight * 0.5]
            + [d * value * weight * -0.5 for d in (xx, xy, yy)]
        )
        rdom = hl.RDom([(0, TILE // LANES), (0, TILE)])
        lanes = hl.Func("lanes")
        s = seen[i, rdom.x, rdom.y, tx, ty]
        one = sample[i, rdom.x, rdom.y, tx, ty][1]
        products = [s[0] * s[0], s[0] * s[1], s[1] * s[1], s[0] * s[2], s[1] * s[2], s[2] * s[2]]
        terms = [*products, s[3], one, s[4], s[5], s[6]]
        lanes[i, tx, ty] = hl.Tuple([hl.f32(0)] * SUMS)
        lanes[i, tx, ty] = hl.Tuple([lanes[i, tx, ty][n] + term for n, term in enumerate(terms)])
        total_of = hl.Func("total_of")
        total_of[tx, ty] = hl.Tuple([sum((lanes[j, tx, ty][n] for j in range(1, LANES)), lanes[0, tx, ty][n])
                                      for n in range(SUMS)])  # fmt: skip
        g.sums[tx, ty, k] = hl.mux(k, [total_of[tx, ty][n] for n in range(SUMS)])

        g.sums.bound(k, 0, SUMS).reorder(k, tx, ty).unroll(k).parallel(ty)
        total_of.compute_at(g.sums, tx)
        lanes.compute_at(total_of, tx).vectorize(i, LANES)
        lanes.update().reorder(i, rdom.x, rdom.y, tx, ty).vectorize(i, LANES)
        seen.compute_at(lanes, rdom.x).vectorize(i, LANES)
        sample.compute_at(lanes, rdom.x).vectorize(i, LANES)
        origin.compute_at(lanes, rdom.x)
        ends.compute_at(lanes, rdom.y).reorder(m, k, v, tx, ty)


if __name__ == "__main__":
    hl.main()
