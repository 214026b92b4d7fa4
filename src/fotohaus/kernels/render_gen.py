"""Scene-linear Rec. 2020 to encoded display RGB in one pass: exposure, tone, sharpening, gamut, transfer function."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.common_tables import BOUNDARY_UNIT, CURVE_HIGH, CURVE_LOW, CURVE_STEPS

LARGEST = 2.0**30
COLUMNS, BEYOND = 16, 64  # pixels between columns of maps in small, and those before the picture that they cover
TINT_UNIT = 2.0**-17
BOUNDARY_LIGHTS, TABLE_HUES = 128, 72  # entries of the gamut's boundary along lightness, of a look's table along hue


def finite(v):
    """The value with NaN as 0 and infinities as a large number; on bits, because float comparisons assume no NaN."""
    bits = hl.reinterpret(hl.UInt(32), v)
    magnitude = bits & hl.u32(0x7FFFFFFF)
    largest = hl.reinterpret(hl.UInt(32), f32(LARGEST))
    magnitude = hl.select(magnitude > hl.u32(0x7F800000), hl.u32(0), hl.min(magnitude, largest))
    return hl.reinterpret(hl.Float(32), magnitude | (bits & hl.u32(0x80000000)))


def cube_root(v):
    """Signed cube root to 1e-7 relative: an inverse cube root guessed from the bits, then two third-order steps."""
    a = hl.max(hl.abs(v), f32(1e-18))
    third = hl.i32(hl.f32(hl.reinterpret(hl.Int(32), a)) * f32(1 / 3))
    r = hl.reinterpret(hl.Float(32), hl.i32(0x54A2FA8C) - third)
    for _ in range(2):
        e = 1 - a * r * r * r
        r = r + r * e * (f32(1 / 3) + e * f32(2 / 9))
    root = a * r * r
    return hl.select(v < 0, -root, root)


# sRGB's curve, 1.055 v^(1 / 2.4) - 0.055, as a polynomial in the fourth root of v; good to 2e-6.
ENCODED = (-0.05964172, 0.14077650, 1.36022677, -0.83896778, 0.63877218, -0.30603850, 0.06487366)


def encode_srgb(v):
    """The sRGB transfer function (IEC 61966-2-1) of 0..1."""
    t = hl.sqrt(hl.sqrt(v))
    curved = f32(ENCODED[-1])
    for weight in ENCODED[-2::-1]:
        curved = curved * t + f32(weight)
    return hl.select(v <= f32(0.0031308), f32(12.92) * v, curved)


def table_position(v, low, high, steps):
    """Where a positive float lies in a table with `steps` entries per octave: (entry, fraction), from its bits."""
    shift = 23 - (steps.bit_length() - 1)
    first = (127 + low) << 23
    last = ((127 + high) << 23) - 1
    bits = hl.clamp(hl.reinterpret(hl.Int(32), hl.max(v, 0)), first, last) - first
    return bits >> shift, f32(bits & ((1 << shift) - 1)) * (1.0 / (1 << shift))


def lerp(a, b, t):
    """Linear interpolation."""
    return a + t * (b - a)


def between(pair, t):
    """Linear interpolation between two 16-bit numbers in one of 32 bits, the first in its lower half."""
    return lerp(f32(hl.i32(pair & hl.u32(0xFFFF))), f32(hl.i32(pair >> 16)), t)


def difference(a, b):
    """a - b; exactly 0 where they are equal, which the compiler can't spread over the sum that it goes into."""
    return hl.select(a == b, f32(0), a - b)


def about(matrix, row, v, pivot):
    """Row of a matrix whose rows sum to 1, as pivot + differences: exactly neutral for a neutral input."""
    first, second = (difference(v[i], v[pivot]) for i in range(3) if i != pivot)
    return v[pivot] + matrix[0, row] * first + matrix[1, row] * second


def bare(g):
    """Scene-linear light after exposure: (x, y, channel) to a value."""
    return lambda xx, yy, i: finite(g.pixels[xx, yy, i]) * g.gain


def in_place(g):
    """The same with what depends on the place in the picture: a lens's falloff, cos^4 of the angle, and glow."""

    def light(xx, yy, i):
        across, down = (f32(x) - g.centre_x) * g.falloff, (f32(yy) - g.centre_y) * g.falloff
        near = 1 + across * across + down * down
        return finite(g.pixels[xx, yy, i]) * (g.gain / (near * near)) + from_small(g, yy, i)

    return light


def from_small(g, yy, i):
    """A value of the maps in small at this column, which lie between their columns: a vector is between two of them."""
    left = (x + BEYOND) / COLUMNS
    return lerp(g.small[left, yy, i], g.small[left + 1, yy, i], f32((x + BEYOND) % COLUMNS) * f32(1 / COLUMNS))


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


def hue_turn(a, b):
    """0..4 once around, a monotone stand-in for the hue angle, from -90 degrees."""
    turn = b / (hl.abs(a) + hl.abs(b) + f32(1e-20))
    return hl.select(a < 0, 2 - turn, turn) + 1


def recoloured(g, light, a, b, n):
    """A colour in the look: chroma and lightness by hue, the restraint of strong colour, the tint."""
    hues, lights = g.hues.dim(1).extent(), g.hues.dim(2).extent() - 1
    hp, lp = hue_turn(a, b) * f32(hues) * 0.25, hl.clamp(light, 0, 1) * f32(lights)
    hi, li = hl.clamp(hl.i32(hp), 0, hues - 1), hl.clamp(hl.i32(lp), 0, lights - 1)
    change = []
    for i in range(3):
        near, far = (between(g.hues[i, hi, li + k], hp - f32(hi)) for k in (0, 1))
        change.append(lerp(near, far, lp - f32(li)) * g.hue_unit + g.hue_least)
    cosine, sine, lift = change
    light = light + hl.sqrt(a * a + b * b) * lift
    a, b = cosine * a - sine * b, sine * a + cosine * b
    held = 1 / hl.sqrt(1 + g.restraint * (a * a + b * b))
    i, t = table_position(n, CURVE_LOW, CURVE_HIGH, CURVE_STEPS)
    tint = [between(g.tints[k, i], t) * f32(TINT_UNIT) - f32(2**15 * TINT_UNIT) for k in (0, 1)]
    return light, held * a + tint[0], held * b + tint[1]


def binomial(f, dx, dy):
    """A blur by five values, so far apart."""
    near, far = f[x - dx, y - dy] + f[x + dx, y + dy], f[x - 2 * dx, y - 2 * dy] + f[x + 2 * dx, y + 2 * dy]
    return f32(0.375) * f[x, y] + f32(0.25) * near + f32(0.0625) * far


def textured(g, here, base, threshold):
    """What local contrast adds to lightness: detail over a fine base, unless it is noise or an edge, and the coarse."""
    detail = here - base
    square = detail * detail
    cored = detail * square / ((square + threshold * threshold + f32(1e-12)) * (1 + square * g.edge))
    return g.fine * cored + from_small(g, y, 3) * here - from_small(g, y, 4)


def rendered(g, looked, hdr=False):
    """The picture; in a look or, with nothing of what that takes, without; its HDR rendition, in linear light."""
    width, height = g.pixels.dim(0).extent(), g.pixels.dim(1).extent()
    light_at = in_place(g) if looked else bare(g)
    # Tables of a known shape: values at one entry, and at its neighbour, are then reached by one address.
    g.curve.dim(0).set_min(0)
    g.curve.dim(1).set_min(0).set_stride(4)
    g.boundary.dim(0).set_min(0)
    g.boundary.dim(1).set_min(0).set_stride(BOUNDARY_LIGHTS)
    if looked:
        g.tints.dim(0).set_min(0)
        g.tints.dim(1).set_min(0).set_stride(2)
        g.hues.dim(0).set_min(0)
        g.hues.dim(1).set_min(0).set_stride(4)
        g.hues.dim(2).set_min(0).set_stride(4 * TABLE_HUES)

    def norm(xx, yy):
        rgb = [light_at(xx, yy, i) for i in range(3)]
        return mixed(g, rgb) if looked else norm_of(rgb)

    lightness = hl.Func("lightness")
    xl = hl.likely(x) if looked else x
    lightness[x, y] = look_up(g, norm(hl.clamp(xl, 0, width - 1), hl.clamp(y, 0, height - 1)), 0)

    # Sharpening of lightness: unsharp mask, cored by the noise, held near the neighbourhood's range.
    def symmetric(f, dx, dy):
        return (
            g.blur[0] * f[x, y]
            + g.blur[1] * (f[x - dx, y - dy] + f[x + dx, y + dy])
            + g.blur[2] * (f[x - 2 * dx, y - 2 * dy] + f[x + 2 * dx, y + 2 * dy])
        )

    down, low_y, high_y = hl.Func("down"), hl.Func("low_y"), hl.Func("high_y")
    down[x, y] = symmetric(lightness, 0, 1)
    low_y[x, y] = hl.min(lightness[x, y - 1], lightness[x, y], lightness[x, y + 1])
    high_y[x, y] = hl.max(lightness[x, y - 1], lightness[x, y], lightness[x, y + 1])
    low = hl.min(low_y[x - 1, y], low_y[x, y], low_y[x + 1, y])
    high = hl.max(high_y[x - 1, y], high_y[x, y], high_y[x + 1, y])
    # A look's vectors begin at multiples of 16, and the last may reach beyond the picture.
    xh = hl.clamp(hl.likely(x), 0, width - 1) if looked else x
    n = norm(xh, y)
    here = lightness[x, y]
    detail = here - symmetric(down, 1, 0)
    threshold = g.coring * g.curve[3, table_position(n, CURVE_LOW, CURVE_HIGH, CURVE_STEPS)[0]]
    cored = detail * detail * detail / (detail * detail + threshold * threshold + f32(1e-12))
    room = g.overshoot * (high - low)
    change = hl.clamp(here + g.sharpen * cored, low - room, high + room) - here

    if looked:
        # The fine base: blurred twice, as an undecimated wavelet is.
        down_once, down_twice, across = (hl.Func(name) for name in ("down_once", "down_twice", "across"))
        down_once[x, y] = binomial(lightness, 0, g.first)
        down_twice[x, y] = binomial(down_once, 0, g.second)
        across[x, y] = binomial(down_twice, g.first, 0)
        change += textured(g, here, binomial(across, g.second, 0), threshold)
        change += g.grain_amount * hl.max(here * (1 - here), 0) * f32(g.grain[xh, y])

    # Tone: a straight line in Oklab from the colour, scaled, to the neutral of the same norm.
    rgb = [light_at(xh, y, i) for i in range(3)]
    lms = [cube_root(about(g.to_lms, row, rgb, 1)) for row in range(3)]
    dm, ds = difference(lms[1], lms[0]), difference(lms[2], lms[0])
    scale, keep = look_up(g, n, 1), look_up(g, n, 2)
    colour = scale * keep
    a = colour * (g.to_lab[0, 1] * dm + g.to_lab[1, 1] * ds)
    bb = colour * (g.to_lab[0, 2] * dm + g.to_lab[1, 2] * ds)
    light = colour * (lms[0] + g.to_lab[0, 0] * dm + g.to_lab[1, 0] * ds) + (1 - keep) * here
    if looked:
        light, a, bb = recoloured(g, light, a, bb, n)
    light = light + change
    mapping = g.knee >= 0
    light = hl.max(light, 0)
    light = hl.select(mapping, hl.min(light, 1), light)

    if hdr:
        # As seen against a white that is above display white; what that takes is given back to the light at last.
        room = look_up(g, n, 0, g.shine)
        light, a, bb = light * room, a * room, bb * room

    # Gamut: chroma compressed towards the boundary at the same hue and lightness.
    chroma = hl.sqrt(a * a + bb * bb)
    hues, lights = g.boundary.dim(1).extent() - 1, g.boundary.dim(0).extent()
    hp = hue_turn(a, bb) * f32(hues) * 0.25
    hi = hl.clamp(hl.i32(hp), 0, hues - 1)
    lp = hl.min(light, 1) * f32(lights)
    li = hl.clamp(hl.i32(lp), 0, lights - 1)
    near, far = (between(g.boundary[li, hi + i], lp - f32(li)) for i in (0, 1))
    limit = f32(BOUNDARY_UNIT) * lerp(near, far, hp - f32(hi))
    share = chroma / hl.max(limit, f32(1e-7))
    beyond = hl.max(share - g.knee, 0) / (1 - g.knee)
    compressed = hl.min(share, g.knee) + (1 - g.knee) * beyond / (1 + beyond)
    factor = hl.select(mapping & (share > g.knee), compressed / hl.max(share, f32(1e-7)), 1)
    a, bb = a * factor, bb * factor

    cubes = []
    for row in range(3):
        v = light + g.from_lab[0, row] * a + g.from_lab[1, row] * bb
        cubes.append(v * v * v)

    # A Func, so that what comes before it is not made once for each channel of the display.
    light_of = hl.Func("light_of")
    light_of[x, y] = tuple(cubes)
    cubes = light_of[x, y]
    pixel = hl.Func("pixel")
    shown = [hl.clamp(about(g.to_display, row, cubes, 0), 0, 1) for row in range(3)]
    if hdr:
        factor = look_up(g, n, 1, g.shine)
        pixel[x, y] = tuple(factor * about(g.to_output, row, shown, 0) for row in range(3))
    else:
        pixel[x, y] = tuple(hl.u16(encode_srgb(v) * 65535 + 0.5) for v in shown)
    done = pixel[x, y]
    g.picture[x, y, c] = hl.mux(c, [done[0], done[1], done[2]])

    # Strips of rows in parallel; inside a strip, the neighbourhood slides down row by row.
    g.picture.output_buffer().dim(0).set_stride(3)
    g.picture.output_buffer().dim(2).set_stride(1).set_bounds(0, 3)
    xo, yo, vector = hl.Var("xo"), hl.Var("yo"), 16
    tail = hl.TailStrategy.GuardWithIf
    (
        g.picture.reorder(c, x, y)
        .bound(c, 0, 3)
        .unroll(c)
        .split(y, yo, y, strip_of(g.picture.output_buffer().dim(1).extent(), 128), tail)
        .parallel(yo)
        .split(x, xo, x, vector, tail)
        .reorder(c, x, xo, y, yo)
        .vectorize(x)
    )
    for f in (pixel, light_of):
        f.compute_at(g.picture, xo).vectorize(x, vector).bound_storage(x, vector).store_in(hl.MemoryType.Stack)
    for f in (down, low_y, high_y):
        f.compute_at(g.picture, y).vectorize(x, vector)
    if not looked:
        lightness.store_at(g.picture, yo).compute_at(g.picture, y).vectorize(x, vector)
    else:
        # How many rows the blurs reach over is not known here: rows of a whole strip are made at once.
        g.picture.output_buffer().dim(0).set_min(0)
        for f in (lightness, light_of, pixel):
            f.align_bounds(x, vector)
        for f in (lightness, down_once):
            f.compute_at(g.picture, yo).vectorize(x, vector)
        for f in (down_twice, across):
            f.compute_at(g.picture, y).vectorize(x, vector)


class Rendered:
    """Planar Scene in, interleaved uint16 out.

    curve[channel, entry] : 0 lightness of the tone-mapped norm, 1 factor on cube roots, 2 share of colour that is kept,
        3 lightness noise (deviation); boundary[lightness, hue] : largest Oklab chroma of the display's gamut
        at this and at the next lightness, a number of 16 bits each.
    Matrices [column, row] leave out the column that the others' differences are taken to.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    gain = hl.InputScalar(hl.Float(32))
    curve = hl.InputBuffer(hl.Float(32), 2)
    boundary = hl.InputBuffer(hl.UInt(32), 2)
    to_lms = hl.InputBuffer(hl.Float(32), 2)
    to_lab = hl.InputBuffer(hl.Float(32), 2)
    from_lab = hl.InputBuffer(hl.Float(32), 2)
    to_display = hl.InputBuffer(hl.Float(32), 2)
    knee = hl.InputScalar(hl.Float(32))  # share of the boundary where compression begins; negative: clip instead
    sharpen = hl.InputScalar(hl.Float(32))
    overshoot = hl.InputScalar(hl.Float(32))
    coring = hl.InputScalar(hl.Float(32))
    blur = hl.InputBuffer(hl.Float(32), 1)  # weights at distance 0, 1, 2


@hl.generator(name="render")
class Render(Rendered):
    """A picture without a look, or in one that is but a curve."""

    picture = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        rendered(self, False)


class Looked(Rendered):
    """What a look takes.

    tints[i, entry] : a and b that the look adds, over the norm; 16 bits here, 16 at the next entry.
    hues[i, hue, lightness] : chroma's factor times cosine and sine of the turn, and lightness for each unit of chroma;
        16 bits at this hue and at the next.
    small[column, y, i] : red, green, blue of the glow, then factor and offset of coarse detail; a column for every 16
        pixels, the first of them 64 before the picture. grain[x, y] : the grain.
    first, second : distances of the values of the two blurs that make the base of fine detail, in px.
    """

    centre_x = hl.InputScalar(hl.Float(32))
    centre_y = hl.InputScalar(hl.Float(32))
    falloff = hl.InputScalar(hl.Float(32))  # tangent of the angle, for each pixel from the centre
    small = hl.InputBuffer(hl.Float(32), 3)
    mono = hl.InputScalar(hl.Float(32))
    mix = hl.InputBuffer(hl.Float(32), 1)
    first = hl.InputScalar(hl.Int(32))
    second = hl.InputScalar(hl.Int(32))
    fine = hl.InputScalar(hl.Float(32))
    edge = hl.InputScalar(hl.Float(32))  # one over the squared detail from which on it counts as an edge
    grain = hl.InputBuffer(hl.Int(8), 2)
    grain_amount = hl.InputScalar(hl.Float(32))
    tints = hl.InputBuffer(hl.UInt(32), 2)
    hues = hl.InputBuffer(hl.UInt(32), 3)
    hue_unit = hl.InputScalar(hl.Float(32))
    hue_least = hl.InputScalar(hl.Float(32))
    restraint = hl.InputScalar(hl.Float(32))


@hl.generator(name="render_look")
class RenderLook(Looked):
    """A picture in a look."""

    picture = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        rendered(self, True)


@hl.generator(name="render_hdr")
class RenderHdr(Looked):
    """The HDR rendition of a picture in a look, in linear light, SDR white being 1.

    shine[i, entry] : over the norm, lightness's factor before the gamut mapping, and that of light after it.
    to_output : from the display's primaries to those of the output.
    """

    shine = hl.InputBuffer(hl.Float(32), 2)
    to_output = hl.InputBuffer(hl.Float(32), 2)
    picture = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        rendered(self, True, hdr=True)


if __name__ == "__main__":
    hl.main()
