"""Lens correction: every plane resampled once, through its own map of coordinates; then a gain and a colour matrix."""

import halide as hl

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import total

CELL = 16  # px between the nodes of a map
LANES = 8  # px in a row between which a map is linear
TAPS = 6
TILE = 128  # px along x
SOFT = 0.25  # how far a result may lie beyond the four samples around it, in units of their lowest and highest

# Lanczos's kernel of six taps, normalised, as polynomials of u = f - 1/2: tap t has E_t(u^2) + u O_t(u^2), tap 5 - t
# has E_t(u^2) - u O_t(u^2). Least squares, with the taps exact at f = 0; off by at most 1.3e-4.
EVEN = (
    (0.02448861, -0.09060123, -0.02941291),
    (-0.13586348, 0.57024475, -0.10716327),
    (0.61137487, -0.47964352, 0.13657618),
)
ODD = (
    (-0.06378315, 0.30513546, -0.20001147),
    (0.18082912, -0.83014438, 0.42731163),
    (-1.33601233, 1.52260994, -0.71424254),
)


lane, b = hl.Var("lane"), hl.Var("b")  # pixel 8 b + lane


def lanczos(f):
    """Weights of the taps -2 ... 3 around position f in 0 ... 1."""
    u = f - 0.5
    v = u * u
    pairs = []
    for even, odd in zip(EVEN, ODD, strict=True):
        e = even[0] + v * (even[1] + v * even[2])
        o = u * (odd[0] + v * (odd[1] + v * odd[2]))
        pairs.append((e + o, e - o))
    return [first for first, _ in pairs] + [last for _, last in reversed(pairs)]


def shifted(values, by, most):
    """`values` moved `by` (0 to `most`) places on in a list that is `most` longer, zeros around."""
    zero = hl.f32(0)
    row = [zero] * most + list(values) + [zero] * most
    moved = []
    for place in range(len(values) + most):
        value = row[place + most]
        for k in range(1, most + 1):
            value = hl.select(by >= k, row[place + most - k], value)
        moved.append(value)
    return moved


class Map:
    """A map on the nodes of a grid, as three columns, three rows and three gains for blocks of eight pixels.

    `grid[i, j, q]` is a value at column CELL (i - 1), row CELL (j - 1) of the corrected picture: cubic between nodes
    along y and to the middle of two nodes along x, linear in a block. `block`, `top`: the output's first block and row
    in the corrected picture.
    """

    def __init__(self, grid, block, top):
        self.row, self.start = hl.Func("map_row"), hl.Func("map_start")
        node, q = hl.Var("node"), hl.Var("q")
        self.node = node
        line = y + top
        part = hl.f32(line % CELL) / CELL
        self.row[node, y, q] = self._cubic([grid[node, line / CELL + j, q] for j in range(4)], part)
        at = (b + block) / (CELL // LANES)
        nodes = [self.row[at + i, y, q] for i in range(4)]
        between = 0.5625 * (nodes[1] + nodes[2]) - 0.0625 * (nodes[0] + nodes[3])
        self.start[b, y, q] = hl.select((b + block) % (CELL // LANES) == 0, nodes[1], between)

    @staticmethod
    def _cubic(values, f):
        g = 1.0 - f
        weights = (-0.5 * f * g * g, 1 + f * f * (1.5 * f - 2.5), 1 + g * g * (1.5 * g - 2.5), -0.5 * g * f * f)
        return total([w * v for w, v in zip(weights, values, strict=True)])

    def at(self, q):
        """Quantity q at pixel `lane` of block b, and at the first pixels of that block and of the next."""
        first, last = self.start[b, y, q], self.start[b + 1, y, q]
        return first + (last - first) * (hl.f32(lane) / LANES), first, last

    def schedule(self, output, at):
        """Compute both for each row of the output."""
        self.row.compute_at(output, at).vectorize(self.node, 8, hl.TailStrategy.GuardWithIf)
        self.start.compute_at(output, at).vectorize(b, 8, hl.TailStrategy.GuardWithIf)


def finish(g, pixel, field):
    """Apply the matrix to `pixel`, and schedule a generator."""
    g.rgb[x, y, c] = total([g.matrix[i, c] * pixel[x % LANES, x / LANES, y][i] for i in range(3)])

    yo, xt, xb, xl = (hl.Var(name) for name in ("yo", "xt", "xb", "xl"))
    # x and y begin at 0: blocks of eight pixels are then known to be aligned.
    for dimension in (0, 1):
        g.rgb.output_buffer().dim(dimension).set_min(0)
    g.rgb.bound(c, 0, 3).split(y, yo, y, 16, hl.TailStrategy.GuardWithIf)
    # Tiles: a row of the picture may come from many rows of the source.
    g.rgb.split(x, xt, x, TILE, hl.TailStrategy.GuardWithIf).split(x, xb, xl, LANES, hl.TailStrategy.GuardWithIf)
    g.rgb.reorder(xl, c, xb, y, xt, yo).unroll(c).vectorize(xl).parallel(yo)
    field.schedule(g.rgb, y)
    return xb


class _Lens:
    """rgb = matrix * (gain * source at (x, y) + (columns, rows)), each plane at its own place.

    `map[..., q]`: displacements of the three planes along x, then along y, then gains, see `Map`. The output's pixel
    (0, 0) is pixel (LANES block, top) of the corrected picture, and lies at (left, above) of the source; beyond its
    border the source repeats its last sample. A result stays within what the four samples around it allow: no dark
    rings around lamps.
    """

    source = hl.InputBuffer(hl.Float(32), 3)
    map = hl.InputBuffer(hl.Float(32), 3)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    block = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    left = hl.InputScalar(hl.Int(32))
    above = hl.InputScalar(hl.Int(32))
    rgb = hl.OutputBuffer(hl.Float(32), 3)

    # How many whole pixels displacements may differ within a block, along x and y; None: any number.
    spread: tuple[int, int] | None = None

    def generate(self):
        g = self
        width, height = g.source.dim(0).extent(), g.source.dim(1).extent()
        field = Map(g.map, g.block, g.top)
        across, down = self.spread or (0, 0)

        def place(axis, plane, most):
            """Whole pixels that a block has in common, how many more this pixel has, and the fraction."""
            at, first, last = field.at(3 * axis + plane)
            at, first, last = (hl.clamp(v, -1e6, 1e6) for v in (at, first, last))
            whole = hl.floor(at)
            if self.spread is None:
                return hl.i32(whole), hl.i32(0), at - whole
            common = hl.floor(hl.min(first, last))
            return hl.i32(common), hl.clamp(hl.i32(whole - common), 0, most), at - whole

        planes = []
        for p in range(3):
            column, more_x, fx = place(0, p, across)
            row, more_y, fy = place(1, p, down)
            wx = shifted(lanczos(fx), more_x, across)
            wy = shifted(lanczos(fy), more_y, down)
            first_column, first_row = column + b * LANES + g.left - 2, row + y + g.above - 2
            if self.spread is not None:
                first_column = hl.clamp(first_column, 0, width - (LANES + TAPS + across - 1))
            first_column = first_column + lane
            lines, near = [], []
            for j in range(TAPS + down):
                line = hl.clamp(first_row + j, 0, height - 1)
                at = [first_column + i for i in range(TAPS + across)]
                if self.spread is None:
                    at = [hl.clamp(i, 0, width - 1) for i in at]
                samples = [g.source[i, line, p] for i in at]
                lines.append(total([w * s for w, s in zip(wx, samples, strict=True)]))
                if 2 <= j <= 3 + down:
                    pair = []
                    for i in (2, 3):
                        value = samples[i]
                        for k in range(1, across + 1):
                            value = hl.select(more_x >= k, samples[i + k], value)
                        pair.append(value)
                    near.append((hl.min(*pair), hl.max(*pair)))
            limits = []
            for which, better in ((0, hl.min), (1, hl.max)):
                value = better(near[0][which], near[1][which])
                for k in range(1, down + 1):
                    value = hl.select(more_y >= k, better(near[k][which], near[k + 1][which]), value)
                limits.append(value)
            low, high = limits
            result = total([w * v for w, v in zip(wy, lines, strict=True)])
            result = hl.clamp(result, low - SOFT * hl.abs(low), high + SOFT * hl.abs(high))
            planes.append(result * field.at(6 + p)[0])
        pixel = hl.Func("pixel")
        pixel[lane, b, y] = tuple(planes)
        block = finish(g, pixel, field)
        pixel.compute_at(g.rgb, block).bound(lane, 0, LANES).vectorize(lane)


@hl.generator(name="lens_near")
class LensNear(_Lens):
    """For columns whose samples all lie in the source, and displacements that change by at most one in eight pixels."""

    spread = 1, 1


@hl.generator(name="lens_far")
class LensFar(_Lens):
    """For columns whose samples all lie in the source, and displacements that change faster."""

    spread = 3, 2


@hl.generator(name="lens_any")
class LensAny(_Lens):
    """For any map."""


@hl.generator(name="lens_gain")
class LensGain:
    """rgb = matrix * gain * source, where nothing moves; arguments as above."""

    source = hl.InputBuffer(hl.Float(32), 3)
    map = hl.InputBuffer(hl.Float(32), 3)
    matrix = hl.InputBuffer(hl.Float(32), 2)
    block = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    left = hl.InputScalar(hl.Int(32))
    above = hl.InputScalar(hl.Int(32))
    rgb = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        field = Map(g.map, g.block, g.top)
        pixel = hl.Func("pixel")
        column, row = LANES * b + lane + g.left, y + g.above
        pixel[lane, b, y] = tuple(g.source[column, row, p] * field.at(6 + p)[0] for p in range(3))
        finish(g, pixel, field)


if __name__ == "__main__":
    hl.main()
