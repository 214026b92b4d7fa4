"""VC-5's code words to one band of quantised wavelet coefficients."""

import halide as hl

from fotohaus.kernels.common import x, y

AT, COUNT, ENTRY, VALUES, FIRST = range(5)
"""Places in the scan: the next bit, how many coefficients there are, what was looked up; from FIRST on, they."""

TOGETHER = 4
LOOK, LOOK_AT_VALUES, WRITE = range(3)
LINK = WRITE + TOGETHER
LAST_LINK, WRITE_LONG, ADVANCE, COUNT_UP, STEPS = range(LINK + 1, LINK + 6)
"""What is done for each look-up, in this order; the links and the value after them for long code words alone."""


@hl.generator(name="vc5_band")
class Vc5Band:
    """Decodes `band`, row after row; a run of zeros goes on in the next row.

    words : the stream as 32-bit numbers; all but the last one are read as code words. several, table : as
    `raw.vc5_codebook` says. end[0] is the bit after the last code word, end[1] how many coefficients were coded: more
    than the band has, or fewer, if it is damaged. Whatever the words are, nothing outside the buffers is touched, and
    there are no more look-ups than the band has coefficients.
    """

    words = hl.InputBuffer(hl.UInt(32), 1)
    several = hl.InputBuffer(hl.Int(64), 1)
    table = hl.InputBuffer(hl.Int(32), 1)
    width = hl.InputScalar(hl.Int(32))
    height = hl.InputScalar(hl.Int(32))
    quantization = hl.InputScalar(hl.Int(32))
    band = hl.OutputBuffer(hl.Int(16), 2)
    end = hl.OutputBuffer(hl.Int(32), 1)

    def generate(self):
        g = self
        total = g.width * g.height
        last = g.words.dim(0).extent() - 1

        scan = hl.Func("scan")
        scan[x] = 0
        step = hl.RDom([(0, STEPS), (0, total)])
        s = step.x
        at, entry = scan[AT], scan[ENTRY]
        word = hl.clamp(at >> 5, 0, last - 1)
        both = hl.u64(g.words[word]) << 32 | hl.u64(g.words[word + 1])
        window = hl.u32((both << hl.u64(at & 31)) >> 32)

        short = g.several[hl.clamp(hl.i32(window >> 20), 0, g.several.dim(0).extent() - 1)]
        link = ((entry >> 5) & 0x3FFF) + hl.select(s == LINK, hl.i32(window >> 12) & 0xFF, hl.i32(window >> 5) & 0x7F)
        long = g.table[hl.clamp(link, 0, g.table.dim(0).extent() - 1)]

        step.where((scan[COUNT] < total) & (at < last * 32))
        step.where(((s != LINK) & (s != LAST_LINK)) | ((entry & 31) == 0))
        step.where((s != WRITE_LONG) | ((entry >> 16) != 0))
        writes = (s >= WRITE) & (s < LINK)
        nth = hl.clamp(s - WRITE, 0, TOGETHER - 1)
        # Those that are none yet are zeros, and written over.
        here = FIRST + hl.clamp(scan[COUNT], 0, total - 1)
        place = hl.select(
            writes, here + nth, s == WRITE_LONG, here, s == LOOK_AT_VALUES, VALUES,
            s == ADVANCE, AT, s == COUNT_UP, COUNT, ENTRY,
        )  # fmt: skip
        scan[place] = hl.select(
            writes, hl.i32(hl.i8(scan[VALUES] >> (8 * nth))), s == WRITE_LONG, entry >> 16,
            s == LOOK, hl.i32(short), s == LOOK_AT_VALUES, hl.i32(short >> 32),
            s == ADVANCE, at + (entry & 31), s == COUNT_UP, scan[COUNT] + ((entry >> 5) & 0x7FF), long,
        )  # fmt: skip

        value = hl.clamp(scan[FIRST + x + y * g.width] * g.quantization, -32768, 32767)
        g.band[x, y] = hl.i16(value)
        g.end[x] = scan[x]

        for dimension, extent in enumerate((g.width, g.height)):
            g.band.output_buffer().dim(dimension).set_bounds(0, extent)
        g.end.output_buffer().dim(0).set_bounds(0, 2)
        scan.compute_root().vectorize(x, 16)
        scan.update().unroll(s)
        g.band.vectorize(x, 16, hl.TailStrategy.GuardWithIf)


if __name__ == "__main__":
    hl.main()
