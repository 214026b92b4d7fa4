"""VC-5's inverse wavelet, in the integers of SMPTE ST 2073-1, and the mosaic out of its four components."""

import halide as hl

from fotohaus.kernels.common import c, strip_of, x, y

band, kind = hl.Var("band"), hl.Var("kind")

GUARDED = hl.TailStrategy.GuardWithIf
LOW, HIGH_ACROSS, HIGH_DOWN, HIGH_BOTH = range(4)


def filtered(low, high, at, size, odd):
    """The even or odd sample of a pair at place `at`, twice its size: low and high give a band's value at a place.

    At either end the three values nearest to it stand for the missing one: as if a parabola went on.
    """
    inner = hl.clamp(hl.likely(at), 1, size - 2)
    before, here, after = low(inner - 1), low(inner), low(inner + 1)
    first = [low(i) for i in range(3)]
    last = [low(size - 1 - i) for i in range(3)]
    if odd:
        ends = (5 * first[0] + 4 * first[1] - first[2], 11 * last[0] - 4 * last[1] + last[2])
        steady = 8 * here + after - before
    else:
        ends = (11 * first[0] - 4 * first[1] + first[2], 5 * last[0] + 4 * last[1] - last[2])
        steady = 8 * here + before - after
    smooth = (hl.select(at < 1, ends[0], at > size - 2, ends[1], hl.likely(steady)) + 4) >> 3
    return smooth - high(at) if odd else smooth + high(at)


class Inverse:
    """One level undone: `out[x, y, c]`, twice as wide and high as the bands[x, y, band, c]; clamped by `limited`."""

    def __init__(self, bands, limited):
        width, height = bands.dim(0).extent(), bands.dim(1).extent()
        self.rows, self.pairs, self.out = hl.Func("rows"), hl.Func("pairs"), hl.Func("out")

        def column(band, column):
            return lambda row: hl.i32(bands[column, row, band, c])

        def down(band, odd):
            low, high = column(band, x), column(band + 2, x)
            return filtered(low, high, y / 2, height, odd) >> 1

        def both(band):
            return hl.select(y % 2 == 0, down(band, False), down(band, True))

        value = hl.mux(band, [both(LOW), both(HIGH_ACROSS)])
        self.rows[x, y, band, c] = hl.i16(hl.clamp(value, -32768, 32767))

        def across(odd):
            low, high = (lambda at, k=k: hl.i32(self.rows[at, y, k, c]) for k in (0, 1))
            return limited(filtered(low, high, x, width, odd))

        self.pairs[x, y, kind, c] = hl.mux(kind, [across(False), across(True)])
        self.out[x, y, c] = self.pairs[x / 2, y, x % 2, c]

    def schedule(self, output, strip):
        """Rows as they are needed within a strip of `output`."""
        pair = hl.Var("pair")
        self.out.compute_at(output, strip).split(x, pair, x, 2).reorder(x, pair, y, c).unroll(x).vectorize(
            pair, 16, GUARDED
        )
        self.pairs.compute_at(self.out, y).bound(kind, 0, 2).reorder(kind, x, y, c).unroll(kind).vectorize(
            x, 16, GUARDED
        )
        self.rows.compute_at(self.out, y).bound(band, 0, 2).vectorize(x, 16, GUARDED)


@hl.generator(name="vc5_inverse")
class Vc5Inverse:
    """The lowpass of the next larger level, low[x, y, c], from the four bands of each component.

    scaled : whether the coder had divided by four before this level.
    """

    bands = hl.InputBuffer(hl.Int(16), 4)
    scaled = hl.InputScalar(hl.Bool())
    low = hl.OutputBuffer(hl.Int(16), 3)

    def generate(self):
        g = self

        def limited(value):
            plain, doubled = hl.clamp(value >> 1, 0, 0x3FFF), hl.clamp(value * 2, -32768, 32767)
            return hl.i16(hl.select(g.scaled, doubled, plain))

        inverse = Inverse(g.bands, limited)
        g.low[x, y, c] = inverse.out[x, y, c]

        yo = hl.Var("yo")
        g.low.split(y, yo, y, strip_of(g.low.output_buffer().dim(1).extent(), 32), GUARDED)
        g.low.reorder(x, y, yo, c).parallel(yo).parallel(c).vectorize(x, 16, GUARDED)
        inverse.schedule(g.low, yo)


@hl.generator(name="vc5_mosaic")
class Vc5Mosaic:
    """The last level undone, and the mosaic from its components: mean green, red and blue against it, greens' half
    difference.

    red : column and row of red in the 2x2 CFA. curve : the sample of each value of 0 to 4095.
    """

    bands = hl.InputBuffer(hl.Int(16), 4)
    curve = hl.InputBuffer(hl.UInt(16), 1)
    red = hl.InputBuffer(hl.Int(32), 1)
    mosaic = hl.OutputBuffer(hl.UInt(16), 2)

    def generate(self):
        g = self
        inverse = Inverse(g.bands, lambda value: hl.i16(hl.clamp(value >> 1, 0, 0x3FFF)))
        green, red, blue, difference = (hl.i32(inverse.out[x, y, i]) - 2048 * (i > 0) for i in range(4))
        samples = hl.Func("samples")
        values = [green + 2 * red, green + difference, green - difference, green + 2 * blue]
        samples[x, y, kind] = g.curve[hl.clamp(hl.mux(kind, values), 0, 4095)]
        right, below = (x + g.red[0]) % 2, (y + g.red[1]) % 2
        which = hl.select(right == below, 3 * right, 1 + y % 2)
        g.mosaic[x, y] = samples[x / 2, y / 2, which]

        yo = hl.Var("yo")
        rows = strip_of(g.mosaic.output_buffer().dim(1).extent() / 2, 16) * 2
        g.mosaic.split(y, yo, y, rows, GUARDED).parallel(yo)
        g.mosaic.vectorize(x, 16, GUARDED)
        samples.compute_at(g.mosaic, yo).reorder(kind, x, y).bound(kind, 0, 4).unroll(kind).vectorize(x, 16, GUARDED)
        inverse.schedule(g.mosaic, yo)


if __name__ == "__main__":
    hl.main()
