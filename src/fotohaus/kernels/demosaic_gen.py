"""Bayer mosaic to RGB by directional interpolation of colour differences."""

import halide as hl

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.common_raw import decode, encode, total

# Changes of the colour difference below this (in units of the white level) say nothing about direction.
FLAT = 3e-5
# Along each direction, the colour difference of a site is the mean of its neighbours' with these weights.
SIDE = (0.4, 0.3, 0.2, 0.1)
# Weights of the rows and columns of the window in which smoothness is measured.
WINDOW = {-2: 1 / 12, -1: 1 / 4, 0: 1 / 3, 1: 1 / 4, 2: 1 / 12}


@hl.generator(name="demosaic")
class Demosaic:
    """Gradient-based threshold-free interpolation (Pekkucuksen and Altunbasak 2010), weighted for chroma as well.

    `left`, `top`: the output's first pixel in the mosaic. `red_x`, `red_y`: a red site of the mosaic.
    `matrix[i, o]` is the weight of channel i of (R, G, B) in channel o of the output. `toe`: the interpolation works on
    sqrt(v + toe^2) - toe: in linear light, the bright side of an edge would outvote the dark one.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    red_x = hl.InputScalar(hl.Int(32))
    red_y = hl.InputScalar(hl.Int(32))
    toe = hl.InputScalar(hl.Float(32))
    rgb = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        inside = [(0, g.mosaic.dim(0).extent()), (0, g.mosaic.dim(1).extent())]
        mirrored = hl.BoundaryConditions.mirror_interior(g.mosaic, inside)
        m = hl.Func("m")
        m[x, y] = encode(mirrored[x + g.left, y + g.top], g.toe)
        column, row = x + g.left + g.red_x, y + g.top + g.red_y
        green = ((column + row) & 1) == 1

        # Green minus the other colour of the row (h) or column (v), at every pixel.
        dh, dv = hl.Func("dh"), hl.Func("dv")
        for d, dx, dy in ((dh, 1, 0), (dv, 0, 1)):
            near = m[x - dx, y - dy] + m[x + dx, y + dy]
            far = m[x - 2 * dx, y - 2 * dy] + m[x + 2 * dx, y + 2 * dy]
            difference = 0.5 * near - 0.25 * far - 0.5 * m[x, y]
            d[x, y] = hl.select(green, -difference, difference)

        # Smoothness of that difference along its direction: the inverse of its mean gradient over 5x5 pixels.
        smooth, partial = [], []
        for name, d, dx, dy in (("h", dh, 1, 0), ("v", dv, 0, 1)):
            gradient, rows, s = hl.Func(f"gradient_{name}"), hl.Func(f"rows_{name}"), hl.Func(f"smooth_{name}")
            gradient[x, y] = hl.abs(d[x + dx, y + dy] - d[x - dx, y - dy])
            rows[x, y] = total([k * gradient[x, y + i] for i, k in WINDOW.items()])
            s[x, y] = 1.0 / (total([k * rows[x + i, y] for i, k in WINDOW.items()]) + FLAT)
            smooth.append(s)
            partial += [gradient, rows]
        smooth_h, smooth_v = smooth

        # At red and blue sites: green minus the site's own colour ...
        own, opposite = hl.Func("own"), hl.Func("opposite")
        weights = [smooth_v[x, y - 2], smooth_v[x, y + 2], smooth_h[x - 2, y], smooth_h[x + 2, y]]
        means = [
            total([k * d[x + i * dx, y + i * dy] for i, k in enumerate(SIDE)])
            for d, dx, dy in ((dv, 0, -1), (dv, 0, 1), (dh, -1, 0), (dh, 1, 0))
        ]
        squares = [w * w for w in weights]
        own[x, y] = total([w * v for w, v in zip(squares, means, strict=True)]) / total(squares)
        # ... and green minus the colour that the site's diagonal neighbours have.
        diagonal = [own[x + i, y + j] for i in (-1, 1) for j in (-1, 1)]
        outer = [own[x + i, y + j] for i, j in ((-3, -1), (-3, 1), (3, -1), (3, 1), (-1, -3), (1, -3), (-1, 3), (1, 3))]
        opposite[x, y] = 0.3125 * total(diagonal) - 0.03125 * total(outer)

        # `along`: the colour that shares the row with green; `across`: the other one.
        scale = 1.0 / total(weights)
        up, down, before, after = weights
        along_green = m[x, y] - scale * (
            up * opposite[x, y - 1] + down * opposite[x, y + 1] + before * own[x - 1, y] + after * own[x + 1, y]
        )
        across_green = m[x, y] - scale * (
            up * own[x, y - 1] + down * own[x, y + 1] + before * opposite[x - 1, y] + after * opposite[x + 1, y]
        )
        interpolated = m[x, y] + own[x, y]
        along = hl.select(green, along_green, m[x, y])
        across = hl.select(green, across_green, interpolated - opposite[x, y])
        red_row = (row & 1) == 0
        pixel = hl.Func("pixel")
        pixel[x, y] = (
            hl.select(red_row, along, across),
            hl.select(green, m[x, y], interpolated),
            hl.select(red_row, across, along),
        )
        g.rgb[x, y, c] = total([g.matrix[i, c] * decode(pixel[x, y][i], g.toe) for i in range(3)])

        xo, yo, xi, yi = hl.Var("xo"), hl.Var("yo"), hl.Var("xi"), hl.Var("yi")
        # A strip never reaches below the picture: with that known, each row is computed once and kept while needed.
        strip, vector = strip_of(g.rgb.output_buffer().dim(1).extent(), 128), 8
        g.rgb.bound(c, 0, 3)
        g.rgb.split(y, yo, yi, strip, hl.TailStrategy.ShiftInwards).split(x, xo, xi, 256, hl.TailStrategy.GuardWithIf)
        g.rgb.reorder(xi, c, yi, xo, yo).vectorize(xi, vector, hl.TailStrategy.GuardWithIf).unroll(c).parallel(yo)
        pixel.compute_at(g.rgb, yi).vectorize(x, vector)
        for f in (m, dh, dv, *partial, smooth_h, smooth_v, own, opposite):
            f.store_at(g.rgb, xo).compute_at(g.rgb, yi).vectorize(x, vector)


if __name__ == "__main__":
    hl.main()
