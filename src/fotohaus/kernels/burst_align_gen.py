"""Burst alignment: a noise-normalised luma pyramid, and Lucas-Kanade sums over tiles of it."""

import halide as hl

from fotohaus.kernels.common import c, x, y

TILE = 32  # px of the level
LANES = 16
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


def without_hot(here, around, margin):
    """The mean of its neighbours instead of what is beyond their range by `margin` and half of that range."""
    low, high = around[0], around[0]
    for v in around[1:]:
        low, high = hl.min(low, v), hl.max(high, v)
    beyond = margin + (high - low) * 0.5
    return hl.select((here > high + beyond) | (here < low - beyond), sum(around[1:], around[0]) / len(around), here)


class Luma:
    """What luma is made of, and its schedule."""

    mosaic = hl.InputBuffer(hl.UInt(16), 2)  # padded; quad 0 at (pad, pad)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    pad = hl.InputScalar(hl.Int(32))
    width = hl.InputScalar(hl.Int(32))  # quads
    height = hl.InputScalar(hl.Int(32))
    noise_scale = hl.InputScalar(hl.Float(32))
    noise_offset = hl.InputScalar(hl.Float(32))
    margin = hl.InputScalar(hl.Float(32))
    floor = hl.InputScalar(hl.Float(32))  # what a sample of 0 counts as: black may have clipped it
    luma = hl.OutputBuffer(hl.Float(32), 2)

    def light(self, column, row, i, j):
        """Of the sample there, which lies at column i and row j of its quad."""
        value = self.mosaic[self.pad + column, self.pad + row]
        value = hl.select(value == hl.u16(0), self.floor, hl.f32(value))
        return (value - self.black[i, j]) * self.scale[i, j]

    def by_rows(self, plain):
        """Schedule the luma, and what it is made of before hot ones are replaced."""
        yo = hl.Var("yo")
        self.luma.split(y, yo, y, 32, hl.TailStrategy.GuardWithIf).parallel(yo).vectorize(x, 8)
        plain.store_at(self.luma, yo).compute_at(self.luma, y).vectorize(x, 8)


@hl.generator(name="burst_luma")
class BurstLuma(Luma):
    """Mean of each 2x2 quad in units of its own noise: a square root of (variance * 16 / scale^2).

    A quad that is beyond the range of its neighbours by more than `margin` and half of that range (a hot pixel) becomes
    their mean, so that what stays with the sensor does not hold the alignment at zero.
    """

    def generate(self):
        g = self
        quad, edge = hl.Func("quad"), hl.Func("edge")

        def site(i, j):
            return g.light(2 * x + i, 2 * y + j, i, j)

        mean = (site(0, 0) + site(1, 0) + site(0, 1) + site(1, 1)) * 0.25
        variance = hl.max(g.noise_scale * mean + g.noise_offset, hl.f32(0.1) * g.noise_offset)
        quad[x, y] = hl.sqrt(variance) * (4.0 / g.noise_scale)
        edge = hl.BoundaryConditions.repeat_edge(quad, [(0, g.width), (0, g.height)])
        around = [edge[x + i, y + j] for j in (-1, 0, 1) for i in (-1, 0, 1) if i or j]
        g.luma[x, y] = without_hot(edge[x, y], around, g.margin)
        g.by_rows(quad)


@hl.generator(name="burst_samples")
class BurstSamples(Luma):
    """Each sample in units of its own noise, as `burst_luma` does for quads: hot ones by their colour's neighbours.

    It is then multiplied by its colour's weight.
    """

    weight = hl.InputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        sample = hl.Func("sample")
        light = g.light(x, y, x % 2, y % 2)
        variance = hl.max(g.noise_scale * light + g.noise_offset, hl.f32(0.1) * g.noise_offset)
        sample[x, y] = hl.sqrt(variance) * (2.0 / g.noise_scale) * g.weight[x % 2, y % 2]
        edge = hl.BoundaryConditions.repeat_edge(sample, [(0, 2 * g.width), (0, 2 * g.height)])
        around = [edge[x + i, y + j] for j in (-2, 0, 2) for i in (-2, 0, 2) if i or j]
        g.luma[x, y] = without_hot(edge[x, y], around, g.margin)
        g.by_rows(sample)


def separable(source, weights, step, name):
    """Horizontal and vertical pass of a symmetric kernel with taps `step` apart."""
    reach = len(weights) // 2
    along, across = hl.Func(f"{name}_v"), hl.Func(f"{name}_h")
    along[x, y] = sum((source[x, y + step * (k - reach)] * w for k, w in enumerate(weights)), hl.f32(0))
    across[x, y] = sum((along[x + step * (k - reach), y] * w for k, w in enumerate(weights)), hl.f32(0))
    return along, across


BINOMIAL = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16]


FINEST = [1 / 4, 2 / 4, 1 / 4]


def bandpass(luma, band, narrow):
    """A narrow blur less a wider one, and its schedule."""
    edge = hl.BoundaryConditions.repeat_edge(luma)
    fine_v, fine = separable(edge, narrow, 1, "fine")
    wide_v, wide = separable(fine, BINOMIAL, 2, "wide")
    band[x, y] = fine[x, y] - wide[x, y]

    yo = hl.Var("yo")
    band.split(y, yo, y, 64, hl.TailStrategy.GuardWithIf).parallel(yo).vectorize(x, 8)
    fine.store_at(band, yo).compute_at(band, y).vectorize(x, 8)
    fine_v.compute_at(fine, y).vectorize(x, 8)
    wide_v.compute_at(band, y).vectorize(x, 8)


@hl.generator(name="burst_bandpass")
class BurstBandpass:
    """Binomial blur (sigma 1) less a wider one (sigma 2.2): what alignment sees of a level."""

    luma = hl.InputBuffer(hl.Float(32), 2)
    band = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        bandpass(self.luma, self.band, BINOMIAL)


@hl.generator(name="burst_finest")
class BurstFinest:
    """The same of the finest level, where nothing finer tells what the wider blur leaves out: sigma 0.7 less 2.1."""

    luma = hl.InputBuffer(hl.Float(32), 2)
    band = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        bandpass(self.luma, self.band, FINEST)


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


i, b, tx, ty, k, m = (hl.Var(n) for n in ("i", "b", "tx", "ty", "k", "m"))


def tiled_size(grid):
    """(columns, rows) of a level with these displacements at its tiles' corners."""
    return [(grid.dim(d).extent() - 1) * TILE for d in (0, 1)]


def sampled(moved, grid, width, height):
    """What `moved` has at p + d(p), and 1 where both lie well within width x height, else 0.

    `moved` is one row after another: beyond the end of one comes the next, which is too near to the border to count.
    At lane i of block b of row y: x = LANES b + i. Gives the Funcs to schedule: displacements at the ends of the tiles'
    rows, origins of the blocks, samples.
    """
    full_w, full_h = tiled_size(grid)
    ends = hl.Func("ends")
    fy = (hl.f32(y % TILE) + 0.5) / TILE
    ends[m, k, tx, y] = grid[tx + m, y / TILE, k] * (1.0 - fy) + grid[tx + m, y / TILE + 1, k] * fy
    in_tile, tile = b % (TILE // LANES), b / (TILE // LANES)

    def displacement(lane, axis):
        fx = (hl.f32(in_tile * LANES) + lane + 0.5) / TILE
        return ends[0, axis, tile, y] * (1.0 - fx) + ends[1, axis, tile, y] * fx

    # The whole-pixel origin of eight neighbours' samples: the least of them.
    origin = hl.Func("origin")
    place = (hl.f32(b * LANES), hl.f32(y))
    first_x = hl.min(displacement(0.0, 0), displacement(LANES - 1.0, 0)) + place[0]
    first_y = hl.min(displacement(0.0, 1), displacement(LANES - 1.0, 1)) + place[1]
    limit = 32000.0
    origin[b, y] = hl.Tuple(
        [hl.i32(hl.floor(hl.clamp(first_x, -limit, limit))), hl.i32(hl.floor(hl.clamp(first_y, -limit, limit)))]
    )
    ox, oy = origin[b, y][0], origin[b, y][1]
    lane = hl.f32(i)
    sx = displacement(lane, 0) + place[0] + lane
    sy = displacement(lane, 1) + place[1]
    wx = five_taps(sx - lane - hl.f32(ox), lagrange)
    wy = five_taps(sy - hl.f32(oy), lagrange)
    sample = hl.Func("sample")
    value = hl.f32(0)
    start = hl.clamp(oy, 2, full_h - TAPS) * full_w + hl.clamp(ox, -LANES, full_w)
    for r in range(TAPS):
        along = hl.f32(0)
        for t in range(TAPS):
            along += moved[start + (r - 1) * full_w + (t - 1) + i] * wx[t]
        value += along * wy[r]
    px = b * LANES + i
    inside = (
        (px >= REACH) & (px < width - REACH) & (y >= REACH) & (y < height - REACH)
        & (sx >= hl.f32(REACH)) & (sx < hl.f32(width - REACH))
        & (sy >= hl.f32(REACH)) & (sy < hl.f32(height - REACH))
    )  # fmt: skip
    sample[i, b, y] = hl.Tuple([value, hl.select(inside, hl.f32(1), hl.f32(0))])
    return ends, origin, sample


@hl.generator(name="burst_tiles")
class BurstTiles:
    """Per tile of a level: the sums of one Lucas-Kanade step from `grid`, and how well the tiles agree there.

    grid[i, j, 0..1] is the displacement (dx, dy, px) at the tiles' corners, bilinear between: moved(p + d(p)) should
    be reference(p). With g the gradient of the reference and r = moved - reference, sums[.., k] over the tile are
    gx gx, gx gy, gy gy, gx r, gy r, r r, (reference^2 + moved^2) / 2, the number of pixels seen by both, and three
    times -moved D reference with D the second differences xx, xy, yy: by partial summation the product of both
    gradients, in which their noise has no part. Of `every` tiles along both axes one is looked at.
    """

    reference = hl.InputBuffer(hl.Float(32), 1)  # one row after another
    moved = hl.InputBuffer(hl.Float(32), 1)
    grid = hl.InputBuffer(hl.Float(32), 3)
    width = hl.InputScalar(hl.Int(32))  # px that mean something; the bands are whole tiles
    height = hl.InputScalar(hl.Int(32))
    every = hl.InputScalar(hl.Int(32))
    sums = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        full_w, full_h = tiled_size(g.grid)
        ends, origin, sample = sampled(g.moved, g.grid, g.width, g.height)

        place = hl.clamp(y, 2, full_h - 3) * full_w + b * LANES

        def ref(dx, dy):
            return g.reference[place + dy * full_w + dx + i]

        seen = hl.Func("seen")
        here = ref(0, 0)
        weight = sample[i, b, y][1]
        gx = (ref(1, 0) - ref(-1, 0)) * 0.5 * weight
        gy = (ref(0, 1) - ref(0, -1)) * 0.5 * weight
        xx = (ref(2, 0) + ref(-2, 0)) * 0.5 - here
        yy = (ref(0, 2) + ref(0, -2)) * 0.5 - here
        xy = (ref(1, 1) + ref(-1, -1) - ref(1, -1) - ref(-1, 1)) * 0.5
        value = sample[i, b, y][0]
        seen[i, b, y] = hl.Tuple(
            [gx, gy, (value - here) * weight, (here * here + value * value) * weight * 0.5]
            + [d * value * weight * -0.5 for d in (xx, xy, yy)]
        )
        rdom = hl.RDom([(0, TILE // LANES), (0, TILE)])
        lanes = hl.Func("lanes")
        column, row = (n * g.every + g.every // 2 for n in (tx, ty))
        at = (i, column * (TILE // LANES) + rdom.x, row * TILE + rdom.y)
        s, one = seen[at], sample[at][1]
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
        ends.compute_at(lanes, rdom.y).reorder(m, k, tx, y)


@hl.generator(name="burst_pool")
class BurstPool:
    """pooled = before + sign * what the band has at p + d(p), of which the second plane counts where it has something.

    `grid` as for `burst_tiles`. Where the band does not reach it adds nothing.
    """

    band = hl.InputBuffer(hl.Float(32), 1)  # one row after another
    grid = hl.InputBuffer(hl.Float(32), 3)
    width = hl.InputScalar(hl.Int(32))
    height = hl.InputScalar(hl.Int(32))
    sign = hl.InputScalar(hl.Float(32))
    before = hl.InputBuffer(hl.Float(32), 3)
    pooled = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        ends, origin, sample = sampled(g.band, g.grid, g.width, g.height)
        s = sample[x % LANES, x / LANES, y]
        g.pooled[x, y, c] = g.before[x, y, c] + g.sign * hl.mux(c, [s[0] * s[1], s[1]])

        start_at_zero(g.pooled)
        g.pooled.bound(c, 0, 2)
        yo = hl.Var("yo")
        g.pooled.split(y, yo, y, TILE, hl.TailStrategy.RoundUp).split(x, b, i, LANES, hl.TailStrategy.RoundUp)
        g.pooled.reorder(i, c, b, y, yo).unroll(c).vectorize(i).parallel(yo)
        sample.compute_at(g.pooled, b).vectorize(i, LANES)
        origin.compute_at(g.pooled, b)
        ends.compute_at(g.pooled, b).reorder(m, k, tx, y)


if __name__ == "__main__":
    hl.main()
