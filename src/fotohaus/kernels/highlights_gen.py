"""Clipped samples of a mosaic, rebuilt from the colours beside them."""

import halide as hl

from fotohaus.kernels.common import strip_of, x, y
from fotohaus.kernels.common_raw import Gains, clipping, largest, smoothstep, total, unclip


@hl.generator(name="reconstruct_highlights")
class ReconstructHighlights:
    """Replaces samples at their clip level, which lens-shading gains make vary, by an estimate not below it.

    `clip` and `offset` (of the sample's colour) are per position of the 2x2 CFA; gains as in `linearize`.
    Green sites are those where x + y + green is even.
    """

    linear = hl.InputBuffer(hl.Float(32), 2)
    clip = hl.InputBuffer(hl.Float(32), 2)
    offset = hl.InputBuffer(hl.Float(32), 2)
    gains = hl.InputBuffer(hl.Float(32), 3)
    origin_x = hl.InputScalar(hl.Float(32))
    origin_y = hl.InputScalar(hl.Float(32))
    step_x = hl.InputScalar(hl.Float(32))
    step_y = hl.InputScalar(hl.Float(32))
    top = hl.InputScalar(hl.Int(32))
    green = hl.InputScalar(hl.Int(32))
    rebuilt = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        inside = [(0, g.linear.dim(0).extent()), (0, g.linear.dim(1).extent())]
        mirrored = hl.BoundaryConditions.mirror_interior(g.linear, inside)
        gains = Gains(g.gains, (g.origin_x, g.origin_y), (g.step_x, g.step_y), g.top, 4)
        value, level, saturation = hl.Func("value"), hl.Func("level"), hl.Func("saturation")
        value[x, y] = mirrored[x, y]
        level[x, y] = hl.max(1e-6, g.clip[x & 1, y & 1] * gains.sample(2 * (y & 1) + (x & 1)))
        saturation[x, y] = value[x, y] / level[x, y]

        at_green = ((x + y + g.green) & 1) == 0

        def others(f, combine):
            """The two other colours in 3x3 samples: beside and above at green; at red and blue, green and diagonal."""
            beside, above = combine([f[x - 1, y], f[x + 1, y]]), combine([f[x, y - 1], f[x, y + 1]])
            diagonal = combine([f[x + i, y + j] for i in (-1, 1) for j in (-1, 1)])
            cross = combine([beside, above])
            return hl.select(at_green, beside, cross), hl.select(at_green, above, diagonal)

        # The mean leans to the brighter samples (contraharmonic): at the edge of a clipped area, to the area's side.
        light, energy = hl.Func("light"), hl.Func("energy")
        light[x, y] = hl.max(value[x, y], 1e-6)
        energy[x, y] = light[x, y] * light[x, y]
        pairs = zip(others(energy, total), others(light, total), strict=True)
        colors = [squares / values for squares, values in pairs]

        ceiling = largest([level[x + i, y + j] for i in (0, 1) for j in (0, 1)])
        # Noise, and ringing of a lossy codec, leave single samples of a clipped area below the clip level.
        around = [saturation[x + i, y + j] for i, j in ((-2, 0), (2, 0), (0, -2), (0, 2))]
        clipped = hl.max(
            clipping(saturation[x, y]), clipping(largest(around)) * smoothstep(saturation[x, y], 0.8, 0.95)
        )
        (color, other), (share, other_share) = colors, others(saturation, largest)
        estimate = unclip(color, other, share, other_share, g.offset[x & 1, y & 1], ceiling, at_green)
        g.rebuilt[x, y] = value[x, y] + clipped * hl.max(0.0, estimate - value[x, y])

        yo, yi = hl.Var("yo"), hl.Var("yi")
        strip = strip_of(g.rebuilt.output_buffer().dim(1).extent(), 64)
        g.rebuilt.split(y, yo, yi, strip, hl.TailStrategy.ShiftInwards).parallel(yo)
        g.rebuilt.vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        gains.row.compute_at(level, y)
        for f in (value, level, saturation):
            f.store_at(g.rebuilt, yo).compute_at(g.rebuilt, yi).vectorize(x, 8)


if __name__ == "__main__":
    hl.main()
