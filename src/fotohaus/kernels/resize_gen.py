"""A picture made smaller, in linear light, and sharpened for its new size."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y

MODERATE = 0.05
"""Contrast, in 2.4th roots of light, at which overshoot is half of what it is at small ones."""


@hl.generator(name="shrink")
class Shrink:
    """small = pixels weighted along columns, then along rows.

    pixels[3 x + c, y] : rows of interleaved samples. starts_y[y], weights_y[k, y] : the first row of `pixels` that has
    a say in row y, and what it and those after it say; starts_x, weights_x : likewise for columns.
    """

    pixels = hl.InputBuffer(hl.Float(32), 2)
    starts_x = hl.InputBuffer(hl.Int(32), 1)
    weights_x = hl.InputBuffer(hl.Float(32), 2)
    starts_y = hl.InputBuffer(hl.Int(32), 1)
    weights_y = hl.InputBuffer(hl.Float(32), 2)
    small = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        columns, rows = g.pixels.dim(0).extent(), g.pixels.dim(1).extent()
        along_y = hl.RDom([(0, g.weights_y.dim(0).extent())])
        along_x = hl.RDom([(0, g.weights_x.dim(0).extent())])

        down, across = hl.Func("down"), hl.Func("across")
        row = hl.clamp(g.starts_y[y] + along_y.x, 0, rows - 1)
        down[x, y] = f32(0)
        down[x, y] += g.weights_y[along_y.x, y] * g.pixels[x, row]
        column = hl.clamp(g.starts_x[x] + along_x.x, 0, columns // 3 - 1)
        across[x, y, c] = f32(0)
        across[x, y, c] += g.weights_x[along_x.x, x] * down[3 * column + c, y]
        g.small[x, y, c] = across[x, y, c]

        xi, yo, vector, tail = hl.Var("xi"), hl.Var("yo"), 8, hl.TailStrategy.GuardWithIf
        (
            g.small.bound(c, 0, 3)
            .split(y, yo, y, strip_of(g.small.output_buffer().dim(1).extent(), 16), tail)
            .reorder(x, c, y, yo)
            .parallel(yo)
            .vectorize(x, vector, tail)
        )
        down.compute_at(g.small, y).vectorize(x, 16, tail)
        down.update().reorder(x, along_y.x).vectorize(x, 16, tail)
        across.compute_at(g.small, c).vectorize(x, vector, tail)
        across.update().split(x, x, xi, vector, tail).reorder(xi, along_x.x, x).vectorize(xi)


@hl.generator(name="sharpen_sized")
class SharpenSized:
    """sharp = light with more contrast between neighbours, the same for three channels; in place of 2.4th roots.

    light[x, y + lead, c] is the pixel of sharp[x, y, c]; beyond its borders the image repeats its last sample. amount :
    1 undoes the quadratic B-spline's softness. weights : of the channels' roots in lightness. overshoot : how far a
    pixel may pass the lightest around it, as a share of their difference where that is small; half of it for the
    darkest.
    """

    light = hl.InputBuffer(hl.Float(32), 3)
    lead = hl.InputScalar(hl.Int(32))
    amount = hl.InputScalar(hl.Float(32))
    overshoot = hl.InputScalar(hl.Float(32))
    weights = hl.InputBuffer(hl.Float(32), 1)
    sharp = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        width, height = g.light.dim(0).extent(), g.light.dim(1).extent()

        def power(v, exponent):
            return hl.select(v > 1e-9, hl.fast_pow(hl.max(v, 1e-9), f32(exponent)), 0)

        root, lightness = hl.Func("root"), hl.Func("lightness")
        column, row = hl.clamp(x, 0, width - 1), hl.clamp(y + g.lead, 0, height - 1)
        root[x, y, c] = power(g.light[column, row, c], 1 / 2.4)
        lightness[x, y] = sum(g.weights[k] * root[x, y, k] for k in range(3))

        def along(at, center, side):
            return center * at(0) + side * (at(-1) + at(1))

        def undone(j):
            return along(lambda i: lightness[x + i, y + j], f32(1.5), f32(-0.25))

        detail = along(undone, f32(1.5), f32(-0.25)) - lightness[x, y]
        near = [lightness[x + i, y + j] for j in (-1, 0, 1) for i in (-1, 0, 1)]
        low, high = near[0], near[0]
        for value in near[1:]:
            low, high = hl.min(low, value), hl.max(high, value)
        # Halos are wanted where contrast is small, and seen where it is large; dark ones first.
        room = g.overshoot * (high - low) / (1 + (high - low) * (1 / MODERATE))
        more = hl.Func("more")
        wanted = lightness[x, y] + g.amount * detail
        more[x, y] = hl.clamp(wanted, low - 0.5 * room, high + room) - lightness[x, y]
        g.sharp[x, y, c] = power(root[x, y, c] + more[x, y], 2.4)

        yo, vector, tail = hl.Var("yo"), 8, hl.TailStrategy.GuardWithIf
        g.weights.dim(0).set_bounds(0, 3)
        g.light.dim(2).set_bounds(0, 3)
        (
            g.sharp.bound(c, 0, 3)
            .split(y, yo, y, strip_of(g.sharp.output_buffer().dim(1).extent(), 32), tail)
            .reorder(x, c, y, yo)
            .parallel(yo)
            .vectorize(x, vector, tail)
        )
        for stage in (root, lightness):
            stage.compute_at(g.sharp, y).store_at(g.sharp, yo).vectorize(x, vector, tail)
        more.compute_at(g.sharp, y).vectorize(x, vector, tail)


if __name__ == "__main__":
    hl.main()
