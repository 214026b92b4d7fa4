"""Burst reconstruction: how a frame samples a picture of three colours, and that back again.

Everything works on a window: one piece of the reference's grid, (W, H, 3) white-balanced light, small enough for the
processor's cache. One thread does one window, so nothing here is parallel.
"""

import halide as hl

from fotohaus.kernels.common import c, x, y

TAPS = 6  # of the interpolation
LANES = 8  # taps of a row of the table; the last two are zero
PHASES = 128  # steps of a pixel at which the table has taps
LIMIT = 1 << 9  # px of a window's side; a place is two coordinates and two phases in 32 bits
CELL = 64  # px of the mosaic between the displacement's nodes
AGREEMENT = 8  # px of the mosaic that share a weight
tap, n = hl.Var("tap"), hl.Var("n")


def malvar(at):
    """All three colours at all four sites from `at(dx, dy)`: [c][py][px], R at the even column of the even row.

    Malvar, He and Cutler 2004: bilinear interpolation plus the Laplacian of the colour that the site has.
    """
    here = at(0, 0)
    cross = at(-1, 0) + at(1, 0) + at(0, -1) + at(0, 1)
    diagonal = at(-1, -1) + at(1, -1) + at(-1, 1) + at(1, 1)
    far_x, far_y = at(-2, 0) + at(2, 0), at(0, -2) + at(0, 2)
    green = here * 0.5 + cross * 0.25 - (far_x + far_y) * 0.125
    beside = here * 0.625 + (at(-1, 0) + at(1, 0)) * 0.5 - far_x * 0.125 - diagonal * 0.125 + far_y * 0.0625
    above = here * 0.625 + (at(0, -1) + at(0, 1)) * 0.5 - far_y * 0.125 - diagonal * 0.125 + far_x * 0.0625
    across = here * 0.75 + diagonal * 0.25 - (far_x + far_y) * 0.1875
    return [
        [[here, beside], [above, across]],
        [[green, here], [here, green]],
        [[across, above], [beside, here]],
    ]


def color_of(column, row):
    """Plane of a sample: R lies at even columns of even rows."""
    return column % 2 + row % 2


def unpacked(place):
    """Column, row, and the rows of the table for x and y, of a packed place."""
    return place & 511, (place >> 9) & 511, (place >> 18) & 127, (place >> 25) & 127


@hl.generator(name="reconstruct_start")
class ReconstructStart:
    """A window of the merged mosaic as a first guess (Malvar, He and Cutler 2004), and the inverse variance there.

    mosaic : padded uint16, R at even columns of even rows; light = (value - black) * scale * balance. left, top : even,
    where the window begins in it. precision : 1 / variance of one sample of each colour of one frame.
    """

    mosaic = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputScalar(hl.Float(32))
    scale = hl.InputScalar(hl.Float(32))
    balance = hl.InputBuffer(hl.Float(32), 1)
    noise_scale = hl.InputBuffer(hl.Float(32), 1)  # by colour, before the balance
    noise_offset = hl.InputBuffer(hl.Float(32), 1)
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    picture = hl.OutputBuffer(hl.Float(32), 3)
    precision = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        light, color = hl.Func("light"), hl.Func("color")
        column = hl.clamp(x + g.left, 0, g.mosaic.dim(0).extent() - 1)
        row = hl.clamp(y + g.top, 0, g.mosaic.dim(1).extent() - 1)
        balance = g.balance[hl.unsafe_promise_clamped(color_of(x, y), 0, 2)]
        light[x, y] = (hl.f32(g.mosaic[column, row]) - g.black) * g.scale * balance
        sites = malvar(lambda dx, dy: light[x + dx, y + dy])
        values = [hl.mux(x % 2 + 2 * (y % 2), [sites[k][p >> 1][p & 1] for p in range(4)]) for k in range(3)]
        color[x, y, c] = hl.mux(c, values)
        g.picture[x, y, c] = color[x, y, c]
        around = [color[x + i, y + j, c] for j in (-1, 0, 1) for i in (-1, 0, 1)]
        mean = sum(around[1:], around[0]) * hl.f32(1 / 9)
        variance = g.noise_scale[c] * hl.max(mean / g.balance[c], 0.0) + g.noise_offset[c]
        g.precision[x, y, c] = 1.0 / (hl.max(variance, hl.f32(1e-12)) * g.balance[c] * g.balance[c])

        light.compute_root().vectorize(x, 8)
        color.compute_root().bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8)
        for output in (g.picture, g.precision):
            output.bound(c, 0, 3).vectorize(x, 8, hl.TailStrategy.GuardWithIf)


@hl.generator(name="reconstruct_place")
class ReconstructPlace:
    """Where the samples of a piece of a frame lie in the window, their light, and how much each counts.

    The piece begins at the frame's padded (left, top), even. `grid` is the displacement from the frame to the
    reference, at nodes CELL px apart. A sample counts by the precision of its colour where it lies, times the weight of
    its frame there; not at all if it is clipped, outside of the frame, or near the window's edge.
    """

    frame = hl.InputBuffer(hl.UInt(16), 2)
    black = hl.InputBuffer(hl.Float(32), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    clip = hl.InputBuffer(hl.Float(32), 2)
    balance = hl.InputBuffer(hl.Float(32), 1)
    grid = hl.InputBuffer(hl.Float(32), 3)
    agreement = hl.InputBuffer(hl.Float(32), 2)  # one value per AGREEMENT px of the reference, 0 ... 1
    precision = hl.InputBuffer(hl.Float(32), 3)
    pad = hl.InputScalar(hl.Int(32))
    left = hl.InputScalar(hl.Int(32))
    top = hl.InputScalar(hl.Int(32))
    window_left = hl.InputScalar(hl.Int(32))  # of the window in the padded reference
    window_top = hl.InputScalar(hl.Int(32))
    first_x = hl.InputScalar(hl.Int(32))  # the frame's pixels in `frame`, inclusive
    first_y = hl.InputScalar(hl.Int(32))
    last_x = hl.InputScalar(hl.Int(32))
    last_y = hl.InputScalar(hl.Int(32))
    place = hl.OutputBuffer(hl.Int(32), 2)
    value = hl.OutputBuffer(hl.Float(32), 2)
    weight = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        g = self
        ends, at = hl.Func("ends"), hl.Func("at")
        # Coordinates of the mosaic's quads: the padded ones less the padding.
        row = y + g.top - g.pad
        node_y = hl.clamp(hl.i32(hl.floor((hl.f32(row) + 0.5) / CELL)), 0, g.grid.dim(1).extent() - 2)
        fy = (hl.f32(row) + 0.5) / CELL - hl.f32(node_y)
        ends[n, y, c] = hl.lerp(g.grid[n, node_y, c], g.grid[n, node_y + 1, c], fy)
        column = x + g.left - g.pad
        node_x = hl.clamp(hl.i32(hl.floor((hl.f32(column) + 0.5) / CELL)), 0, g.grid.dim(0).extent() - 2)
        fx = (hl.f32(column) + 0.5) / CELL - hl.f32(node_x)
        shift = [ends[node_x, y, k] * (1.0 - fx) + ends[node_x + 1, y, k] * fx for k in (0, 1)]
        # In the window, to a step of the table.
        far = hl.f32(1e6)
        px = hl.clamp(hl.f32(column + g.pad - g.window_left) + shift[0], -far, far)
        py = hl.clamp(hl.f32(row + g.pad - g.window_top) + shift[1], -far, far)
        ux = hl.i32(hl.floor(px * PHASES + 0.5))
        uy = hl.i32(hl.floor(py * PHASES + 0.5))
        at[x, y] = hl.Tuple([ux, uy])
        ux, uy = at[x, y][0], at[x, y][1]
        width, height = g.precision.dim(0).extent(), g.precision.dim(1).extent()
        base_x, base_y = (ux >> 7) - (TAPS // 2 - 1), (uy >> 7) - (TAPS // 2 - 1)
        inside = (base_x >= 0) & (base_x <= width - LANES) & (base_y >= 0) & (base_y <= height - TAPS)
        keep_x, keep_y = hl.clamp(base_x, 0, width - LANES), hl.clamp(base_y, 0, height - TAPS)
        g.place[x, y] = keep_x | (keep_y << 9) | ((ux & 127) << 18) | ((uy & 127) << 25)

        fx_at = hl.clamp(x + g.left, 0, g.frame.dim(0).extent() - 1)
        fy_at = hl.clamp(y + g.top, 0, g.frame.dim(1).extent() - 1)
        dn = hl.f32(g.frame[fx_at, fy_at])
        i, j = x % 2, y % 2
        plane = hl.unsafe_promise_clamped(color_of(x, y), 0, 2)
        g.value[x, y] = (dn - g.black[i, j]) * g.scale[i, j] * g.balance[plane]
        seen = (
            inside & (x + g.left >= g.first_x) & (x + g.left <= g.last_x)
            & (y + g.top >= g.first_y) & (y + g.top <= g.last_y) & (dn < g.clip[i, j])
        )  # fmt: skip
        near_x = hl.clamp((ux + PHASES // 2) >> 7, 0, width - 1)
        near_y = hl.clamp((uy + PHASES // 2) >> 7, 0, height - 1)
        cell_x = hl.clamp((near_x + g.window_left - g.pad) / AGREEMENT, 0, g.agreement.dim(0).extent() - 1)
        cell_y = hl.clamp((near_y + g.window_top - g.pad) / AGREEMENT, 0, g.agreement.dim(1).extent() - 1)
        counts = g.precision[near_x, near_y, plane] * g.agreement[cell_x, cell_y]
        g.weight[x, y] = hl.select(seen, counts, hl.f32(0))

        for output in (g.place, g.value, g.weight):
            output.vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        ends.compute_root()
        at.compute_root().vectorize(x, 8)


def scatter(spread, start, strength, place, table):
    """spread = start + every sample's strength, spread over its taps."""
    spread[x, y, c] = start[x, y, c]
    piece = hl.RDom([(0, LANES), (0, TAPS), (0, place.dim(0).extent()), (0, place.dim(1).extent())])
    column, row, phase_x, phase_y = unpacked(place[piece.z, piece.w])
    column = hl.clamp(column, 0, start.dim(0).extent() - LANES)
    row = hl.clamp(row, 0, start.dim(1).extent() - TAPS)
    plane = hl.unsafe_promise_clamped(color_of(piece.z, piece.w), 0, 2)
    spread[column + piece.x, row + piece.y, plane] += (
        strength[piece.z, piece.w] * table[piece.y, phase_y] * table[piece.x, phase_x]
    )
    spread.bound(c, 0, 3).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    # The lanes are the taps of one row: no two write to the same place.
    update = spread.update().reorder(piece.x, piece.y, piece.z, piece.w).unroll(piece.y)
    update.allow_race_conditions().vectorize(piece.x)
    return piece


@hl.generator(name="reconstruct_normal")
class ReconstructNormal:
    """total = start + A' W (share * value - A picture): what a frame's samples pull the picture towards.

    A samples the picture where the frame's samples lie, each in its own colour, by `table` (taps, phases); W weighs.
    With a share of 0 this is the operator of the normal equations, negated.
    """

    picture = hl.InputBuffer(hl.Float(32), 3)
    start = hl.InputBuffer(hl.Float(32), 3)
    place = hl.InputBuffer(hl.Int(32), 2)
    value = hl.InputBuffer(hl.Float(32), 2)
    weight = hl.InputBuffer(hl.Float(32), 2)
    table = hl.InputBuffer(hl.Float(32), 2)
    share = hl.InputScalar(hl.Float(32))
    total = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        partial, seen, residual = hl.Func("partial"), hl.Func("seen"), hl.Func("residual")
        column, row, phase_x, phase_y = unpacked(g.place[x, y])
        column = hl.clamp(column, 0, g.picture.dim(0).extent() - LANES)
        row = hl.clamp(row, 0, g.picture.dim(1).extent() - TAPS)
        plane = hl.unsafe_promise_clamped(color_of(x, y), 0, 2)
        rows = [g.picture[column + tap, row + k, plane] * g.table[k, phase_y] for k in range(TAPS)]
        partial[tap, x, y] = sum(rows[1:], rows[0]) * g.table[tap, phase_x]
        along = hl.RDom([(0, LANES)])
        seen[x, y] = hl.f32(0)
        seen[x, y] += partial[along.x, x, y]
        residual[x, y] = g.weight[x, y] * (g.share * g.value[x, y] - seen[x, y])
        piece = scatter(g.total, g.start, residual, g.place, g.table)

        residual.compute_at(g.total, piece.w).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
        seen.compute_at(g.total, piece.w)
        seen.update().atomic().vectorize(along.x)
        partial.compute_at(seen, x).vectorize(tap).bound_extent(tap, LANES)
        g.table.dim(0).set_stride(1)


@hl.generator(name="reconstruct_diagonal")
class ReconstructDiagonal:
    """total = start + diagonal of A' W A; `table` holds the squares of the taps."""

    start = hl.InputBuffer(hl.Float(32), 3)
    place = hl.InputBuffer(hl.Int(32), 2)
    weight = hl.InputBuffer(hl.Float(32), 2)
    table = hl.InputBuffer(hl.Float(32), 2)
    total = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        scatter(self.total, self.start, self.weight, self.place, self.table)


@hl.generator(name="reconstruct_agreement")
class ReconstructAgreement:
    """How a frame differs from the reference, per cell of 8x8 px: [coarse, fine, activity], in units of the noise.

    difference : frame less reference by quad and plane (`burst_warp`), with a margin of `margin` quads. inverse_sigma :
    of tiles of 16 quads, 8 apart (`burst_sigma`). coarse : 16 times the mean square of the planes' means over the cell;
    fine : the mean square; activity : the reference's own variance in the cell.
    """

    difference = hl.InputBuffer(hl.Float(32), 3)
    inverse_sigma = hl.InputBuffer(hl.Float(32), 3)
    reference = hl.InputBuffer(hl.UInt(16), 2)
    scale = hl.InputBuffer(hl.Float(32), 2)
    margin = hl.InputScalar(hl.Int(32))
    pad = hl.InputScalar(hl.Int(32))
    cells = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        side = AGREEMENT // 2
        quads = hl.RDom([(0, side), (0, side)])
        column, row = side * x + quads.x, side * y + quads.y
        sums = hl.Func("sums")
        d = g.difference[column + g.margin, row + g.margin, c]
        light = hl.f32(g.reference[g.pad + 2 * column + c % 2, g.pad + 2 * row + c / 2]) * g.scale[c % 2, c / 2]
        zero = hl.f32(0)
        sums[x, y, c] = hl.Tuple([zero, zero, zero, zero])
        t = sums[x, y, c]
        sums[x, y, c] = hl.Tuple([t[0] + d, t[1] + d * d, t[2] + light, t[3] + light * light])
        count = side * side
        coarse, fine, activity = zero, zero, zero
        for p in range(4):
            t = sums[x, y, p]
            inverse = g.inverse_sigma[(side * x + side // 2 + 4) / 8, (side * y + side // 2 + 4) / 8, p]
            power = inverse * inverse * 0.25
            coarse += t[0] * t[0] * power * (1 / count)
            fine += t[1] * power * (1 / count)
            activity += (t[3] - t[2] * t[2] * (1 / count)) * power * (1 / (count - 1))
        g.cells[x, y, c] = hl.mux(c, [coarse, fine, activity])

        g.cells.bound(c, 0, 3).reorder(c, x, y).unroll(c).parallel(y, 8)
        sums.compute_at(g.cells, x).bound(c, 0, 4).unroll(c)
        sums.update().reorder(quads.x, quads.y, c, x, y).unroll(c)


if __name__ == "__main__":
    hl.main()
