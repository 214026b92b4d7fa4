"""Scene-linear light of a picture as a look's curve takes it: what does so at every place, for several generators."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import x, y
from fotohaus.kernels.common_tables import CURVE_HIGH, CURVE_LOW, CURVE_STEPS

LARGEST = 2.0**30
COLUMNS, BEYOND = 16, 128  # pixels between columns of maps in small, and those before the picture that they cover
TONE_LEVELS = 48  # of local tone's grid
OCTAVES = TONE_LEVELS - 1  # of light from one of them to the next
GAIN_UNIT = 2.0**-12  # last bit of local tone's gains in a row of pixels


def finite(v):
    """The value with NaN as 0 and infinities as a large number; on bits, because float comparisons assume no NaN."""
    bits = hl.reinterpret(hl.UInt(32), v)
    magnitude = bits & hl.u32(0x7FFFFFFF)
    largest = hl.reinterpret(hl.UInt(32), f32(LARGEST))
    magnitude = hl.select(magnitude > hl.u32(0x7F800000), hl.u32(0), hl.min(magnitude, largest))
    return hl.reinterpret(hl.Float(32), magnitude | (bits & hl.u32(0x80000000)))


def positive(v):
    """The value, at least 0 and at most a large number; NaN is 0."""
    bits = hl.reinterpret(hl.Int(32), v)
    bits = hl.select(bits > hl.i32(0x7F800000), hl.i32(0), bits)
    return hl.reinterpret(hl.Float(32), hl.clamp(bits, 0, hl.reinterpret(hl.Int(32), f32(LARGEST))))


def table_position(v, low, high, steps):
    """Where a positive float lies in a table with `steps` entries per octave: (entry, fraction), from its bits."""
    shift = 23 - (steps.bit_length() - 1)
    first = (127 + low) << 23
    last = ((127 + high) << 23) - 1
    bits = hl.clamp(hl.reinterpret(hl.Int(32), hl.max(v, 0)), first, last) - first
    return bits >> shift, f32(bits & ((1 << shift) - 1)) * (1.0 / (1 << shift))


def nearest(position, entries):
    """The entry of a table that is nearest to a position of 0..1."""
    return hl.clamp(hl.i32(position * f32(entries - 1) + 0.5), 0, entries - 1)


def fields(entry, widths):
    """The numbers that an entry of 32 bits holds."""
    found, low = [], 0
    for width in widths:
        found.append(f32(hl.i32((entry >> low) & hl.u32((1 << width) - 1))))
        low += width
    return found


def lerp(a, b, t):
    """Linear interpolation."""
    return a + t * (b - a)


def between(pair, t):
    """Linear interpolation between two 16-bit numbers in one of 32 bits, the first in its lower half."""
    return lerp(f32(hl.i32(pair & hl.u32(0xFFFF))), f32(hl.i32(pair >> 16)), t)


def within(cell, along, across):
    """Interpolation between four 16-bit numbers in one of 64 bits: the first two and the last two, and these."""
    near, far = between(hl.u32(cell), along), between(hl.u32(cell >> 32), along)
    return lerp(near, far, across)


def norm_of(rgb):
    """Root of the luminance-weighted mean of squares. Smooth, 1 for white, larger than Y for pure colours."""
    r, gr, b = (hl.max(v, 0) for v in rgb)
    return hl.sqrt(f32(0.2627) * r * r + f32(0.6780) * gr * gr + f32(0.0593) * b * b)


def mixed(g, rgb):
    """The norm, or on the way to it a mix of channels for black and white."""
    r, gr, b = (hl.max(v, 0) for v in rgb)
    n = norm_of(rgb)
    return n + g.mono * (hl.max(g.mix[0] * r + g.mix[1] * gr + g.mix[2] * b, 0) - n)


def look_up(g, n, channel, table=None):
    """A value of the curve's table over the norm, or of another such table."""
    table = g.curve if table is None else table
    i, t = table_position(n, CURVE_LOW, CURVE_HIGH, CURVE_STEPS)
    return lerp(table[channel, i], table[channel, i + 1], t)


class Place:
    """What depends on the place in the picture: maps in small and the grid of local tone, at a row; the light there.

    column, row : of the pixels, for x and y of the output; by default those themselves. A row's maps and grid are Funcs
    of y, to be scheduled.
    """

    def __init__(self, g, column=x, row=y):
        self.g, self.column, self.row = g, column, f32(row)
        for buffer in (g.small, g.tone):
            for i in range(3):
                buffer.dim(i).set_min(0)
        i, k, j = hl.Var("i"), hl.Var("k"), hl.Var("j")
        row_of_all = self.row + f32(g.top)
        self.maps, self.levels, self.grid = hl.Func("maps"), hl.Func("levels"), hl.Func("grid")
        rows = g.small.dim(1).extent()
        v = hl.clamp((row_of_all + 0.5) * g.small_per_row - 0.5, 0, f32(rows - 1))
        row = hl.clamp(hl.i32(v), 0, hl.max(rows - 2, 0))
        below = hl.min(row + 1, rows - 1)
        self.maps[x, i, y] = lerp(g.small[x, row, i], g.small[x, below, i], v - f32(row))
        # Gains of a level and of the next, 16 bits each, and then those of the next column, too.
        rows = g.tone.dim(2).extent()
        v = (row_of_all + 0.5) * g.tone_per_row
        row = hl.clamp(hl.i32(v), 0, rows - 2)
        pair = [
            hl.u32(hl.i32(lerp(g.tone[k + n, j, row], g.tone[k + n, j, row + 1], v - f32(row)) * f32(1 / GAIN_UNIT)))
            for n in (0, 1)
        ]
        self.levels[k, j, y] = pair[0] | (pair[1] << 16)
        self.grid[k, j, y] = hl.u64(self.levels[k, j, y]) | (hl.u64(self.levels[k, j + 1, y]) << 32)
        self.of_row = self.maps, self.levels, self.grid

    def small(self, i):
        """A map at this column, between those that it has: a vector of an output's columns lies between two of them."""
        whole = hl.i32(self.column) + BEYOND
        left = whole / COLUMNS
        near, far = self.maps[left, i, y], self.maps[left + 1, i, y]
        share = f32(whole % COLUMNS) if self.column is x else self.column + BEYOND - f32(left * COLUMNS)
        return near + share * ((far - near) * f32(1 / COLUMNS))

    def gain(self, rgb, steps=None):
        """The gain of exposure, local tone, and a lens's falloff, cos^4 of the angle, for light before it."""
        g = self.g
        r, gr, b = rgb
        square = f32(0.2627) * r * r + f32(0.6780) * gr * gr + f32(0.0593) * b * b + g.tone_floor
        # A level is an octave of the square; the logarithm within one is nearly a parabola.
        octave, t = table_position(square * g.tone_scale, 0, OCTAVES, 1)
        t = t * (1 + f32(0.3437) - f32(0.3437) * t)
        u = hl.max((f32(self.column) + 0.5) * g.tone_per_column, 0)
        j = hl.min(hl.i32(u), g.tone.dim(1).extent() - 2)
        u = u - f32(j)
        if steps is None:
            cell = self.grid[octave, j, y]
        else:
            places = [(j * OCTAVES + octave, (g.tone.dim(1).extent() - 1) * OCTAVES)]
            t, u, at = steps.step("level", t, u, places=places)
            (cell,) = steps.looked_up("gains", self.grid[at % OCTAVES, at / OCTAVES, y])
        across, down = (f32(self.column) - g.centre_x) * g.falloff, (self.row - g.centre_y) * g.falloff
        cosine = 1 + across * across + down * down
        return within(cell, t, u) * (f32(GAIN_UNIT) * g.gain) / (cosine * cosine)

    def light(self, rgb, gain):
        """Scene-linear light after exposure, with what lamps spread."""
        return [v * gain + self.small(i) for i, v in enumerate(rgb)]


class Placed:
    """What `Place` takes.

    small[column, row, i] : red, green, blue of the glow, then factor and offset of coarse detail; a column for every 16
        pixels, the first of them 128 before the picture. top : the first row's number in the picture, where maps lie at
        rows small_per_row apart. centre_x, centre_y : the picture's, rows counted from the first.
    tone[level, column, row] : gain of local tone at nodes that are evenly spread over the picture, the first and
        last on its border. Levels are where the square of the norm of light before exposure, plus tone_floor, times
        tone_scale is 1, 2, 4 ...
    """

    top = hl.InputScalar(hl.Int(32))
    centre_x = hl.InputScalar(hl.Float(32))
    centre_y = hl.InputScalar(hl.Float(32))
    falloff = hl.InputScalar(hl.Float(32))  # tangent of the angle, for each pixel from the centre
    small = hl.InputBuffer(hl.Float(32), 3)
    small_per_row = hl.InputScalar(hl.Float(32))
    tone = hl.InputBuffer(hl.Float(32), 3)
    tone_per_column = hl.InputScalar(hl.Float(32))
    tone_per_row = hl.InputScalar(hl.Float(32))
    tone_floor = hl.InputScalar(hl.Float(32))
    tone_scale = hl.InputScalar(hl.Float(32))
