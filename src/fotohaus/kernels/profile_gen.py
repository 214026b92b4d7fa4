"""Camera profiles: tables over hue, saturation and value, gain tables, tone curve and RGB tables, pixel by pixel.

All take linear Rec. 2020 (the first also camera values) and give linear Rec. 2020; the space in which the table holds
lies between two matrices. Output may be the input. A matrix whose rows sum to 1 comes without its green column, see
`about`, so that neutrals stay neutral.
"""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, x, y

ALPHA, BETA = 1.0992968268094429, 0.0180539685108078  # transfer function of ITU-R BT.2020


def about_green(matrix, rgb):
    """A matrix whose rows sum to 1 on a pixel: green, and differences to green."""
    dr, db = rgb[0] - rgb[1], rgb[2] - rgb[1]
    return [rgb[1] + matrix[0, row] * dr + matrix[1, row] * db for row in range(3)]


def pixel_of(buffer):
    """The pixel at (x, y)."""
    return [buffer[x, y, i] for i in range(3)]


def split(position, last):
    """Entry and fraction of a position in a table whose last entry is `last`; entry + 1 exists where last > 0."""
    low = hl.clamp(hl.i32(position), 0, hl.max(last - 1, 0))
    return low, position - f32(low)


def compress(v):
    """ProfileDynamicRange's encoding f(x), for values from 0 on."""
    return v * (256 + v) / (256 * (1 + v))


def expand(v):
    """The inverse of `compress`."""
    # 16 (8 v - 8 + sqrt(...)) without the cancellation near 0.
    return 16 * v / (hl.sqrt(hl.max(64 * v * v - 127 * v + 64, 0)) + 8 * (1 - v))


def srgb_encode(v):
    """IEC 61966-2-1, continued above 1."""
    return hl.select(
        v <= f32(0.0031308), f32(12.92) * v, f32(1.055) * hl.pow(hl.max(v, f32(1e-6)), f32(1 / 2.4)) - 0.055
    )


def srgb_decode(v):
    """The inverse of `srgb_encode`."""
    power = hl.pow((hl.max(v, f32(1e-3)) + f32(0.055)) / f32(1.055), f32(2.4))
    return hl.select(v <= f32(0.04045), v / f32(12.92), power)


def to_hsv(rgb):
    """Hue (0 to 6), saturation and value of linear RGB that is nowhere negative."""
    r, g, b = rgb
    value = hl.max(r, g, b)
    range_ = value - hl.min(r, g, b)
    over = 1 / hl.select(range_ > 0, range_, 1)
    hue = hl.select(
        value == r,
        hl.select(g < b, 6, 0) + (g - b) * over,
        hl.select(value == g, 2 + (b - r) * over, 4 + (r - g) * over),
    )
    return hl.select(range_ > 0, hue, 0), hl.select(value > 0, range_ / hl.max(value, f32(1e-30)), 0), value


def to_rgb(hue, saturation, value):
    """Linear RGB of a hue (any number, 6 to the turn), a saturation and a value."""
    amount = value * saturation
    out = []
    for start in (5, 3, 1):
        turn = (hue + start) / 6
        k = 6 * (turn - hl.floor(turn))
        out.append(value - amount * hl.clamp(hl.min(k, 4 - k), 0, 1))
    return out


def shifts_at(table, hue, saturation, value):
    """Hue shift (degrees) and factors of saturation and value, trilinear; bilinear if `value` is None."""
    hues, saturations = table.dim(1).extent(), table.dim(0).extent()
    hp = hue * f32(hues) / 6
    h0 = hl.clamp(hl.i32(hp), 0, hues - 1)
    h1 = hl.clamp(hl.select(h0 == hues - 1, 0, h0 + 1), 0, hues - 1)
    ht = hp - f32(h0)
    s0, st = split(saturation * f32(saturations - 1), saturations - 1)

    def plane(v, i):
        low = hl.lerp(table[s0, h0, v, i], table[s0, h1, v, i], ht)
        return low + st * (hl.lerp(table[s0 + 1, h0, v, i], table[s0 + 1, h1, v, i], ht) - low)

    if value is None:
        return [plane(0, i) for i in range(3)]
    values = table.dim(2).extent()
    v0, vt = split(hl.clamp(value, 0, 1) * f32(values - 1), values - 1)
    return [plane(v0, i) + vt * (plane(v0 + 1, i) - plane(v0, i)) for i in range(3)]


def schedule(output, result):
    """Whole pixels in vectors, rows in parallel.

    Rows are not split: a loop's remainder is code of its own, whose last bits would depend on where a strip begins.
    """
    pixel = hl.Func("pixel")
    pixel[x, y] = tuple(result)
    output[x, y, c] = hl.mux(c, [pixel[x, y][i] for i in range(3)])
    xo = hl.Var("xo")
    (
        output.bound(c, 0, 3)
        .split(x, xo, x, 8, hl.TailStrategy.GuardWithIf)
        .reorder(x, c, xo, y)
        .vectorize(x)
        .unroll(c)
        .parallel(y)
    )
    pixel.compute_at(output, xo).vectorize(x, 8, hl.TailStrategy.GuardWithIf)


def map_in_prophoto(kernel, changed):
    """The kernel's pixels with `changed` applied to them in linear ProPhoto, which it sees nowhere negative.

    The tables are table[saturation, hue, value, i] : hue shift in degrees, factor of saturation, factor of value.
    """
    inside = about_green(kernel.to_prophoto, pixel_of(kernel.pixels))
    kept = [hl.max(v, 0) for v in inside]
    # What lies outside of ProPhoto (noise in the shadows, mostly) is carried past the table: clipping it would lift
    # the shadows.
    rgb = [new + (old - positive) for new, old, positive in zip(changed(kept), inside, kept, strict=True)]
    return [v * kernel.gain for v in about_green(kernel.from_prophoto, rgb)]


@hl.generator(name="profile_hue_sat")
class ProfileHueSat:
    """A table without value divisions; the result holds at every exposure."""

    pixels = hl.InputBuffer(hl.Float(32), 3)
    to_prophoto = hl.InputBuffer(hl.Float(32), 2)
    from_prophoto = hl.InputBuffer(hl.Float(32), 2)
    gain = hl.InputScalar(hl.Float(32))
    table = hl.InputBuffer(hl.Float(32), 4)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        def changed(rgb):
            hue, saturation, value = to_hsv(rgb)
            shift, factor, scale = shifts_at(self.table, hue, saturation, None)
            return to_rgb(hue + shift / 60, hl.min(saturation * factor, 1), value * scale)

        schedule(self.out, map_in_prophoto(self, changed))


@hl.generator(name="profile_hue_sat_value")
class ProfileHueSatValue:
    """A table over value, too: with value in sRGB's encoding if `encoded`; of an HDR profile if `hdr`."""

    pixels = hl.InputBuffer(hl.Float(32), 3)
    to_prophoto = hl.InputBuffer(hl.Float(32), 2)
    from_prophoto = hl.InputBuffer(hl.Float(32), 2)
    gain = hl.InputScalar(hl.Float(32))
    encoded = hl.InputScalar(hl.Int(32))
    hdr = hl.InputScalar(hl.Int(32))
    table = hl.InputBuffer(hl.Float(32), 4)
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        def changed(rgb):
            wide, curved = self.hdr != 0, self.encoded != 0
            hue, saturation, value = to_hsv([hl.select(wide, compress(v), v) for v in rgb])
            place = hl.select(curved, srgb_encode(value), value)
            shift, factor, scale = shifts_at(self.table, hue, saturation, place)
            place = place * scale
            value = hl.select(curved, srgb_decode(place), place)
            new = to_rgb(hue + shift / 60, hl.min(saturation * factor, 1), value)
            return [hl.select(wide, expand(hl.max(v, 0)), v) for v in new]

        schedule(self.out, map_in_prophoto(self, changed))


@hl.generator(name="profile_gain_table")
class ProfileGainTable:
    """ProfileGainTableMap: a gain for each pixel, from tables on a grid.

    gains[entry, column, row]; the pixel (x, y) lies at column origin_x + step_x * x of the grid, and row likewise.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    to_prophoto = hl.InputBuffer(hl.Float(32), 2)
    gains = hl.InputBuffer(hl.Float(32), 3)
    weights = hl.InputBuffer(hl.Float(32), 1)
    gamma = hl.InputScalar(hl.Float(32))
    origin_x = hl.InputScalar(hl.Float(32))
    origin_y = hl.InputScalar(hl.Float(32))
    step_x = hl.InputScalar(hl.Float(32))
    step_y = hl.InputScalar(hl.Float(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        pixel = pixel_of(self.pixels)
        rgb = about_green(self.to_prophoto, pixel)
        parts = [*rgb, hl.min(*rgb), hl.max(*rgb)]
        key = hl.clamp(sum((self.weights[i] * v for i, v in enumerate(parts)), f32(0)), 0, 1)
        key = hl.select(self.gamma == 1, key, hl.pow(hl.max(key, f32(1e-20)), self.gamma))
        entries = self.gains.dim(0).extent()

        def along(position, count):
            place = hl.clamp(position, 0, f32(count - 1))
            low = hl.i32(place)
            return low, hl.min(low + 1, count - 1), place - f32(low)

        # Over the number of entries, not of steps: DNG 1.7.1, "multiply the table input value by MapPointsN".
        e0, e1, et = along(key * f32(entries), entries)
        x0, x1, xt = along(f32(x) * self.step_x + self.origin_x, self.gains.dim(1).extent())
        y0, y1, yt = along(f32(y) * self.step_y + self.origin_y, self.gains.dim(2).extent())

        def at(column, row):
            return hl.lerp(self.gains[e0, column, row], self.gains[e1, column, row], et)

        gain = hl.lerp(hl.lerp(at(x0, y0), at(x1, y0), xt), hl.lerp(at(x0, y1), at(x1, y1), xt), yt)
        schedule(self.out, [v * gain for v in pixel])


@hl.generator(name="profile_tone")
class ProfileTone:
    """A tone curve on the largest and the smallest of R, G and B in ProPhoto; the middle one keeps its place between.

    curve[entry] : output for inputs from 0 to 1, evenly; beyond, a line of `slope` goes on if `hdr`.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    to_prophoto = hl.InputBuffer(hl.Float(32), 2)
    from_prophoto = hl.InputBuffer(hl.Float(32), 2)
    curve = hl.InputBuffer(hl.Float(32), 1)
    slope = hl.InputScalar(hl.Float(32))
    hdr = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        wide = self.hdr != 0
        rgb = []
        for v in about_green(self.to_prophoto, pixel_of(self.pixels)):
            positive = hl.max(v, 0)
            rgb.append(hl.select(wide, compress(positive), hl.min(positive, 1)))
        last = self.curve.dim(0).extent() - 1

        def toned(v):
            i, t = split(hl.min(v, 1) * f32(last), last)
            return hl.lerp(self.curve[i], self.curve[i + 1], t) + hl.max(v - 1, 0) * self.slope

        high, low = hl.max(*rgb), hl.min(*rgb)
        new_high, new_low = toned(high), toned(low)
        ratio = (new_high - new_low) / hl.select(high > low, high - low, 1)
        new = [new_low + (v - low) * ratio for v in rgb]
        new = [hl.select(wide, expand(hl.max(v, 0)), v) for v in new]
        schedule(self.out, about_green(self.from_prophoto, new))


@hl.generator(name="profile_rgb_table")
class ProfileRgbTable:
    """out = base + weight * (T(pixels) - pixels) for one table T of RGBTables, tetrahedral.

    table[blue, green, red, i]; weight : (H, W), or (1, 1) for all pixels. gamma : 0 linear, 1 sRGB, 2 a power of
    `power`, 3 Rec. 2020. extend : whether what lies outside the table's gamut is added to its result again.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    base = hl.InputBuffer(hl.Float(32), 3)
    weight = hl.InputBuffer(hl.Float(32), 2)
    to_table = hl.InputBuffer(hl.Float(32), 2)
    from_table = hl.InputBuffer(hl.Float(32), 2)
    table = hl.InputBuffer(hl.Float(32), 4)
    gamma = hl.InputScalar(hl.Int(32))
    power = hl.InputScalar(hl.Float(32))
    extend = hl.InputScalar(hl.Int(32))
    hdr = hl.InputScalar(hl.Int(32))
    out = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        wide = self.hdr != 0
        pixel = pixel_of(self.pixels)
        free = [hl.select(wide, compress(hl.max(v, 0)), v) for v in about_green(self.to_table, pixel)]
        held = [hl.clamp(v, 0, 1) for v in free]
        last = self.table.dim(0).extent() - 1
        places = [split(self.curved(v) * f32(last), last) for v in held]
        (r0, rt), (g0, gt), (b0, bt) = places
        # Of the six tetrahedra of the cell: along the axes in the order of their fractions.
        first, third = hl.max(rt, gt, bt), hl.min(rt, gt, bt)
        second = hl.max(hl.min(rt, gt), hl.min(hl.max(rt, gt), bt))
        red_1, green_1 = (rt >= gt) & (rt >= bt), (gt > rt) & (gt >= bt)
        blue_1 = ~(red_1 | green_1)
        blue_3 = (bt <= rt) & (bt <= gt) & ~blue_1
        green_3 = ~blue_3 & ~green_1 & (gt <= rt) & (gt <= bt)
        red_3 = ~blue_3 & ~green_3

        def entry(r, g, b, i):
            return self.table[b0 + hl.i32(b), g0 + hl.i32(g), r0 + hl.i32(r), i]

        new = []
        for i in range(3):
            value = (
                (1 - first) * self.table[b0, g0, r0, i]
                + (first - second) * entry(red_1, green_1, blue_1, i)
                + (second - third) * entry(~red_3, ~green_3, ~blue_3, i)
                + third * self.table[b0 + 1, g0 + 1, r0 + 1, i]
            )
            value = self.straight(value) + hl.select(self.extend != 0, free[i] - held[i], 0)
            new.append(hl.select(wide, expand(hl.max(value, 0)), value))
        new = about_green(self.from_table, new)
        columns, rows = self.weight.dim(0).extent(), self.weight.dim(1).extent()
        weight = self.weight[hl.clamp(x, 0, columns - 1), hl.clamp(y, 0, rows - 1)]
        base = pixel_of(self.base)
        schedule(self.out, [b + weight * (n - p) for b, n, p in zip(base, new, pixel, strict=True)])

    def curved(self, v):
        """A value from 0 to 1 in the table's encoding."""
        safe = hl.max(v, f32(1e-9))
        rec2020 = hl.select(v <= f32(BETA), f32(4.5) * v, f32(ALPHA) * hl.pow(safe, f32(0.45)) - f32(ALPHA - 1))
        power = hl.select(v > 0, hl.pow(safe, 1 / self.power), 0)
        return hl.clamp(
            hl.select(self.gamma == 0, v, self.gamma == 1, srgb_encode(v), self.gamma == 2, power, rec2020), 0, 1
        )

    def straight(self, v):
        """The inverse of `curved`."""
        safe = hl.max(v, f32(1e-9))
        lifted = hl.pow((hl.max(v, f32(1e-3)) + f32(ALPHA - 1)) / f32(ALPHA), f32(1 / 0.45))
        rec2020 = hl.select(v <= f32(4.5 * BETA), v / f32(4.5), lifted)
        power = hl.select(v > 0, hl.pow(safe, self.power), 0)
        return hl.select(self.gamma == 0, v, self.gamma == 1, srgb_decode(v), self.gamma == 2, power, rec2020)


if __name__ == "__main__":
    hl.main()
