"""Noise of a Bayer mosaic, taken out by shrinking the sliding cosine transform of its quads."""

import math

import halide as hl
from halide import f32

from fotohaus.kernels.common import strip_of, x, y
from fotohaus.kernels.common_raw import total
from fotohaus.kernels.shaded import Stabilised

SIZE = 8  # quads (2x2 cells of the mosaic) along a block's side; blocks begin at every second quad
PERIOD, BEFORE = 4, 8  # samples from block to block; blocks before the first whose noise is told
APART, UNLIKE, LIGHTER = 4, 18, 0.05  # steps of blocks; squared difference of colour; what one of lightness adds to it
DIM, NONE, BRIGHTER = 0.3, 0.1, 2.0  # energy counts as this much, at least; with no light; more per deviation of light
COARSE = 3  # frequencies whose sum is below this count in full
TABLE, REACH = 1024, 16  # entries of the correction of the mean's bias; deviations of the noise that they span
COSINES = [
    [math.sqrt((1 if k == 0 else 2) / SIZE) * math.cos(math.pi * (2 * i + 1) * k / (2 * SIZE)) for i in range(SIZE)]
    for k in range(SIZE)
]


def forward(v):
    """Orthonormal DCT-II of eight expressions."""
    sums, differences = [v[i] + v[7 - i] for i in range(4)], [v[i] - v[7 - i] for i in range(4)]
    outer, inner = sums[0] + sums[3], sums[1] + sums[2]
    far, near = sums[0] - sums[3], sums[1] - sums[2]
    out = [None] * SIZE
    out[0], out[4] = f32(COSINES[0][0]) * (outer + inner), f32(COSINES[4][0]) * (outer - inner)
    for k in (2, 6):
        out[k] = f32(COSINES[k][0]) * far + f32(COSINES[k][1]) * near
    for k in (1, 3, 5, 7):
        out[k] = total([f32(COSINES[k][i]) * differences[i] for i in range(4)])
    return out


def backward(v):
    """The inverse of `forward`."""
    plus, minus = f32(COSINES[0][0]) * (v[0] + v[4]), f32(COSINES[0][0]) * (v[0] - v[4])
    even = []
    for i, base in enumerate((plus, minus, minus, plus)):
        even.append(base + f32(COSINES[2][i]) * v[2] + f32(COSINES[6][i]) * v[6])
    odd = [total([f32(COSINES[k][i]) * v[k] for k in (1, 3, 5, 7)]) for i in range(4)]
    return [even[i] + odd[i] for i in range(4)] + [even[i] - odd[i] for i in (3, 2, 1, 0)]


def mirrored(place, extent):
    """A place up to one extent outside of 0 .. extent - 1, mirrored into it, the border not repeated."""
    last = extent - 1
    return hl.clamp(last - hl.i32(hl.abs(last - hl.i32(hl.abs(place)))), 0, last)


def _between(axis, block, g, side):
    """The cells on both sides of a block's step, along an axis, and how far it is from the first to the second."""
    step, extent = 2 * side, g.shift.dim(axis).extent()
    # Counted in whole samples from the image's corner: strips must not differ from the whole by rounding.
    place = side * block - side // 2 + (g.shift_left, g.shift_top)[axis]
    low, part = hl.i32(hl.floor(hl.f32(place) * f32(1 / step))), hl.f32(place & (step - 1)) * f32(1 / step)
    return hl.clamp(low, 0, extent - 1), hl.clamp(low + 1, 0, extent - 1), part


def shrink(g, source, mosaic, uneven=False):
    """The whole of the generators: a mosaic, whose quads hold four samples, or pixels that hold three.

    uneven : the noise differs from block to block and by frequency.
    """
    count, out = 4 if mosaic else 3, g.denoised
    # Block column and row, quad row, frequency, plane or position, place in a block, parity.
    a, b, r, i, p, n, e, j = (hl.Var(name) for name in "abripnej")
    # Gains change so little within a block's step that one stands for all of it.
    gains = g.shading(count)
    gain, slope = hl.Func("gain"), hl.Func("slope")
    gain[x, y, p] = gains.sample(p)

    def of_block(buffer, along, down):
        """What is known of the noise in block (a, b) at some frequencies."""
        return buffer[a + BEFORE, along, down, hl.clamp((PERIOD * b + g.phase) >> 4, 0, buffer.dim(3).extent() - 1)]

    slope[x, y, p] = g.slope[p] / gain[x, y, p]

    samples, stable, planes = hl.Func("samples"), hl.Func("stable"), hl.Func("planes")
    places = [mirrored(v, source.dim(d).extent()) for d, v in enumerate((x + g.left, y + g.top))]
    if mosaic:
        samples[x, y] = source[tuple(places)]
        sample = samples[4 * a + 2 * e + (p & 1), 2 * r + (p >> 1)]
    else:
        samples[x, y, p] = source[places[0], places[1], p]
        sample = samples[2 * a + e, r, p]
    stable[a, r, e, p] = hl.sqrt(hl.max(sample * slope[a, r >> 1, p] + g.intercept[p], 0.0))
    # What a coarser look at the whole has found to be noise, from the cells around: one number for each of a block's
    # steps, so that blocks' means and their lowest frequencies have it.
    side = 4 if mosaic else 2
    shift, row = hl.Func("shift"), hl.Func("row")
    across, down = (_between(d, n, g, side) for d, n in enumerate((a, b)))
    row[x, p, b] = hl.lerp(g.shift[x, down[0], p], g.shift[x, down[1], p], down[2])
    shift[a, b, p] = hl.lerp(row[across[0], p, b], row[across[1], p, b], across[2])
    planes[a, r, e, p] = total([g.basis[k, p] * stable[a, r, e, k] for k in range(count)]) + shift[a, r >> 1, p]

    # Colour varies slowly: what is left of its noise in a block's mean shows as blotches.
    bars, mean, color = hl.Func("bars"), hl.Func("mean"), hl.Func("color")
    bars[a, r, p] = total([planes[a + k // 2, r, k % 2, p] for k in range(SIZE)])
    mean[a, b, p] = f32(1 / SIZE) * total([bars[a, 2 * b + k, p] for k in range(SIZE)])
    own, same = hl.Func("own"), hl.Func("same")
    if uneven:
        own[a, b], same[a, b] = of_block(g.precision, 0, 0), of_block(g.kept, 0, 0)
    numerator, denominator = [mean[a, b, 1], mean[a, b, 2]], f32(1)
    for i_, j_ in ((m, k) for m in (-APART, 0, APART) for k in (-APART, 0, APART) if m or k):
        near = [mean[a + i_, b + j_, c] for c in range(3)]
        d = [near[c] - mean[a, b, c] for c in range(3)]
        difference = d[1] * d[1] + d[2] * d[2] + f32(LIGHTER) * d[0] * d[0]
        if uneven:
            difference *= own[a, b]
        w = hl.max(0.0, g.alike - difference * f32(1 / UNLIKE))
        numerator = [v + w * w * near[1 + c] for c, v in enumerate(numerator)]
        denominator = denominator + w * w
    averages = [v / denominator for v in numerator]
    if uneven:
        averages = [hl.lerp(v, mean[a, b, c], same[a, b]) for c, v in enumerate(averages, 1)]
    color[a, b] = tuple(averages)

    # Where light is less than its noise, there is hardly any structure to be told from it.
    trust = hl.Func("trust")
    light = (mean[a, b, 0] - g.dark) * f32(1 / (SIZE * math.sqrt(count)))
    trust[a, b] = hl.clamp(light * f32(BRIGHTER) + f32(NONE), f32(DIM), 1.0)

    # Rows of blocks transformed once for all the blocks that hold them, then columns.
    rows, coefficients, shrunk, blocks = (hl.Func(s) for s in ("rows", "coefficients", "shrunk", "blocks"))
    rows[a, r, i, p] = hl.mux(i, forward([planes[a + k // 2, r, k % 2, p] for k in range(SIZE)]))
    columns = [forward([rows[a, 2 * b + k, i, c] for k in range(SIZE)]) for c in range(count)]
    coefficients[a, b, i] = tuple(v for column in columns for v in column)
    values, squares = [[None] * SIZE for _ in range(count)], []
    for k in range(SIZE):
        energy = total(
            [coefficients[a, b, i][SIZE * c + k] * coefficients[a, b, i][SIZE * c + k] for c in range(count)]
        )
        energies = [energy, energy]
        if mosaic:
            energies.append(coefficients[a, b, i][SIZE * 3 + k] * coefficients[a, b, i][SIZE * 3 + k])
        if uneven:
            energies = [s * of_block(g.precision, i, k) for s in energies]
        energies = [s * hl.select(i + k < COARSE, 1.0, trust[a, b]) for s in energies]
        factors = [hl.clamp(s * g.rise[i, k, m] + g.start[m], g.keep[m], 1.0) for m, s in enumerate(energies)]
        if uneven:
            kept = of_block(g.kept, i, k)
            factors = [kept + (1.0 - kept) * f for f in factors]
        squares += [f * f * f32(share) for f, share in zip(factors, (1, 2, 1)[: len(factors)], strict=True)]
        for c, m in enumerate((0, 1, 1, 2)[:count]):
            values[c][k] = coefficients[a, b, i][SIZE * c + k] * factors[m]
    for c in (1, 2):
        values[c][0] = hl.select(i == 0, color[a, b][c - 1], values[c][0])
    shrunk[a, b, i] = (*(v for plane in values for v in plane), total(squares))
    back = [v for c in range(count) for v in backward([shrunk[a, b, i][SIZE * c + k] for k in range(SIZE)])]
    blocks[a, b, i, n] = hl.mux(n, [*back, shrunk[a, b, i][count * SIZE]])

    # The overlapping blocks' mean. The fewer coefficients a block needed, the less noise it kept and the more it
    # weighs.
    weight, weights = hl.Func("weight"), hl.Func("weights")
    weight[a, b] = 1.0 / total([blocks[a, b, k, count * SIZE] for k in range(SIZE)])
    weights[a, b] = 1.0 / total([weight[a - k, b - m] for k in range(4) for m in range(4)])
    summed, spread, estimate = hl.Func("summed"), hl.Func("spread"), hl.Func("estimate")
    summed[a, r, i, p] = total(
        [weight[a, (r >> 1) - k] * blocks[a, (r >> 1) - k, i, SIZE * p + (r & 1) + 2 * k] for k in range(4)]
    )
    spread[a, r, n, p] = hl.mux(n, backward([summed[a, r, k, p] for k in range(SIZE)]))
    estimate[a, r, e, p] = weights[a, r >> 1] * total([spread[a - k, r, e + 2 * k, p] for k in range(4)])

    restored, linear = hl.Func("restored"), hl.Func("linear")
    restored[a, r, e, p] = total([g.basis[p, k] * estimate[a, r, e, k] for k in range(count)])
    u = f32(restored[a, r, e, p])
    place = hl.clamp((u - g.first[p]) * f32((TABLE - 1) / REACH), 0.0, f32(TABLE - 1.001))
    low = hl.i32(place)
    bias = hl.lerp(g.correction[low, p], g.correction[low + 1, p], place - hl.f32(low))
    algebraic = (u * hl.abs(u) - g.intercept[p]) / slope[a, r >> 1, p]
    linear[a, r, e, p] = algebraic + bias * gain[a, r >> 1, p]
    if mosaic:
        out[i, j, p, a, b] = linear[a, 2 * b + (j >> 1), i >> 1, 2 * (j & 1) + (i & 1)]
    else:
        out[i, j, p, a, b] = linear[a, 2 * b + j, i, p]

    bo, bi, ao, ai, task = (hl.Var(name) for name in ("bo", "bi", "ao", "ai", "task"))
    buffer = out.output_buffer()
    buffer.dim(3).set_stride(side).set_bounds(0, buffer.dim(3).extent() // 8 * 8)
    out.bound(i, 0, side).bound(j, 0, side).bound(p, 0, 1 if mosaic else count)
    out.split(b, bo, bi, strip_of(buffer.dim(4).extent(), 64), hl.TailStrategy.ShiftInwards)
    out.split(a, ao, ai, hl.min(64, buffer.dim(3).extent()), hl.TailStrategy.ShiftInwards)
    out.reorder(i, ai, j, p, bi, ao, bo).vectorize(ai, 8).unroll(i).fuse(ao, bo, task).parallel(task)
    for f in (samples, planes, bars, shift, mean, rows, blocks, weight):
        f.store_at(out, task).compute_at(out, bi)
    for f in (gain, slope):
        f.store_at(out, task).compute_at(out, bi).bound(p, 0, count)
    gains.row.compute_at(out, bi)
    for f in (weights, summed, spread, estimate, linear):
        f.compute_at(out, bi)
    samples.vectorize(x, 8)
    planes.reorder_storage(a, e, p, r)
    rows.reorder_storage(a, i, p, r)
    blocks.reorder_storage(a, n, i, b)
    summed.reorder_storage(a, i, p, r)
    spread.reorder_storage(a, n, p, r)
    blocks.fold_storage(b, 4)
    # With sizes known, addresses are constants.
    for f in (planes, rows, blocks, summed, spread):
        f.bound_storage(a, 96)
    stable.compute_at(planes, a).reorder(p, a, e, r).bound(p, 0, count).vectorize(a).unroll(p)
    planes.reorder(p, a, e, r).bound(p, 0, count).bound(e, 0, 2).vectorize(a, 8).unroll(p)
    bars.reorder(a, p, r).bound(p, 0, count).vectorize(a, 8)
    mean.reorder(a, p, b).bound(p, 0, count).vectorize(a, 8)
    row.compute_at(out, bi).bound(p, 0, count)
    shift.reorder(a, p, b).bound(p, 0, count).vectorize(a, 8)
    color.compute_at(out, bi).vectorize(a, 8)
    trust.compute_at(out, bi).vectorize(a, 8)
    rows.reorder(i, a, p, r).bound(i, 0, SIZE).bound(p, 0, count).vectorize(a, 8).unroll(i)
    blocks.reorder(n, a, i, b).bound(n, 0, count * SIZE + 1).bound(i, 0, SIZE).split(a, ao, a, 8).vectorize(a).unroll(n)
    blocks.reorder(n, a, ao, i, b)
    for f in (coefficients, shrunk):
        f.compute_at(blocks, ao).vectorize(a)
    weight.vectorize(a, 8)
    weights.vectorize(a, 8)
    summed.reorder(a, i, p, r).bound(i, 0, SIZE).bound(p, 0, count).vectorize(a, 8)
    spread.reorder(n, a, p, r).bound(n, 0, SIZE).bound(p, 0, count).vectorize(a, 8).unroll(n)
    estimate.reorder(a, e, p, r).bound(e, 0, 2).bound(p, 0, count).vectorize(a, 8).unroll(e)
    linear.reorder(a, e, p, r).bound(e, 0, 2).bound(p, 0, count).vectorize(a, 8)
    restored.compute_at(linear, a).vectorize(a)


class Denoising(Stabilised):
    """What all kernels take besides their samples."""

    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    basis = hl.InputBuffer(hl.Float(32), 2)
    rise = hl.InputBuffer(hl.Float(32), 3)
    start = hl.InputBuffer(hl.Float(32), 1)
    keep = hl.InputBuffer(hl.Float(32), 1)
    alike = hl.InputScalar(hl.Float(32))
    dark = hl.InputScalar(hl.Float(32))
    correction = hl.InputBuffer(hl.Float(32), 2)
    first = hl.InputBuffer(hl.Float(32), 1)
    shift = hl.InputBuffer(hl.Float(32), 3)
    shift_left = hl.InputScalar(hl.Int(32))
    shift_top = hl.InputScalar(hl.Int(32))


@hl.generator(name="denoise")
class Denoise(Denoising):
    """Linear mosaic in, the same with less noise out.

    `left`, `top`: the output's first sample in the mosaic, which is mirrored outside; blocks begin there and at every
    fourth sample. `denoised[column % 4, row % 4, 0, column / 4, row / 4]`. `above`: steps of four rows above the output
    in the image that the gains are for.
    Samples are divided by their gain, given at every fourth, and stabilised: u = sqrt(max(0, slope v + intercept)),
    both per position of the 2x2 CFA, has noise of variance 1.
    `basis[position, plane]` turns the four samples of a quad into planes, orthonormal.
    A coefficient of a block, frequencies i along and k down, is multiplied by clamp(s * rise[i, k, n] + start[n],
    keep[n], 1): n = 0 for the first plane, 1 for the next two, s its energy summed over the planes; n = 2 for the last
    plane, s its own energy.
    s counts for less in the dark: clamp(NONE + BRIGHTER * light, DIM, 1), light the first plane's mean coefficient
    above `dark`, per sample; not so at the frequencies of which i + k < COARSE.
    The second and third plane's mean in a block is averaged with those of the eight blocks `APART` around it that
    differ by little: weights max(0, alike - d / UNLIKE)^2, d the squared difference.
    `shift[column, row, plane]`, of cells of 4 x 4 quads of the image whose sample (shift_left, shift_top) is the
    output's first: what is added to every plane.
    Back: v = (u^2 - intercept) / slope + correction[(u - first) * (TABLE - 1) / REACH, position].
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    denoised = hl.OutputBuffer(hl.Float(32), 5)

    def generate(self):
        shrink(self, self.mosaic, mosaic=True)


@hl.generator(name="denoise_uneven")
class DenoiseUneven(Denoising):
    """As `denoise`, of noise that differs by place and frequency, down to the same everywhere.

    `precision[a + BEFORE, i, k, t]`: 1 / variance in blocks of column a at frequencies i along and k down, in tiles of
    16 samples along y; block row b is in tile (PERIOD * b + phase) / 16. `kept`, likewise: the factor of a coefficient
    that is only noise.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    precision = hl.InputBuffer(hl.Float(32), 4)
    kept = hl.InputBuffer(hl.Float(32), 4)
    phase = hl.InputScalar(hl.Int(32))
    denoised = hl.OutputBuffer(hl.Float(32), 5)

    def generate(self):
        shrink(self, self.mosaic, mosaic=True, uneven=True)


@hl.generator(name="denoise_linear")
class DenoiseLinear(Denoising):
    """The same for pixels that have all three colours, pixels[x, y, channel]: each is a quad of three samples.

    Blocks begin at every second pixel, and `denoised[column % 2, row % 2, channel, column / 2, row / 2]`. There is no
    fourth plane; `above` counts steps of two rows.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    denoised = hl.OutputBuffer(hl.Float(32), 5)

    def generate(self):
        shrink(self, self.pixels, mosaic=False)


if __name__ == "__main__":
    hl.main()
