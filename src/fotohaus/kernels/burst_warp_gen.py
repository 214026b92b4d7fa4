"""Burst warp: a frame seen on the reference's grid, colour by colour, less the reference."""

import halide as hl

from fotohaus.kernels.burst_align_gen import five_taps, start_at_zero
from fotohaus.kernels.common import c, x, y

CELL = 64  # px of the mosaic between the displacement's nodes
TILE = 128  # px of the mosaic that share one demosaicked window
WINDOW = 144  # px: the tile, the cubic's taps, and how far the displacement may differ within it
LANES = 8
TAPS = 5
HALO = 4  # px around the window that its colours need, and even
DOUBT = 10  # variances of a sample that the squared change along a direction has from noise alone
COLOR = [0, 1, 1, 2]  # of the planes R, G in R's rows, G in B's rows, B


def green_between(at, variance):
    """Green at a red or blue site from `at(dx, dy)`, along the direction that changes less.

    Horizontal and vertical interpolation plus half of the Laplacian of the colour that the site has (Hamilton and Adams
    1997), mixed by how little each direction changes beyond what noise of `variance` makes of it.
    """
    here = at(0, 0)
    estimates, changes = [], []
    for i, j in ((1, 0), (0, 1)):
        near, far = (at(-i, -j), at(i, j)), at(-2 * i, -2 * j) + at(2 * i, 2 * j)
        laplacian = here + here - far
        estimates.append((near[0] + near[1]) * 0.5 + laplacian * 0.25)
        change = hl.abs(near[1] - near[0]) + hl.abs(laplacian)
        changes.append(change * change + variance * DOUBT)
    across, along = changes
    return (estimates[0] * along + estimates[1] * across) / (across + along)


def colors(green, over):
    """All three colours at all four sites: [c][py][px], R at the even column of the even row.

    green(i, j), over(i, j) : green, and what red or blue has over it, at (i, j) from the quad's corner.
    """

    def beside(i, j):
        return green(i, j) + (over(i - 1, j) + over(i + 1, j)) * 0.5

    def above(i, j):
        return green(i, j) + (over(i, j - 1) + over(i, j + 1)) * 0.5

    def across(i, j):
        corners = over(i - 1, j - 1) + over(i + 1, j - 1) + over(i - 1, j + 1) + over(i + 1, j + 1)
        return green(i, j) + corners * 0.25

    def own(i, j):
        return green(i, j) + over(i, j)

    return [
        [[own(0, 0), beside(1, 0)], [above(0, 1), across(1, 1)]],
        [[green(0, 0), green(1, 0)], [green(0, 1), green(1, 1)]],
        [[across(0, 0), above(1, 0)], [beside(0, 1), own(1, 1)]],
    ]


@hl.generator(name="burst_warp")
class BurstWarp:
    """difference[x, y, p] = frame(position + displacement) - reference, at quad (x, y), plane p = px + 2 py.

    Both mosaics are padded so that R lies at even columns of even rows, quad 0 at (pad, pad). Their samples become
    light by (value - black) * scale; the demosaicking sees them times `balance`, so that the colours of a neutral
    are equal. The displacement is bilinear between the nodes of `grid`, CELL px apart. Each tile reads a window
    of the frame at `origins`. What lies outside of the frame, or of the window, has no difference.
    """

    frame = hl.InputBuffer(hl.UInt(16), 2)
    reference = hl.InputBuffer(hl.UInt(16), 2)
    frame_black = hl.InputBuffer(hl.Float(32), 2)
    frame_scale = hl.InputBuffer(hl.Float(32), 2)
    reference_black = hl.InputBuffer(hl.Float(32), 2)
    reference_scale = hl.InputBuffer(hl.Float(32), 2)
    balance = hl.InputBuffer(hl.Float(32), 1)
    noise_scale = hl.InputBuffer(hl.Float(32), 1)  # by plane: variance = scale * light + offset
    noise_offset = hl.InputBuffer(hl.Float(32), 1)
    grid = hl.InputBuffer(hl.Float(32), 3)
    origins = hl.InputBuffer(hl.Int(32), 3)  # even, relative to the padded frame
    pad = hl.InputScalar(hl.Int(32))
    left = hl.InputScalar(hl.Int(32))  # the frame's pixels lie at left ... right and top ... bottom, inclusive
    top = hl.InputScalar(hl.Int(32))
    right = hl.InputScalar(hl.Int(32))
    bottom = hl.InputScalar(hl.Int(32))
    difference = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        tx, ty, h, px, v, py, m, k, b = (hl.Var(n) for n in ("tx", "ty", "h", "px", "v", "py", "m", "k", "b"))

        # The tile's window in light, and its three colours; a column is 2 h + px, a row 2 v + py.
        light, color = hl.Func("light"), hl.Func("color")
        column = hl.clamp(g.origins[tx, ty, 0], HALO, g.frame.dim(0).extent() - WINDOW - HALO) + 2 * h + px
        row = hl.clamp(g.origins[tx, ty, 1], HALO, g.frame.dim(1).extent() - WINDOW - HALO) + 2 * v + py
        balance = hl.mux(px + 2 * py, [g.balance[n] for n in COLOR])
        value = hl.f32(g.frame[column, row])
        light[h, px, v, py, tx, ty] = (value - g.frame_black[px, py]) * (g.frame_scale[px, py] * balance)

        def at(func):
            """`func` by column and row from the quad's corner."""
            return lambda i, j: func[h + (i >> 1), i & 1, v + (j >> 1), j & 1, tx, ty]

        green, over = hl.Func("green"), hl.Func("over")
        samples = at(light)
        estimates = []
        for plane, (i, j) in ((0, (0, 0)), (3, (1, 1))):
            gain = g.balance[COLOR[plane]]
            spread = g.noise_scale[plane] * hl.max(samples(i, j), 0.0) + g.noise_offset[plane] * gain
            estimates.append(green_between(lambda a, b, i=i, j=j: samples(i + a, j + b), spread * gain))
        values = [estimates[0], samples(1, 0), samples(0, 1), estimates[1]]
        green[h, px, v, py, tx, ty] = hl.mux(px + 2 * py, values)
        over[h, px, v, py, tx, ty] = light[h, px, v, py, tx, ty] - green[h, px, v, py, tx, ty]
        sites = colors(at(green), at(over))
        values = [sites[q][n >> 1][n & 1] for q in range(3) for n in range(4)]
        color[h, px, v, py, c, tx, ty] = hl.mux(px + 2 * py + 4 * c, values)

        # Displacement at the nodes left and right of row y.
        ends = hl.Func("ends")
        cell_row = 2 * y + py
        fy = (hl.f32(cell_row % CELL) + 0.5) / CELL
        node = cell_row / CELL
        ends[m, y, py, k] = g.grid[m, node, k] * (1.0 - fy) + g.grid[m, node + 1, k] * fy

        site_x, site_y = c % 2, c / 2
        place_x, place_y = hl.f32(2 * x + site_x), hl.f32(2 * y + site_y)
        per_cell = CELL // 2

        def displacement(column, cell, axis):
            fx = (hl.f32(2 * (column % per_cell) + site_x) + 0.5) / CELL
            return ends[cell, y, site_y, axis] * (1.0 - fx) + ends[cell + 1, y, site_y, axis] * fx

        # The whole-pixel origin of eight quads' samples (b counts eights), relative to the window.
        origin = hl.Func("origin")
        lo, hi = b * LANES, b * LANES + LANES - 1
        cell = b / (per_cell // LANES)
        limit = hl.f32(1e6)

        def first(axis):
            a = displacement(lo, cell, axis)
            z = displacement(hi, cell, axis)
            return hl.i32(hl.floor(hl.clamp(hl.min(a, z), -limit, limit)))

        tile_x, tile_y = b / (TILE // 2 // LANES), y / (TILE // 2)
        window_x = hl.clamp(g.origins[tile_x, tile_y, 0], HALO, g.frame.dim(0).extent() - WINDOW - HALO)
        window_y = hl.clamp(g.origins[tile_x, tile_y, 1], HALO, g.frame.dim(1).extent() - WINDOW - HALO)
        at_x, at_y = first(0) - 1 + g.pad + 2 * lo + site_x, first(1) - 1 + g.pad + 2 * y + site_y
        local_x, local_y = at_x - window_x, at_y - window_y
        last_x, last_y = WINDOW - 2 * LANES - TAPS, WINDOW - TAPS
        ok = (local_x >= 0) & (local_x <= last_x) & (local_y >= 0) & (local_y <= last_y)
        origin[b, y, c] = hl.Tuple([
            hl.clamp(local_x, 0, last_x), hl.clamp(local_y, 0, last_y),
            hl.f32(first(0)), hl.f32(first(1)), hl.select(ok, hl.f32(1), hl.f32(0)),
        ])  # fmt: skip

        o = origin[x / LANES, y, c]
        lane_cell = x / per_cell
        dx, dy = displacement(x, lane_cell, 0), displacement(x, lane_cell, 1)
        wx, wy = five_taps(dx - o[2]), five_taps(dy - o[3])
        which = hl.mux(c, [hl.i32(n) for n in COLOR])
        lane = x % LANES
        total = hl.f32(0)
        for r in range(TAPS):
            v_at = o[1] + r
            along = hl.f32(0)
            for t in range(TAPS):
                h_at = o[0] + t
                along += color[(h_at >> 1) + lane, h_at & 1, v_at >> 1, v_at & 1, which,
                               x / (TILE // 2), y / (TILE // 2)] * wx[t]  # fmt: skip
            total += along * wy[r]

        base = hl.f32(g.reference[g.pad + 2 * x + site_x, g.pad + 2 * y + site_y])
        base = (base - g.reference_black[site_x, site_y]) * g.reference_scale[site_x, site_y]
        sx, sy = place_x + dx + hl.f32(g.pad), place_y + dy + hl.f32(g.pad)
        inside = (
            (o[4] > 0.0) & (sx >= hl.f32(g.left)) & (sx <= hl.f32(g.right))
            & (sy >= hl.f32(g.top)) & (sy <= hl.f32(g.bottom))
        )  # fmt: skip
        g.difference[x, y, c] = hl.select(inside, total / g.balance[which] - base, hl.f32(0))

        half = TILE // 2
        xo, yo, xi, yi, xb, xl = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "xb", "xl"))
        g.difference.bound(c, 0, 4)
        start_at_zero(g.difference)
        g.difference.tile(x, y, xo, yo, xi, yi, half, half, hl.TailStrategy.RoundUp)
        g.difference.split(xi, xb, xl, LANES).reorder(xl, xb, c, yi, xo, yo).unroll(c).vectorize(xl).parallel(yo)
        light.compute_at(g.difference, xo).reorder(h, px, py, v, tx, ty).unroll(px).unroll(py).vectorize(h, 8)
        light.bound(px, 0, 2).bound(py, 0, 2)
        green.compute_at(g.difference, xo).reorder(h, px, py, v, tx, ty).unroll(px).unroll(py).vectorize(h, 8)
        green.bound(px, 0, 2).bound(py, 0, 2)
        color.compute_at(g.difference, xo).reorder(h, c, px, py, v, tx, ty).unroll(c).unroll(px).unroll(py)
        color.bound(px, 0, 2).bound(py, 0, 2).bound(c, 0, 3).vectorize(h, 8)
        ends.compute_at(g.difference, yi).bound(py, 0, 2)
        origin.compute_at(g.difference, xb)


if __name__ == "__main__":
    hl.main()
