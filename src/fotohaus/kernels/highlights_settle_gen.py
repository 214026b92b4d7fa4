"""Light and colour of the cells of a mosaic's overview, where they clip."""

import halide as hl

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import largest, smoothstep, total

# Fitted on HDR panoramas: benchmarks/highlights.py.
TWO, ALL = 0.95, 0.25  # how much of the borders' colour is kept deep where two, or all, colours clip
FAR = 2.0  # octaves of depth at which it is
START = 0.6  # octaves of depth before light is added
DOME, DOME_MOST = 0.3, 0.8  # log light per octave of depth; limit
LEAN = 1.0  # log light that a warm sky would gain inward until it has that little colour
WARM = (0.0, 0.1)  # red over the higher of green and blue, in logs: not at all, and wholly, a warm sky's
FLAT = (0.08, 0.16)  # slope of light at the border, per cell: wholly, and not at all, a sky's
ORANGE = 0.25  # of red over blue: green over the lower of both, where a warm sky's colour is kept
GENTLE = 0.5  # of the border's slope, with which light at most grows inward
STEEP = 3.0  # log light that a cell beside loses where not all is clipped
APART = 0.5  # of a clipped cell's light, below which the cell beside it is the other side of an edge


@hl.generator(name="highlights_settle")
class HighlightsSettle:
    """The log of each cell's light with what clips filled in.

    logs : of R, G, B, single clipped colours estimated. known : 1 unclipped, 0 clipped. sure : 1 where at most one
    clips. agree : 0 where samples see different sides of an edge. around : red's and blue's chroma as the surroundings
    have it, and far how many octaves away that is; depth : the same of what is not all clipped, and steep how fast
    light changes there, in log light per cell. magenta : how much of it the surroundings have. lamp : the share of the
    light that depth adds, 0 to 1.
    """

    logs = hl.InputBuffer(hl.Float(32), 3)
    known = hl.InputBuffer(hl.Float(32), 3)
    sure = hl.InputBuffer(hl.Float(32), 2)
    agree = hl.InputBuffer(hl.Float(32), 2)
    around = hl.InputBuffer(hl.Float(32), 3)
    far = hl.InputBuffer(hl.Float(32), 2)
    depth = hl.InputBuffer(hl.Float(32), 2)
    steep = hl.InputBuffer(hl.Float(32), 2)
    magenta = hl.InputBuffer(hl.Float(32), 2)
    lamp = hl.InputScalar(hl.Float(32))
    colors = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        logs, known = ([f[x, y, i] for i in range(3)] for f in (g.logs, g.known))
        sure, red, blue = g.sure[x, y], g.around[x, y, 0], g.around[x, y, 1]
        none = (1.0 - known[0]) * (1.0 - known[1]) * (1.0 - known[2])

        # The surroundings' colour, closer to neutral the farther away they are.
        two = hl.max(0.0, 1.0 - sure - none)
        lost = 1.0 - (ALL + (TWO - ALL) * two / (two + none + 1e-6))
        inward = g.steep[x, y] * (hl.fast_exp(0.6931 * g.depth[x, y]) - 1.0)
        # A warm sky passes into white as slowly as its light grows; the border of a lamp or a window is steep.
        redness = red - hl.max(blue, -(red + blue))
        sky = none * smoothstep(redness, *WARM) * (1.0 - smoothstep(g.steep[x, y], *FLAT))
        neutral = lost * hl.min(g.far[x, y] * (1 / FAR), 1.0)
        held = neutral * sky * (1.0 - hl.min(inward * (1 / LEAN), 1.0))
        kept = 1.0 - neutral + held
        magenta = (1.0 - neutral) * hl.min(g.magenta[x, y], hl.max(hl.min(red, blue) + red + blue, 0.0))
        around = [kept * red, -kept * (red + blue), kept * blue]
        # Pink that is kept passes into orange: it would be magenta.
        least = hl.min(around[0], around[2]) - magenta
        around[1] = hl.max(around[1], least + ORANGE * held * hl.abs(red - blue))

        # A cell's colour is its own where that is known; its light, that of the colours that are left.
        middle = total(logs) * (1 / 3)
        seen = sure * g.agree[x, y]
        chroma = [a + seen * (log - middle - a) for a, log in zip(around, logs, strict=True)]
        rest = [log - own for log, own in zip(logs, chroma, strict=True)]
        anchor = total([r * k for r, k in zip(rest, known, strict=True)]) / (total(known) + 1e-3)
        deep = hl.max(g.depth[x, y] - START, 0.0)
        dome = hl.min(g.lamp * DOME * deep * deep / (deep + START), hl.f32(DOME_MOST))
        # A sky's light grows as slowly beyond its border as up to it.
        dome = hl.min(dome, GENTLE * inward)
        light, spread = hl.Func("light"), hl.Func("spread")
        light[x, y] = anchor + none * (largest(rest) - anchor)
        spread[x, y] = light[x, y] - STEEP * (1.0 - none)

        # Beside a clipped cell far brighter than it, a cell is the other side of an edge: neither its light nor its
        # colour goes into what lies between their centres.
        width, height = g.depth.dim(0).extent(), g.depth.dim(1).extent()
        inside = hl.BoundaryConditions.repeat_edge(spread, [(0, width), (0, height)])
        near = largest([inside[x + i, y + j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
        own, base = light[x, y], hl.max(light[x, y], near) + none * dome
        trust = hl.min(hl.fast_exp(hl.min(own - near, 0.0)) * (1 / APART), 1.0)
        chroma = [a + trust * (v - a) for a, v in zip(around, chroma, strict=True)]
        trust = trust * g.agree[x, y]
        filled = []
        for log, v in zip(logs, chroma, strict=True):
            # Not below what was measured, unless that was the other side's.
            light_here = hl.max(base + v, log - 30.0 * (1.0 - trust))
            filled.append(log + (1.0 - sure * trust) * (light_here - log))
        least = hl.min(filled[0], filled[2]) - magenta
        filled[1] = filled[1] + hl.max(0.0, least - filled[1]) * (1.0 - known[1])
        g.colors[x, y, c] = hl.mux(c, [hl.clamp(v, -12.0, 12.0) for v in filled])

        g.colors.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf).parallel(
            y, 16, hl.TailStrategy.GuardWithIf
        )
        for f in (light, spread):
            f.compute_root().vectorize(x, 8, hl.TailStrategy.GuardWithIf).parallel(y, 16, hl.TailStrategy.GuardWithIf)


if __name__ == "__main__":
    hl.main()
