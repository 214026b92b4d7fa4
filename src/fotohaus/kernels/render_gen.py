"""Scene-linear Rec. 2020 to encoded display RGB in one pass: exposure, tone, sharpening, gamut, transfer function."""

from typing import Any

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.common_tables import BOUNDARY_UNIT, CURVE_HIGH, CURVE_LOW, CURVE_STEPS
from fotohaus.kernels.display_color import about, cube_root, difference, encode_srgb, hue_turn, inverse_cube_root
from fotohaus.kernels.light_in_place import (
    Place,
    Placed,
    between,
    fields,
    finite,
    lerp,
    look_up,
    mixed,
    nearest,
    norm_of,
    positive,
    table_position,
    within,
)
from fotohaus.kernels.steps import Steps

TINT_UNIT = 2.0**-17
KEEP_UNIT = 1 / 65535
CURVE_NUMBERS = 4  # of an entry of the curve's table
BOUNDARY_LIGHTS = 128  # entries of the gamut's boundary along lightness
HUES, LIGHTS = 2048, 1024  # entries of a look's tables: around the hues, and from black to white
LIGHT_UNIT, ROOM_UNIT = 2.0**-13, 2.0**-15  # last bits of what the one by lightness holds


def recoloured(g, lab, steps=None):
    """A colour in the look: chroma and lightness by hue and by lightness, the restraint of strong colour."""
    light, a, b = lab
    hue, level = nearest(hue_turn(a, b) * f32(0.25), HUES), nearest(light, LIGHTS)
    if steps is not None:
        hue, level = steps.step("hue", places=[(hue, HUES), (level, LIGHTS)])
    by_hue, by_light = g.hues[hue], g.lights[level]
    if steps is not None:
        by_hue, by_light = steps.looked_up("by_hue", by_hue, by_light)
    cosine, sine, lift = (
        value * g.hue_scale[0, i] + g.hue_scale[1, i] for i, value in enumerate(fields(by_hue, (11, 11, 10)))
    )
    factor, room = (value * f32(LIGHT_UNIT) for value in fields(by_light, (16, 16)))
    light = light + hl.sqrt(a * a + b * b) * lift * (room * f32(ROOM_UNIT / LIGHT_UNIT))
    a, b = factor * (cosine * a - sine * b), factor * (sine * a + cosine * b)
    held = hl.sqrt(1 / (1 + g.restraint * (a * a + b * b)))
    return light, held * a, held * b


def binomial(f, dx, dy):
    """A blur by five values, so far apart."""
    near, far = f(x - dx, y - dy) + f(x + dx, y + dy), f(x - 2 * dx, y - 2 * dy) + f(x + 2 * dx, y + 2 * dy)
    return f32(0.375) * f(x, y) + f32(0.25) * near + f32(0.0625) * far


def textured(g, here, base, threshold):
    """What local contrast adds to lightness: detail over a fine base, unless it is noise or an edge."""
    detail = here - base
    square = detail * detail
    cored = detail * square / ((square + threshold * threshold + f32(1e-12)) * (1 + square * g.edge))
    return g.fine * cored


def rendered(g, looked, full=False, hdr=False):
    """The picture: in a look, with all that it may have or without what most do without (fine texture, tints, black and
    white); or without one. hdr : its HDR rendition, in linear light.
    """
    width, height = g.pixels.dim(0).extent(), g.pixels.dim(1).extent()
    # Tables of a known shape: values at one entry, and at its neighbour, are then reached by one address.
    g.curve.dim(0).set_min(0)
    g.curve.dim(1).set_min(0).set_stride(CURVE_NUMBERS)
    g.boundary.dim(0).set_min(0)
    g.boundary.dim(1).set_min(0).set_stride(BOUNDARY_LIGHTS)
    place: Any = Place(g) if looked else None
    if full:
        g.tints.dim(0).set_min(0)
        g.tints.dim(1).set_min(0).set_stride(2)
    if looked:
        g.hues.dim(0).set_min(0)
        g.lights.dim(0).set_min(0)

    # What is made for a piece of a row, and then what comes next: short loops, of which the processor has several turns
    # in work at once, and each look-up is made once. Before sharpening, and from there on.
    before, after = Steps(), Steps()

    # Of every pixel: lightness after the curve; then what `toned` says of it, or else the norm before the curve, and
    # what its light was multiplied by.
    lightness = hl.Func("lightness")
    inside = hl.clamp(hl.likely(x) if looked else x, 0, width - 1), hl.clamp(y, 0, height - 1)

    def toned(rgb, n, t, numbers, gain=None):
        """Lightness, the threshold of its coring, and lightness, a and b of Oklab that are still to be sharpened."""
        first, following, noise, kept = numbers
        kept = hl.reinterpret(hl.UInt(32), kept)
        here = lerp(first, following, t)
        threshold = g.coring * noise
        if looked:
            # What lifts light lifts its noise: of light's own by the root of that, which is less than this, too.
            more = gain * g.per_gain
            threshold *= hl.max(more, f32(0.5) + f32(0.5) * more)
        # Tone: a straight line in Oklab from the colour, scaled, to the neutral of the same norm.
        lms = [cube_root(about(g.to_lms, row, rgb, 1)) for row in range(3)]
        dm, ds = difference(lms[1], lms[0]), difference(lms[2], lms[0])
        keep = between(kept, t) * f32(KEEP_UNIT)
        colour = keep * here * inverse_cube_root(hl.clamp(n, f32(2.0**CURVE_LOW), f32(2.0**CURVE_HIGH)))
        a = colour * (g.to_lab[0, 1] * dm + g.to_lab[1, 1] * ds)
        bb = colour * (g.to_lab[0, 2] * dm + g.to_lab[1, 2] * ds)
        light = colour * (lms[0] + g.to_lab[0, 0] * dm + g.to_lab[1, 0] * ds) + (1 - keep) * here
        return here, threshold, light, a, bb

    stepwise = looked and not full
    if stepwise:
        rgb = before.step("source", *(finite(g.pixels[(*inside, i)]) for i in range(3)))
        (gain,) = before.step("gained", place.gain([hl.max(v, 0) for v in rgb], before))
        rgb = place.light(rgb, gain)
        n = norm_of(rgb)
        entry, t = table_position(n, CURVE_LOW, CURVE_HIGH, CURVE_STEPS)
        places = [(entry, (CURVE_HIGH - CURVE_LOW) * CURVE_STEPS)]
        *rgb, n, t, entry = before.step("lit", *rgb, n, t, places=places)
        numbers = before.row_of("numbers", CURVE_NUMBERS, lambda k: g.curve[k, entry])
        here, threshold, *lab = before.step("toned", *toned(rgb, n, t, numbers, gain))
        lightness[x, y] = (here, threshold, *recoloured(g, lab, before))
    elif looked:
        rgb = [positive(g.pixels[(*inside, i)]) for i in range(3)]
        gain = place.gain(rgb)
        rgb = place.light(rgb, gain)
        n = mixed(g, rgb) if full else norm_of(rgb)
        lightness[x, y] = (look_up(g, n, 0), n, gain)
    else:
        n = norm_of([positive(g.pixels[(*inside, i)]) * g.gain for i in range(3)])
        lightness[x, y] = (look_up(g, n, 0), n)

    def light_at(xx, yy):
        return lightness[xx, yy][0]

    # Sharpening of lightness: unsharp mask, cored by the noise, held near the neighbourhood's range.
    def symmetric(f, dx, dy):
        return (
            g.blur[0] * f(x, y)
            + g.blur[1] * (f(x - dx, y - dy) + f(x + dx, y + dy))
            + g.blur[2] * (f(x - 2 * dx, y - 2 * dy) + f(x + 2 * dx, y + 2 * dy))
        )

    down, low_y, high_y = hl.Func("down"), hl.Func("low_y"), hl.Func("high_y")
    down[x, y] = symmetric(light_at, 0, 1)
    low_y[x, y] = hl.min(light_at(x, y - 1), light_at(x, y), light_at(x, y + 1))
    high_y[x, y] = hl.max(light_at(x, y - 1), light_at(x, y), light_at(x, y + 1))
    low = hl.min(low_y[x - 1, y], low_y[x, y], low_y[x + 1, y])
    high = hl.max(high_y[x - 1, y], high_y[x, y], high_y[x + 1, y])
    # A look's vectors begin at multiples of 16, and the last may reach beyond the picture.
    xh = hl.clamp(hl.likely(x), 0, width - 1) if looked else x
    known = lightness[x, y]
    here = known[0]
    detail = here - symmetric(lambda xx, yy: down[xx, yy], 1, 0)
    if stepwise:
        threshold, light, a, bb = (known[i] for i in range(1, 5))
    else:
        n = known[1]
        rgb = [finite(g.pixels[xh, y, i]) for i in range(3)]
        rgb = place.light(rgb, known[2]) if looked else [v * g.gain for v in rgb]
        entry, t = table_position(n, CURVE_LOW, CURVE_HIGH, CURVE_STEPS)
        numbers = [g.curve[k, entry] for k in range(CURVE_NUMBERS)]
        _, threshold, light, a, bb = toned(rgb, n, t, numbers, known[2] if looked else None)
        if looked:
            light, a, bb = recoloured(g, (light, a, bb))
    cored = detail * detail * detail / (detail * detail + threshold * threshold + f32(1e-12))
    contrast = high - low
    room = hl.min(g.overshoot * contrast, g.strong_overshoot / hl.max(contrast, f32(1e-6)))
    change = hl.clamp(here + g.sharpen * cored, low - room, high + room) - here

    if full:
        # The fine base: blurred twice, as an undecimated wavelet is.
        down_once, down_twice, across = (hl.Func(name) for name in ("down_once", "down_twice", "across"))
        down_once[x, y] = binomial(light_at, 0, g.first)
        down_twice[x, y] = binomial(lambda xx, yy: down_once[xx, yy], 0, g.second)
        across[x, y] = binomial(lambda xx, yy: down_twice[xx, yy], g.first, 0)
        change += textured(g, here, binomial(lambda xx, yy: across[xx, yy], g.second, 0), threshold)
    if looked:
        change += place.small(3) * here - place.small(4)
        grain = f32(g.grain[xh, y])
        if stepwise:
            (grain,) = after.step("grain_here", grain)
        change += g.grain_amount * hl.max(here * (1 - here), 0) * grain

    if full:
        i, t = table_position(n, CURVE_LOW, CURVE_HIGH, CURVE_STEPS)
        tint = [between(g.tints[k, i], t) * f32(TINT_UNIT) - f32(2**15 * TINT_UNIT) for k in (0, 1)]
        a, bb = a + tint[0], bb + tint[1]
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
    hues, lights = g.boundary.dim(1).extent(), BOUNDARY_LIGHTS
    hp = hue_turn(a, bb) * f32(hues) * 0.25
    hi = hl.clamp(hl.i32(hp), 0, hues - 1)
    lp = hl.min(light, 1) * f32(lights)
    li = hl.clamp(hl.i32(lp), 0, lights - 1)
    turn, up = hp - f32(hi), lp - f32(li)
    if stepwise:
        places = [(hi * lights + li, hues * lights)]
        light, a, bb, chroma, turn, up, at = after.step("wanted", light, a, bb, chroma, turn, up, places=places)
        (cell,) = after.looked_up("cell", g.boundary[at % lights, at / lights])
    else:
        cell = g.boundary[li, hi]
    limit = f32(BOUNDARY_UNIT) * within(cell, up, turn)
    # With share = chroma / limit: knee + (1 - knee) t / (1 + t) of the limit, t = (share - knee) / (1 - knee).
    over = chroma - g.knee * limit
    room = hl.max(limit - 2 * g.knee * limit + chroma, f32(1e-12))
    compressed = limit * (g.knee * room + (1 - g.knee) * over)
    factor = hl.select(mapping & (over > 0), compressed / hl.max(room * chroma, f32(1e-20)), 1)
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
    if stepwise:
        light_of.compute_at(pixel.compute_at(g.picture, y), after.piece).vectorize(x, vector)
        after.schedule(pixel, vector)
    else:
        for f in (pixel, light_of):
            f.compute_at(g.picture, xo).vectorize(x, vector).bound_storage(x, vector).store_in(hl.MemoryType.Stack)
    for f in (down, low_y, high_y):
        f.compute_at(g.picture, y).vectorize(x, vector)
    if looked:
        g.picture.output_buffer().dim(0).set_min(0)
        for f in (lightness, light_of, pixel):
            f.align_bounds(x, vector)
        for f in place.of_row:
            f.store_at(g.picture, yo).compute_at(g.picture, yo if full else y).vectorize(f.args()[0], 8, tail)
    if full:
        # How many rows the blurs reach over is not known here: rows of a whole strip are made at once.
        for f in (lightness, down_once):
            f.compute_at(g.picture, yo).vectorize(x, vector)
        for f in (down_twice, across):
            f.compute_at(g.picture, y).vectorize(x, vector)
    else:
        # No more rows than are wanted at a time: with eight, little else would stay in the second-level cache.
        lightness.store_at(g.picture, yo).compute_at(g.picture, y).fold_storage(y, 5)
        if stepwise:
            before.schedule(lightness, vector)
        else:
            lightness.vectorize(x, vector)


class Rendered:
    """Planar Scene in, interleaved uint16 out.

    curve[number, entry] : over the norm, 0 lightness of the tone-mapped norm, 1 that of the next entry, 2 lightness
        noise (deviation), 3 the bits of two numbers of 16: share of colour that is kept, at this and at the next entry.
    boundary[lightness, hue] : largest Oklab chroma of the display's gamut, at this and at the next lightness, and the
        same two at the next hue, a number of 16 bits each.
    Matrices [column, row] leave out the column that the others' differences are taken to.
    """

    pixels = hl.InputBuffer(hl.Float(32), 3)
    gain = hl.InputScalar(hl.Float(32))
    curve = hl.InputBuffer(hl.Float(32), 2)
    boundary = hl.InputBuffer(hl.UInt(64), 2)
    to_lms = hl.InputBuffer(hl.Float(32), 2)
    to_lab = hl.InputBuffer(hl.Float(32), 2)
    from_lab = hl.InputBuffer(hl.Float(32), 2)
    to_display = hl.InputBuffer(hl.Float(32), 2)
    knee = hl.InputScalar(hl.Float(32))  # share of the boundary where compression begins; negative: clip instead
    sharpen = hl.InputScalar(hl.Float(32))
    overshoot = hl.InputScalar(hl.Float(32))  # share of the neighbours' range that lightness may pass it by
    strong_overshoot = hl.InputScalar(hl.Float(32))  # and no more than this over the range
    coring = hl.InputScalar(hl.Float(32))
    blur = hl.InputBuffer(hl.Float(32), 1)  # weights at distance 0, 1, 2


@hl.generator(name="render")
class Render(Rendered):
    """A picture without a look, or in one that is but a curve."""

    picture = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        rendered(self, False)


class InLook(Placed, Rendered):
    """A picture in a look.

    hues[hue] : chroma's factor times cosine and sine of the turn, and lightness for each unit of chroma, as numbers of
        11, 11 and 10 bits; hue_scale[0, i] and [1, i] : value of their last bits, and of 0.
    lights[lightness] : chroma's factor, and the share of the hue's lightness, 16 bits each. grain[x, y] : the grain.
    """

    per_gain = hl.InputScalar(hl.Float(32))  # one over the gain of exposure
    grain = hl.InputBuffer(hl.Int(8), 2)
    grain_amount = hl.InputScalar(hl.Float(32))
    hues = hl.InputBuffer(hl.UInt(32), 1)
    hue_scale = hl.InputBuffer(hl.Float(32), 2)
    lights = hl.InputBuffer(hl.UInt(32), 1)
    restraint = hl.InputScalar(hl.Float(32))


@hl.generator(name="render_look")
class RenderLook(InLook):
    """A picture in a look that is not tinted, not black and white, and has no fine texture."""

    picture = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        rendered(self, True)


class InFullLook(InLook):
    """A picture in any look.

    tints[i, entry] : a and b that the look adds, over the norm; 16 bits here, 16 at the next entry. mono : how far it
    is black and white. mix : of what channels. first, second : distances of the values of the two blurs that make the
    base of fine detail, in px.
    """

    tints = hl.InputBuffer(hl.UInt(32), 2)
    mono = hl.InputScalar(hl.Float(32))
    mix = hl.InputBuffer(hl.Float(32), 1)
    first = hl.InputScalar(hl.Int(32))
    second = hl.InputScalar(hl.Int(32))
    fine = hl.InputScalar(hl.Float(32))
    edge = hl.InputScalar(hl.Float(32))  # one over the squared detail from which on it counts as an edge


@hl.generator(name="render_full_look")
class RenderFullLook(InFullLook):
    """A picture in any look."""

    picture = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        rendered(self, True, full=True)


@hl.generator(name="render_hdr")
class RenderHdr(InFullLook):
    """The HDR rendition of a picture in any look, in linear light, SDR white being 1.

    shine[i, entry] : over the norm, lightness's factor before the gamut mapping, and that of light after it.
    to_output : from the display's primaries to those of the output.
    """

    shine = hl.InputBuffer(hl.Float(32), 2)
    to_output = hl.InputBuffer(hl.Float(32), 2)
    picture = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        rendered(self, True, full=True, hdr=True)


if __name__ == "__main__":
    hl.main()
