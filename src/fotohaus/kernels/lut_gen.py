"""A look-up table on a finished picture: tetrahedral interpolation, strength, and the way to another gamut."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.display_color import about, encode_srgb

# sRGB's curve undone, ((v + 0.055) / 1.055)^2.4, as a polynomial in v; good to 6e-6 of the encoded value.
DECODED = (0.00085460395, 0.035251584, 0.48699426, 0.84443996, -0.77394699, 0.70603988, -0.3960151, 0.09638962)


def decode_srgb(v):
    """The inverse of the sRGB transfer function (IEC 61966-2-1), for 0..1."""
    curved = f32(DECODED[-1])
    for weight in DECODED[-2::-1]:
        curved = curved * v + f32(weight)
    return hl.select(v <= f32(0.04045), v * f32(1 / 12.92), curved)


def looked_up(g, converted):
    """The picture through the table; with or without a change of primaries."""
    g.shaper.dim(0).set_min(0)
    g.shaper.dim(1).set_min(0)
    g.cube.dim(0).set_min(0)
    g.cube.dim(1).set_min(0).set_stride(4)

    given = [hl.i32(g.pixels[x, y, i]) for i in range(3)]
    places = [g.shaper[hl.clamp(given[i], 0, 65535), i] for i in range(3)]
    edge = g.edge
    cells = [hl.clamp(hl.i32(p), 0, edge - 2) for p in places]
    red, green, blue = (p - f32(cell) for p, cell in zip(places, cells, strict=True))

    # The cube's cell is six tetrahedra along its diagonal: steps are taken in the order of the fractions.
    steps = [hl.i32(1), edge, edge * edge]
    first = hl.select(
        red >= green,
        hl.select(red >= blue, steps[0], steps[2]),
        hl.select(green >= blue, steps[1], steps[2]),
    )
    last = hl.select(
        red < green,
        hl.select(red < blue, steps[0], steps[2]),
        hl.select(green < blue, steps[1], steps[2]),
    )
    most, least = hl.max(red, green, blue), hl.min(red, green, blue)
    middle = hl.max(hl.min(red, green), hl.min(hl.max(red, green), blue))
    start = cells[0] + edge * cells[1] + edge * edge * cells[2]
    end = start + steps[0] + steps[1] + steps[2]
    corners = hl.Func("corners")
    corners[x, y] = (start, start + first, end - last, end, 1 - most, most - middle, middle - least, least)
    at = corners[x, y]

    share = []
    for i in range(3):
        v = sum((at[4 + k] * g.cube[i, at[k]] for k in range(1, 4)), at[4] * g.cube[i, at[0]])
        here = f32(given[i]) * f32(1 / 65535)
        share.append(hl.clamp(here + g.strength * (v - here), 0, 1))
    if converted:
        light = hl.Func("light")
        light[x, y] = tuple(decode_srgb(v) for v in share)
        share = [encode_srgb(hl.clamp(about(g.to_gamut, row, light[x, y], 0), 0, 1)) for row in range(3)]
    pixel = hl.Func("pixel")
    pixel[x, y] = tuple(hl.u16(v * 65535 + 0.5) for v in share)
    done = pixel[x, y]
    g.picture[x, y, c] = hl.mux(c, [done[0], done[1], done[2]])

    for buffer in (g.pixels, g.picture.output_buffer()):
        buffer.dim(0).set_stride(3)
        buffer.dim(2).set_stride(1).set_bounds(0, 3)
    xo, yo, vector, tail = hl.Var("xo"), hl.Var("yo"), 8, hl.TailStrategy.GuardWithIf
    (
        g.picture.reorder(c, x, y)
        .bound(c, 0, 3)
        .unroll(c)
        .split(y, yo, y, strip_of(g.picture.output_buffer().dim(1).extent(), 32), tail)
        .parallel(yo)
        .split(x, xo, x, vector, tail)
        .reorder(c, x, xo, y, yo)
        .vectorize(x)
    )
    for f in (pixel, corners, *([light] if converted else [])):
        f.compute_at(g.picture, xo).vectorize(x, vector, tail)


class Lut:
    """16-bit pixels in and out, both interleaved.

    shaper[value, channel] : where in the cube a value lies, 0..edge - 1. cube[channel, entry] : what comes out, red
        running fastest; the fourth channel is not read. strength : 0 the pixels as they are, 1 the table's.
    """

    pixels = hl.InputBuffer(hl.UInt(16), 3)
    shaper = hl.InputBuffer(hl.Float(32), 2)
    cube = hl.InputBuffer(hl.Float(32), 2)
    edge = hl.InputScalar(hl.Int(32))
    strength = hl.InputScalar(hl.Float(32))


@hl.generator(name="lut")
class Plain(Lut):
    """Out in the primaries that the table has."""

    picture = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        looked_up(self, False)


@hl.generator(name="lut_to_gamut")
class Converted(Lut):
    """Out in other primaries. to_gamut[column, row] leaves out the first column, which differences are taken to."""

    to_gamut = hl.InputBuffer(hl.Float(32), 2)
    picture = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        looked_up(self, True)


if __name__ == "__main__":
    hl.main()
