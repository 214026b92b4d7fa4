"""A quad Bayer mosaic (cells of 2 x 2 pixels under one filter) to a Bayer mosaic of the same size."""

import halide as hl

from fotohaus.kernels.common import x, y
from fotohaus.kernels.common_raw import any_view, decode, encode, total

_FLAT = hl.f32(1e-6)  # activity that is noise at best, squared


@hl.generator(name="remosaic_quad")
class RemosaicQuad:
    """Green at every pixel along the rows and along the columns, as Hamilton and Adams (1997) do it for Bayer: the mean
    of the greens on both sides and what the own colour has on top of its own mean. The two are weighted by how little
    the difference between green and the other colour changes along each (Menon, Andriani and Calvagno 2007). Red and
    blue are green less that difference, interpolated between cells.

    Differences are those of a root of light above `toe`, in which noise is even and edges alike.

    left, top : pixels from the corner to the first whole cell. red_x, red_y : the red cell among the first 2 x 2.
    gains : [colour] by which samples over black are multiplied so that greys are equal. white : the largest sample.
    The result's first whole cell begins a tile of the Bayer pattern that the cells had.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    gains = hl.InputBuffer(hl.Float(32), 1)
    black = hl.InputScalar(hl.Float(32))
    white = hl.InputScalar(hl.Float(32))
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    red_x = hl.InputScalar(hl.Int(32))
    red_y = hl.InputScalar(hl.Int(32))
    toe = hl.InputScalar(hl.Float(32))
    bayer = hl.OutputBuffer(hl.UInt(16), 2)

    def generate(self):
        g = self

        def inside(at, count):
            # Four pixels on, the pattern is the same.
            same = hl.select(at < 0, at % 4, hl.select(at >= count, at - 4 * ((at - count) / 4 + 1), at))
            return hl.clamp(same, 0, count - 1)

        def color(column, row):
            """0, 1, 2 of the cell, or pixel, in this column and row of the pattern."""
            is_x, is_y = column % 2 == g.red_x, row % 2 == g.red_y
            return hl.select(is_x & is_y, 0, is_x | is_y, 1, 2)

        def own(px, py):
            return color((px - g.left) / 2, (py - g.top) / 2)

        value = hl.Func("value")
        at = g.mosaic[inside(x, g.mosaic.width()), inside(y, g.mosaic.height())]
        value[x, y] = encode((hl.f32(at) - g.black) / (g.white - g.black) * g.gains[own(x, y)], g.toe)
        is_green = own(x, y) == 1

        def difference(name, step, first):
            """Green less the other colour of the line; `first`: whether the pixel is the first of its cell."""

            # Towards the near cell of the other colour, one pixel off, and away from it, two pixels off.
            def toward(n):
                before, after = (hl.f32(value[x + s * n * step[0], y + s * n * step[1]]) for s in (-1, 1))
                return hl.select(first, before, after)

            v = {n: toward(n) for n in (-4, -2, -1, 1, 3)}
            here = hl.f32(value[x, y])
            other = (2.0 * v[1] + v[-2]) / 3.0
            mean = (2.0 * (v[3] + 2.0 * here) + 2.0 * v[-1] + v[-4]) / 9.0
            out = hl.Func(name)
            out[x, y] = hl.select(is_green, 1.0, -1.0) * (mean - other)
            return out

        first_x, first_y = (x - g.left) % 2 == 0, (y - g.top) % 2 == 0
        across = difference("across", (1, 0), first_x)
        down = difference("down", (0, 1), first_y)
        change_across, change_down = hl.Func("change_across"), hl.Func("change_down")
        change_across[x, y] = hl.abs(across[x + 1, y] - across[x, y]) + hl.abs(across[x, y] - across[x - 1, y])
        change_down[x, y] = hl.abs(down[x, y + 1] - down[x, y]) + hl.abs(down[x, y] - down[x, y - 1])

        tent = [(d, 4 - abs(d)) for d in range(-3, 4)]

        def around(func, name):
            rows, out = hl.Func(f"{name}_rows"), hl.Func(name)
            rows[x, y] = total([w * func[x + d, y] for d, w in tent])
            out[x, y] = total([w * rows[x, y + d] for d, w in tent]) / 256.0
            return rows, out

        rows_across, busy_across = around(change_across, "busy_across")
        rows_down, busy_down = around(change_down, "busy_down")
        less = hl.Func("less")
        weight_across, weight_down = ((b[x, y] * b[x, y] + _FLAT) for b in (busy_down, busy_across))
        weight_across, weight_down = weight_across * weight_across, weight_down * weight_down
        mixed = across[x, y] * weight_across + down[x, y] * weight_down
        less[x, y] = mixed / (weight_across + weight_down)
        # Of cells of red and blue: green less the cell's colour, the mean of four pixels. Cells are counted from the
        # first whole one, those of one colour are two apart.
        i, j = hl.Var("i"), hl.Var("j")
        cells = hl.Func("cells")
        cells[i, j] = total([less[2 * i + g.left + dx, 2 * j + g.top + dy] for dx in (0, 1) for dy in (0, 1)]) / 4.0

        def interpolated(column, row):
            """Between the cells of the colour whose cells have these columns and rows modulo 2, at a pixel."""
            places = []
            for at, begin, phase in ((x, g.left, column), (y, g.top, row)):
                # In cells; the centre of cell n lies at n + 0.25 (of a pixel's own corner).
                place = (hl.f32(at - begin) - 0.5) / 2.0 - hl.f32(phase)
                low = hl.i32(hl.floor(place / 2.0))
                places.append((2 * low + phase, place / 2.0 - hl.f32(low)))
            (cx, part_x), (cy, part_y) = places
            rows = [hl.lerp(cells[cx, cy + e], cells[cx + 2, cy + e], part_x) for e in (0, 2)]
            return hl.lerp(*rows, part_y)

        wanted = color(x - g.left, y - g.top)
        green = hl.f32(value[x, y]) + hl.select(is_green, 0.0, hl.f32(less[x, y]))
        phase_x, phase_y = (hl.select(wanted == 0, r, 1 - r) for r in (g.red_x, g.red_y))
        other = green - interpolated(phase_x, phase_y)
        made = hl.select(wanted == own(x, y), hl.f32(value[x, y]), wanted == 1, green, other)
        made = decode(made, g.toe) / g.gains[wanted]
        g.bayer[x, y] = hl.u16(hl.clamp(made * (g.white - g.black) + g.black + 0.5, 0.0, g.white))

        any_view(g.mosaic)
        yo, yi = hl.Var("yo"), hl.Var("yi")
        g.bayer.split(y, yo, yi, 32, hl.TailStrategy.GuardWithIf).parallel(yo)
        g.bayer.vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        for func in (value, across, down, rows_across, rows_down, less):
            func.compute_at(g.bayer, yo).vectorize(x, 8)
        cells.compute_at(g.bayer, yo).vectorize(i, 8)


if __name__ == "__main__":
    hl.main()
