"""Lateral chromatic aberration of a Bayer mosaic: measured block by block, and undone before demosaic."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import any_view, total

# Sites of one colour along a block's side; the Python side holds the same number.
SIDE = 16
# The sums that a block hands back, in this order, of green g, the other colour v and green's slope s along the radius,
# and the highest sample.
SUMS = ("g", "v", "s", "gg", "gv", "vv", "gs", "vs", "ss", "top")
# Sites to each side, at most, of the mean that is taken off: what varies slowly is shading and hue, not edges.
WIDE = 4
# A shift is held to this many px.
LARGEST = 10.0
# Samples around a block that have a say: the slope's site, the mean's, those of the interpolation, and the shift.
REACH = 2 * (1 + WIDE + 2) + 10


def cubic(t):
    """Weights at -1, 0, 1 and 2 of Catmull-Rom interpolation at the fraction t."""
    return (
        t * (-0.5 + t * (1.0 - 0.5 * t)),
        1.0 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2.0 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t),
    )


@hl.generator(name="aberration_sums")
class AberrationSums:
    """Sums over blocks of red or blue sites for the fit of v(site + shift) by offset + gain * (g + d * slope).

    black, scale : per position of the 2x2 CFA, to linear light up to 1. places[k, block] : x and y of the first
    site. motion[k, block] : direction of the radius (x, y), shift along it in px. smooth : weights at distance 0,
    1, 2 sites of the blur of both colours; mean : those, up to distance 4, of the wider one that is taken off.
    A block begins at least REACH samples from the left and top borders, and ends as far from the others: nothing looks
    whether a sample exists.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    places = hl.InputBuffer(hl.Int(32), 2)
    motion = hl.InputBuffer(hl.Float(32), 2)
    smooth = hl.InputBuffer(hl.Float(32), 1)
    mean = hl.InputBuffer(hl.Float(32), 1)
    sums = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        i, j, b = hl.Var("i"), hl.Var("j"), hl.Var("b")
        width, height = g.mosaic.dim(0).extent(), g.mosaic.dim(1).extent()

        any_view(g.mosaic)
        left, top = (
            hl.unsafe_promise_clamped(g.places[k, b], REACH, extent - REACH - 2 * SIDE)
            for k, extent in enumerate((width, height))
        )

        def sample(xx, yy, odd_x=0, odd_y=0):
            """A sample in linear light; whether it lies an odd number of columns or rows from the block's first."""
            position = (left + odd_x) & 1, (top + odd_y) & 1
            return hl.clamp((hl.f32(g.mosaic[xx, yy]) - g.black[position]) * g.scale[position], 0.0, 1.0)

        direction = (g.motion[0, b], g.motion[1, b])
        moved = [hl.clamp(u * g.motion[2, b], -LARGEST, LARGEST) * 0.5 for u in direction]
        whole = [hl.floor(m) for m in moved]
        fractions = [m - w for m, w in zip(moved, whole, strict=True)]
        weights_x, weights_y = cubic(fractions[0]), cubic(fractions[1])
        green, lines, other = hl.Func("green"), hl.Func("lines"), hl.Func("other")
        xx, yy = left + 2 * i, top + 2 * j
        beside = sample(xx - 1, yy, odd_x=1) + sample(xx + 1, yy, odd_x=1)
        green[i, j, b] = 0.25 * (beside + sample(xx, yy - 1, odd_y=1) + sample(xx, yy + 1, odd_y=1))
        xs, ys = left + 2 * (i + hl.i32(whole[0])), top + 2 * (j + hl.i32(whole[1]))
        lines[i, j, b] = total([w * sample(xs + 2 * k, ys) for k, w in zip((-1, 0, 1, 2), weights_x, strict=True)])
        # `lines` is on the moved rows already: the vertical taps are its neighbours.
        other[i, j, b] = total([w * lines[i, j + k, b] for k, w in zip((-1, 0, 1, 2), weights_y, strict=True)])

        # Both colours without their slow part: a blur less a mean.
        smoothed, stages = [], []
        around = range(1, WIDE + 1)
        for name, f in (("g", green), ("v", other)):
            down, flat, edges = hl.Func(f"down_{name}"), hl.Func(f"flat_{name}"), hl.Func(f"edges_{name}")
            rows = [f[i, j - k, b] + f[i, j + k, b] for k in around]
            down[i, j, b] = g.smooth[0] * f[i, j, b] + g.smooth[1] * rows[0] + g.smooth[2] * rows[1]
            flat[i, j, b] = g.mean[0] * f[i, j, b] + total([g.mean[k] * rows[k - 1] for k in around])
            edges[i, j, b] = (
                g.smooth[0] * down[i, j, b]
                + g.smooth[1] * (down[i - 1, j, b] + down[i + 1, j, b])
                + g.smooth[2] * (down[i - 2, j, b] + down[i + 2, j, b])
                - total([g.mean[abs(k)] * flat[i + k, j, b] for k in range(-WIDE, WIDE + 1)])
            )
            smoothed.append(edges)
            stages += [down, flat, edges]
        sg, sv = smoothed
        r = hl.RDom([(0, SIDE)])
        gx = sg[i + 1, r.x, b] - sg[i - 1, r.x, b]
        gy = sg[i, r.x + 1, b] - sg[i, r.x - 1, b]
        s = 0.25 * (direction[0] * gx + direction[1] * gy)
        gg, vv = sg[i, r.x, b], sv[i, r.x, b]
        column = hl.Func("column")
        terms = (gg, vv, s, gg * gg, gg * vv, vv * vv, gg * s, vv * s, s * s)
        column[i, b] = tuple(f32(0) for _ in terms)
        column[i, b] = tuple(column[i, b][k] + t for k, t in enumerate(terms))
        highest = hl.Func("highest")
        highest[i, b] = f32(0)
        highest[i, b] = hl.max(highest[i, b], green[i, r.x, b], other[i, r.x, b])
        added = hl.Func("added")
        ry = hl.RDom([(0, SIDE)])
        added[b] = tuple(f32(0) for _ in terms)
        added[b] = tuple(added[b][k] + column[ry.x, b][k] for k in range(len(terms)))
        top_of_all = hl.Func("top_of_all")
        top_of_all[b] = f32(0)
        top_of_all[b] = hl.max(top_of_all[b], highest[ry.x, b])
        g.sums[c, b] = hl.mux(c, [*(added[b][k] for k in range(len(terms))), top_of_all[b]])

        bo = hl.Var("bo")
        g.sums.bound(c, 0, len(SUMS)).unroll(c).split(b, bo, b, 16, hl.TailStrategy.GuardWithIf).parallel(bo)
        g.places.dim(0).set_bounds(0, 2)
        g.motion.dim(0).set_bounds(0, 3)
        g.smooth.dim(0).set_bounds(0, 3)
        g.mean.dim(0).set_bounds(0, WIDE + 1)
        added.compute_at(g.sums, b)
        # Unrolled columns have fixed places: their sums stay in registers all the way down.
        for f in (column, highest):
            f.compute_at(g.sums, b).bound(i, 0, SIDE).vectorize(i, 8).unroll(i)
            f.update().reorder(r.x, i).vectorize(i, 8).unroll(i)
        top_of_all.compute_at(g.sums, b)
        for f in (green, lines, other, *stages):
            f.compute_at(g.sums, b).vectorize(i, 8)
        g.sums.specialize(g.mosaic.dim(0).stride() == 1)


@hl.generator(name="aberration_correct")
class AberrationCorrect:
    """Red and blue sites as they would be, were those colours' images as large as green's.

    radial[k, plane] : shift of plane 0 (red) or 1 (blue) = d (a + b r^2 + c r^4), d the vector from the centre in px
    and r^2 its square times `scale`. Colour differences to green are resampled, not the colours: they hold less detail.
    `left`, `top`: the first pixel of the output in the mosaic, both even. `center_x`, `center_y`: in the mosaic.
    reach : px along a row or column that no shift exceeds.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    radial = hl.InputBuffer(hl.Float(32), 2)
    center_x = hl.InputScalar(hl.Float(32))
    center_y = hl.InputScalar(hl.Float(32))
    scale = hl.InputScalar(hl.Float(32))
    reach = hl.InputScalar(hl.Int(32))
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    red_x = hl.InputScalar(hl.Int(32))
    red_y = hl.InputScalar(hl.Int(32))
    corrected = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        inside = [(0, g.mosaic.dim(0).extent()), (0, g.mosaic.dim(1).extent())]
        m = hl.Func("m")
        m[x, y] = hl.BoundaryConditions.mirror_interior(g.mosaic, inside)[x + g.left, y + g.top]

        # Green everywhere: at red and blue sites along the smoother direction, judged on greens and the site's colour.
        green = hl.Func("green")
        is_green = ((x + y + g.red_x + g.red_y) & 1) == 1
        across = hl.abs(m[x - 1, y] - m[x + 1, y]) + hl.abs(2 * m[x, y] - m[x - 2, y] - m[x + 2, y])
        down = hl.abs(m[x, y - 1] - m[x, y + 1]) + hl.abs(2 * m[x, y] - m[x, y - 2] - m[x, y + 2])
        weight_x, weight_y = 1.0 / (across * across + f32(1e-6)), 1.0 / (down * down + f32(1e-6))
        means = [0.5 * (m[x - 1, y] + m[x + 1, y]), 0.5 * (m[x, y - 1] + m[x, y + 1])]
        mean = (weight_x * means[0] + weight_y * means[1]) / (weight_x + weight_y)
        green[x, y] = hl.select(is_green, m[x, y], mean)

        n = hl.Var("n")
        half = (g.reach + 1) // 2
        shifts, lines, differences, results = [], [], [], []
        for plane, (ox, oy) in enumerate(((g.red_x, g.red_y), (1 - g.red_x, 1 - g.red_y))):
            px, py = 2 * x + ox, 2 * y + oy
            dx, dy = hl.f32(px + g.left) - g.center_x, hl.f32(py + g.top) - g.center_y
            square = (dx * dx + dy * dy) * g.scale
            factor = g.radial[0, plane] + square * (g.radial[1, plane] + square * g.radial[2, plane])
            shift = hl.Func(f"shift_{plane}")
            shift[x, y] = (hl.clamp(dx * factor, -LARGEST, LARGEST), hl.clamp(dy * factor, -LARGEST, LARGEST))
            shift_x, shift_y = shift[x, y][0], shift[x, y][1]

            # What the site shows lies in green's image at the site less the shift.
            first = [hl.floor(-s) for s in (shift_x, shift_y)]
            wx, wy = (cubic(-s - f) for s, f in zip((shift_x, shift_y), first, strict=True))
            # Bounds of an index are found from clamps of integers.
            bx, by = (hl.clamp(hl.i32(f), -g.reach, g.reach) for f in first)
            line = hl.Func(f"green_line_{plane}")
            line[x, y, n] = total([wx[k] * green[px + bx + k - 1, py + by + n - 1] for k in range(4)])
            difference = hl.Func(f"difference_{plane}")
            difference[x, y] = total([wy[k] * line[x, y, k] for k in range(4)]) - m[px, py]

            # What green shows at the site lies in the colour's image at the site and the shift.
            first = [hl.floor(s * 0.5) for s in (shift_x, shift_y)]
            tx, ty = (s * 0.5 - f for s, f in zip((shift_x, shift_y), first, strict=True))
            sx, sy = (hl.clamp(hl.i32(f), -half, half) for f in first)
            upper, lower = (
                difference[x + sx, y + sy + n]
                + tx * (difference[x + sx + 1, y + sy + n] - difference[x + sx, y + sy + n])
                for n in (0, 1)
            )
            result = hl.Func(f"result_{plane}")
            result[x, y] = hl.select(
                (shift_x == 0.0) & (shift_y == 0.0), m[px, py], green[px, py] - (upper + ty * (lower - upper))
            )
            shifts.append(shift)
            lines.append(line)
            differences.append(difference)
            results.append(result)

        red_row = ((y + g.red_y) & 1) == 0
        colour = hl.select(red_row, results[0][x >> 1, y >> 1], results[1][x >> 1, y >> 1])
        g.corrected[x, y] = hl.select(is_green, m[x, y], colour)

        yo, yi, xo, xi, vector = hl.Var("yo"), hl.Var("yi"), hl.Var("xo"), hl.Var("xi"), 8
        tail = hl.TailStrategy.GuardWithIf
        g.corrected.split(y, yo, yi, 64, tail).split(x, xo, xi, 512, tail)
        g.corrected.reorder(xi, yi, xo, yo).vectorize(xi, 2 * vector, tail).parallel(yo)
        for f in (m, green):
            f.compute_at(g.corrected, xo).vectorize(x, vector)
        for f in (*shifts, *differences, *results):
            f.compute_at(g.corrected, xo).vectorize(x, vector)
        for f, difference in zip(lines, differences, strict=True):
            f.compute_at(difference, x).bound(n, 0, 4).unroll(n).vectorize(x, vector)


if __name__ == "__main__":
    hl.main()
