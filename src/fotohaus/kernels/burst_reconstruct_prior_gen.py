"""Burst reconstruction: what pictures are like, and steps towards the picture that this and the samples ask for.

Windows are those of `burst_reconstruct_gen`; nothing here is parallel either.
"""

import halide as hl

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import total


def opponents(at):
    """Luma and two colour differences of R, G, B."""
    red, green, blue = (at(k) for k in range(3))
    return [0.25 * (red + blue) + 0.5 * green, red - green, blue - green]


@hl.generator(name="reconstruct_edges")
class ReconstructEdges:
    """Weights of the prior, from a picture: [luma to the right, luma down, colour to the right, colour down].

    Charbonnier et al. 1997: a difference d costs sqrt(1 + (d / (knee sigma))^2); as a weighted square (half-quadratic),
    its weight is strength / sqrt(...) / sigma^2.
    sigma is that of one sample's noise, the two pixels' and three colours' mean.
    """

    picture = hl.InputBuffer(hl.Float(32), 3)
    precision = hl.InputBuffer(hl.Float(32), 3)
    luma = hl.InputScalar(hl.Float(32))
    chroma = hl.InputScalar(hl.Float(32))
    knee = hl.InputScalar(hl.Float(32))
    edges = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        view = hl.BoundaryConditions.repeat_edge(g.picture)
        trust = hl.BoundaryConditions.repeat_edge(g.precision)
        here = opponents(lambda k: view[x, y, k])
        weights = []
        for i, j in ((1, 0), (0, 1)):
            there = opponents(lambda k, i=i, j=j: view[x + i, y + j, k])
            d = [b - a for a, b in zip(here, there, strict=True)]
            both = ((0, 0), (i, j))
            inverse = 6.0 / sum((1.0 / trust[x + a, y + b, k] for k in range(3) for a, b in both), hl.f32(0))
            last = (x == g.picture.dim(0).extent() - 1) if i else (y == g.picture.dim(1).extent() - 1)
            weights.append([
                hl.select(last, hl.f32(0), strength * inverse / hl.sqrt(1.0 + power * inverse / (g.knee * g.knee)))
                for strength, power in ((g.luma, d[0] * d[0]), (g.chroma, d[1] * d[1] + d[2] * d[2]))
            ])  # fmt: skip
        (luma_x, chroma_x), (luma_y, chroma_y) = weights
        g.edges[x, y, c] = hl.mux(c, [luma_x, luma_y, chroma_x, chroma_y])
        g.edges.bound(c, 0, 4).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)


@hl.generator(name="reconstruct_prior")
class ReconstructPrior:
    """pull = - (the prior's operator) picture: what the neighbours pull each pixel towards."""

    picture = hl.InputBuffer(hl.Float(32), 3)
    edges = hl.InputBuffer(hl.Float(32), 3)
    pull = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        view = hl.BoundaryConditions.repeat_edge(g.picture)
        weight = hl.BoundaryConditions.constant_exterior(g.edges, 0.0)
        opponent = hl.Func("opponent")
        opponent[x, y] = tuple(opponents(lambda k: view[x, y, k]))
        parts = []
        for k in range(3):
            right, down = (0, 1) if k == 0 else (2, 3)
            here = opponent[x, y][k]
            parts.append(
                weight[x, y, right] * (opponent[x + 1, y][k] - here)
                + weight[x - 1, y, right] * (opponent[x - 1, y][k] - here)
                + weight[x, y, down] * (opponent[x, y + 1][k] - here)
                + weight[x, y - 1, down] * (opponent[x, y - 1][k] - here)
            )
        luma, red, blue = parts
        g.pull[x, y, c] = hl.mux(c, [0.25 * luma + red, 0.5 * luma - red - blue, 0.25 * luma + blue])

        g.pull.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        opponent.compute_root().vectorize(x, 8)


@hl.generator(name="reconstruct_inverse")
class ReconstructInverse:
    """Inverse of each pixel's own 3x3 block of the whole operator, symmetric: [rr, rg, rb, gg, gb, bb]."""

    diagonal = hl.InputBuffer(hl.Float(32), 3)
    edges = hl.InputBuffer(hl.Float(32), 3)
    inverse = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        weight = hl.BoundaryConditions.constant_exterior(g.edges, 0.0)
        luma, chroma = (
            weight[x, y, k] + weight[x - 1, y, k] + weight[x, y, k + 1] + weight[x, y - 1, k + 1] for k in (0, 2)
        )
        tiny = hl.f32(1e-3)
        rr = g.diagonal[x, y, 0] + luma / 16 + chroma + tiny
        gg = g.diagonal[x, y, 1] + luma / 4 + 2 * chroma + tiny
        bb = g.diagonal[x, y, 2] + luma / 16 + chroma + tiny
        rg, rb, gb = luma / 8 - chroma, luma / 16, luma / 8 - chroma
        minors = [gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg,
                  rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg]  # fmt: skip
        over = 1.0 / (rr * minors[0] + rg * minors[1] + rb * minors[2])
        g.inverse[x, y, c] = hl.mux(c, [m * over for m in minors])
        g.inverse.bound(c, 0, 6).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)


@hl.generator(name="reconstruct_precondition")
class ReconstructPrecondition:
    """step = inverse blocks times residual, pixel by pixel."""

    residual = hl.InputBuffer(hl.Float(32), 3)
    inverse = hl.InputBuffer(hl.Float(32), 3)
    step = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        r = [g.residual[x, y, k] for k in range(3)]
        rr, rg, rb, gg, gb, bb = (g.inverse[x, y, k] for k in range(6))
        rows = [(rr, rg, rb), (rg, gg, gb), (rb, gb, bb)]
        g.step[x, y, c] = hl.mux(c, [total([m * v for m, v in zip(row, r, strict=True)]) for row in rows])
        g.step.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)


if __name__ == "__main__":
    hl.main()
