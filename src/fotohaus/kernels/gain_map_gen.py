"""Scene-linear light in small, as a look has it in its place in the picture; its gain; and the gain on a picture."""

import functools

import halide as hl
from halide import f32

from fotohaus.kernels.common import c, strip_of, x, y
from fotohaus.kernels.common_tables import TILE
from fotohaus.kernels.display_color import about
from fotohaus.kernels.light_in_place import Place, Placed, finite, look_up, mixed
from fotohaus.kernels.lut_gen import decode_srgb

GUARDED = hl.TailStrategy.GuardWithIf


def in_place(g, rgb, column=x, row=y):
    """Light before exposure as the look's curve takes it, at a place in the pixels; scheduled by `by_row`."""
    place = Place(g, column, row)
    g.by_row = place.of_row
    return place.light(rgb, place.gain([hl.max(v, 0) for v in rgb]))


def in_strips(out):
    """Rows of an output in parallel, some at a time."""
    yo = hl.Var("yo")
    out.split(y, yo, y, strip_of(out.output_buffer().dim(1).extent(), 32), GUARDED).parallel(yo)


def by_row(g, out):
    """Schedule what a place takes of its row, for each row of an output."""
    for f in g.by_row:
        f.compute_at(out, y).vectorize(f.args()[0], 8, GUARDED)


class InLook(Placed):
    """Planar scene in. mono, mix : black and white."""

    pixels = hl.InputBuffer(hl.Float(32), 3)
    gain = hl.InputScalar(hl.Float(32))
    mono = hl.InputScalar(hl.Float(32))
    mix = hl.InputBuffer(hl.Float(32), 1)


class Small(InLook):
    """Means of blocks of a picture.

    rows[y] : each block's first row in `pixels`. block : its rows and columns. drift : what columns' distance exceeds
    `block` by. largest : what a lamp counts as at most, before exposure.
    """

    rows = hl.InputBuffer(hl.Int(32), 1)
    block = hl.InputScalar(hl.Int(32))
    drift = hl.InputScalar(hl.Float(32))
    largest = hl.InputScalar(hl.Float(32))

    def means(self):
        """Light of the block at (x, y), three channels."""
        width, height = self.pixels.dim(0).extent(), self.pixels.dim(1).extent()
        first = x * self.block + hl.i32(hl.floor(f32(x) * self.drift + f32(0.5)))
        first = hl.clamp(first, 0, width - 1)
        r = hl.RDom([hl.Range(0, self.block), hl.Range(0, self.block)])
        column, row = hl.clamp(first + r.x, 0, width - 1), hl.clamp(self.rows[y] + r.y, 0, height - 1)
        total = hl.Func("total")
        total[x, y, c] = f32(0)
        total[x, y, c] += hl.min(finite(self.pixels[column, row, c]), self.largest)
        self.total, self.r = total, r
        share = 1 / f32(self.block * self.block)
        middle = f32(self.block - 1) * f32(0.5)
        self.mean = [total[x, y, i] * share for i in range(3)]
        return in_place(self, self.mean, f32(first) + middle, f32(self.rows[y]) + middle)

    def sum_up(self, out):
        """Schedule the sums, and what a place takes, for each row of `out`."""
        by_row(self, out)
        self.total.compute_at(out, y).vectorize(x, 8)
        summed = self.total.update().reorder(self.r.x, x, self.r.y, c)
        for block in (4, 2):
            summed.specialize((self.block == block) & (self.drift == 0)).unroll(self.r.x).vectorize(x, 8)
        summed.reorder(x, self.r.x, self.r.y, c).vectorize(x, 8)


@hl.generator(name="gain_map")
class GainMap(Small):
    """A grey gain map: codes[0, entry] over the norm, in small.

    least : the square of the norm before exposure up to which light has no gain, wherever it is. Most of a picture has
    none, and is passed by in pieces of `TILE` pixels; the map is as wide as a number of them.
    """

    codes = hl.InputBuffer(hl.Float(32), 2)
    least = hl.InputScalar(hl.Float(32))
    gains = hl.OutputBuffer(hl.UInt(8), 2)

    def generate(self):
        g = self
        i, t, xo, xi = hl.Var("i"), hl.Var("t"), hl.Var("xo"), hl.Var("xi")
        code, square, shining, coded = (hl.Func(n) for n in ("code", "square", "shining", "coded"))
        code[x, y] = hl.u8(look_up(g, mixed(g, g.means()), 0, g.codes) + f32(0.5))
        r, gr, b = g.mean
        square[x, y] = f32(0.2627) * r * r + f32(0.6780) * gr * gr + f32(0.0593) * b * b
        lanes = hl.RDom([hl.Range(0, TILE // 8)])
        most = hl.Func("most")
        most[i, t, y] = f32(0)
        most[i, t, y] = hl.max(most[i, t, y], square[t * TILE + lanes * 8 + i, y])
        shining[t, y] = functools.reduce(hl.max, [most[lane, t, y] for lane in range(8)])
        width = g.gains.output_buffer().dim(0)
        tiles = hl.RDom([hl.Range(0, width.extent() / TILE)])
        tiles.where(shining[tiles, y] > g.least)
        coded[i, t, y] = hl.u8(0)
        coded[i, tiles, y] = code[tiles * TILE + i, y]
        g.gains[x, y] = coded[x % TILE, x / TILE, y]

        width.set_min(0).set_extent(width.extent() / TILE * TILE)
        g.gains.split(x, xo, xi, TILE).vectorize(xi)
        in_strips(g.gains)
        coded.compute_at(g.gains, y).bound(i, 0, TILE).vectorize(i)
        coded.update().reorder(i, tiles).vectorize(i, 8)
        shining.compute_at(g.gains, y)
        most.compute_at(g.gains, y).vectorize(i).update().reorder(i, lanes.x, t).vectorize(i)
        g.sum_up(g.gains)


@hl.generator(name="light_in_small")
class LightInSmall(Small):
    """The light of a picture in small, after exposure."""

    light = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        g.light[x, y, c] = hl.mux(c, g.means())
        g.light.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8, GUARDED)
        in_strips(g.light)
        g.sum_up(g.light)


@hl.generator(name="hdr_of_picture")
class HdrOfPicture(InLook):
    """The HDR rendition of a finished picture: its light times the gain of the scene's level.

    sdr : the picture, interleaved, encoded. factor[0, entry] : light's factor over the norm. to_output : from its
    primaries to the output's.
    """

    sdr = hl.InputBuffer(hl.UInt(16), 3)
    factor = hl.InputBuffer(hl.Float(32), 2)
    to_output = hl.InputBuffer(hl.Float(32), 2)
    picture = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        g = self
        light = in_place(g, [finite(g.pixels[x, y, i]) for i in range(3)])
        shine = look_up(g, mixed(g, light), 0, g.factor)
        shown = [decode_srgb(f32(g.sdr[x, y, i]) * f32(1 / 65535)) for i in range(3)]
        pixel = hl.Func("pixel")
        pixel[x, y] = tuple(shine * about(g.to_output, row, shown, 0) for row in range(3))
        g.picture[x, y, c] = hl.mux(c, [pixel[x, y][i] for i in range(3)])
        for buffer in (g.sdr, g.picture.output_buffer()):
            buffer.dim(0).set_stride(3)
            buffer.dim(2).set_stride(1).set_bounds(0, 3)
        g.picture.bound(c, 0, 3).reorder(c, x, y).unroll(c)
        in_strips(g.picture)
        by_row(g, g.picture)
        pixel.compute_at(g.picture, y).vectorize(x, 8, GUARDED)


if __name__ == "__main__":
    hl.main()
