"""Burst warp of pixels that have all colours: no demosaic, each plane is sampled by itself."""

import halide as hl

from fotohaus.kernels.burst_align_gen import five_taps, start_at_zero
from fotohaus.kernels.common import c, x, y

CELL = 32  # quads between the displacement's nodes
LANES = 8
TAPS = 5
TILE = 64


@hl.generator(name="burst_warp_planes")
class BurstWarpPlanes:
    """difference[x, y, p] = frame(position + displacement) - reference, at quad (x, y), plane p = px + 2 py.

    As `burst_warp`, for quads whose four samples were taken at one place: a pixel's red, green, green and blue. The
    displacement, in samples, is that of the quad's middle; half of it is the way in pixels. Cubic (Catmull-Rom).
    """

    frame = hl.InputBuffer(hl.UInt(16), 2)  # padded, quad 0 at (pad, pad)
    reference = hl.InputBuffer(hl.UInt(16), 2)
    frame_black = hl.InputBuffer(hl.Float(32), 2)
    frame_scale = hl.InputBuffer(hl.Float(32), 2)
    reference_black = hl.InputBuffer(hl.Float(32), 2)
    reference_scale = hl.InputBuffer(hl.Float(32), 2)
    grid = hl.InputBuffer(hl.Float(32), 3)
    pad = hl.InputScalar(hl.Int(32))
    width = hl.InputScalar(hl.Int(32))  # quads
    height = hl.InputScalar(hl.Int(32))
    difference = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        m, k, b = (hl.Var(n) for n in ("m", "k", "b"))

        # Displacement in quads at the nodes left and right of row y.
        ends = hl.Func("ends")
        fy = (hl.f32(y % CELL) + 0.5) / CELL
        ends[m, y, k] = (g.grid[m, y / CELL, k] * (1.0 - fy) + g.grid[m, y / CELL + 1, k] * fy) * 0.5

        def displacement(column, cell, axis):
            fx = (hl.f32(column % CELL) + 0.5) / CELL
            return ends[cell, y, axis] * (1.0 - fx) + ends[cell + 1, y, axis] * fx

        # The whole-pixel origin of eight quads' samples; b counts eights.
        origin = hl.Func("origin")
        lo, hi = b * LANES, b * LANES + LANES - 1
        limit = hl.f32(1e6)

        def first(axis):
            a, z = (displacement(at, b / (CELL // LANES), axis) for at in (lo, hi))
            return hl.i32(hl.floor(hl.clamp(hl.min(a, z), -limit, limit)))

        margin = g.pad / 2
        last_x = (g.frame.dim(0).extent() - g.pad) / 2 - LANES - TAPS + 1
        last_y = (g.frame.dim(1).extent() - g.pad) / 2 - TAPS
        at_x, at_y = first(0) - 1 + lo, first(1) - 1 + y
        ok = (at_x >= -margin) & (at_x <= last_x) & (at_y >= -margin) & (at_y <= last_y)
        origin[b, y] = hl.Tuple([
            hl.clamp(at_x, -margin, last_x), hl.clamp(at_y, -margin, last_y),
            hl.f32(first(0)), hl.f32(first(1)), hl.select(ok, hl.f32(1), hl.f32(0)),
        ])  # fmt: skip

        o = origin[x / LANES, y]
        dx, dy = (displacement(x, x / CELL, axis) for axis in (0, 1))
        wx, wy = five_taps(dx - o[2]), five_taps(dy - o[3])
        px, py, lane = c % 2, c / 2, x % LANES
        total = hl.f32(0)
        for r in range(TAPS):
            along = hl.f32(0)
            for t in range(TAPS):
                along += hl.f32(g.frame[g.pad + 2 * (o[0] + t + lane) + px, g.pad + 2 * (o[1] + r) + py]) * wx[t]
            total += along * wy[r]
        light = (total - g.frame_black[px, py]) * g.frame_scale[px, py]
        base = hl.f32(g.reference[g.pad + 2 * x + px, g.pad + 2 * y + py])
        base = (base - g.reference_black[px, py]) * g.reference_scale[px, py]
        sx, sy = hl.f32(x) + dx, hl.f32(y) + dy
        inside = (o[4] > 0.0) & (sx >= 0.0) & (sx <= hl.f32(g.width - 1)) & (sy >= 0.0) & (sy <= hl.f32(g.height - 1))
        g.difference[x, y, c] = hl.select(inside, light - base, hl.f32(0))

        xo, yo, xi, yi, xb, xl = (hl.Var(n) for n in ("xo", "yo", "xi", "yi", "xb", "xl"))
        g.difference.bound(c, 0, 4)
        start_at_zero(g.difference)
        g.difference.tile(x, y, xo, yo, xi, yi, TILE, TILE, hl.TailStrategy.RoundUp)
        g.difference.split(xi, xb, xl, LANES).reorder(xl, c, xb, yi, xo, yo).unroll(c).vectorize(xl).parallel(yo)
        ends.compute_at(g.difference, yi)
        origin.compute_at(g.difference, xb)


if __name__ == "__main__":
    hl.main()
