"""What noise alone would leave of a band's sliding cosine transform is taken out of it."""

import halide as hl

from fotohaus.kernels.common import strip_of
from fotohaus.kernels.common_raw import total
from fotohaus.kernels.denoise_gen import SIZE, backward, forward

STEP = SIZE // 2  # from block to block


@hl.generator(name="burst_shrink")
class BurstShrink:
    """Blocks of 8 x 8 px at every fourth: a coefficient v times clamp(v^2 rise[i, k] + start, 0, 1), i along, k down.

    shrunk[column % 4, row % 4, column / 4, row / 4] of the band moved right and down by `shift` px. The fewer
    coefficients a block keeps, the more it weighs.
    """

    band = hl.InputBuffer(hl.Float(32), 2)
    rise = hl.InputBuffer(hl.Float(32), 2)
    start = hl.InputScalar(hl.Float(32))
    shift = hl.InputScalar(hl.Int(32))
    shrunk = hl.OutputBuffer(hl.Float(32), 4)

    def generate(self):
        g = self
        a, b, r, i, n, e, j = (hl.Var(name) for name in "abrinej")
        edge = hl.BoundaryConditions.repeat_edge(g.band)
        rows, coefficients, kept, blocks = (hl.Func(s) for s in ("rows", "coefficients", "kept", "blocks"))
        rows[a, r, i] = hl.mux(i, forward([edge[STEP * a + k - g.shift, r - g.shift] for k in range(SIZE)]))
        coefficients[a, b, i] = tuple(forward([rows[a, STEP * b + k, i] for k in range(SIZE)]))
        values = [coefficients[a, b, i][k] for k in range(SIZE)]
        factors = [hl.clamp(v * v * g.rise[i, k] + g.start, 0.0, 1.0) for k, v in enumerate(values)]
        squares = total([f * f for f in factors])
        kept[a, b, i] = (*backward([v * f for v, f in zip(values, factors, strict=True)]), squares)
        blocks[a, b, i, n] = hl.mux(n, [kept[a, b, i][k] for k in range(SIZE + 1)])

        weight, weights, summed, spread = (hl.Func(s) for s in ("weight", "weights", "summed", "spread"))
        weight[a, b] = 1.0 / (0.5 + total([blocks[a, b, k, SIZE] for k in range(SIZE)]))
        weights[a, b] = 1.0 / total([weight[a - k, b - m] for k in (0, 1) for m in (0, 1)])
        summed[a, b, j, i] = total([weight[a, b - k] * blocks[a, b - k, i, j + STEP * k] for k in (0, 1)])
        spread[a, b, j, n] = hl.mux(n, backward([summed[a, b, j, k] for k in range(SIZE)]))
        g.shrunk[e, j, a, b] = weights[a, b] * total([spread[a - k, b, j, e + STEP * k] for k in (0, 1)])

        out = g.shrunk
        bo, bi, ao = hl.Var("bo"), hl.Var("bi"), hl.Var("ao")
        out.bound(e, 0, STEP).bound(j, 0, STEP)
        out.output_buffer().dim(2).set_stride(STEP)
        out.split(b, bo, bi, strip_of(out.output_buffer().dim(3).extent(), 16), hl.TailStrategy.ShiftInwards)
        out.reorder(e, a, j, bi, bo).vectorize(a, 8, hl.TailStrategy.GuardWithIf).unroll(e).parallel(bo)
        for f in (rows, blocks, weight):
            f.store_at(out, bo).compute_at(out, bi)
        rows.reorder_storage(a, i, r).reorder(i, a, r).bound(i, 0, SIZE).vectorize(a, 8).unroll(i)
        blocks.reorder_storage(a, n, i, b).bound(n, 0, SIZE + 1).bound(i, 0, SIZE)
        blocks.split(a, ao, a, 8).reorder(n, a, ao, i, b).vectorize(a).unroll(n)
        for f in (coefficients, kept):
            f.compute_at(blocks, ao).vectorize(a)
        weight.vectorize(a, 8)
        for f in (weights, summed, spread):
            f.compute_at(out, bi)
        weights.vectorize(a, 8)
        summed.reorder_storage(a, i, j, b).bound(i, 0, SIZE).bound(j, 0, STEP).vectorize(a, 8)
        spread.reorder_storage(a, n, j, b).reorder(n, a, j, b).bound(n, 0, SIZE).bound(j, 0, STEP)
        spread.vectorize(a, 8).unroll(n)


if __name__ == "__main__":
    hl.main()
