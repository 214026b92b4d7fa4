"""16-bit samples to 8 bits, with noise against banding.

The noise is triangular over two output steps, which makes the mean and the variance of the error the same at every
level (Lipshitz, Wannamaker, Vanderkooy 1992, "Quantization and dither"). It comes from a hash of the position alone.
Where the picture itself changes from one pixel to the next, nothing bands, and noise would only be one more error.
"""

import halide as hl

from fotohaus.kernels.common import c, x, y

BUSY = 1
"""Output steps from a sample to the next in its row, above which there is no noise."""


def mixed(h):
    """A 32-bit integer hash (Wellons' lowbias32)."""
    h = (h ^ (h >> 16)) * hl.u32(0x7FEB352D)
    h = (h ^ (h >> 15)) * hl.u32(0x846CA68B)
    return h ^ (h >> 16)


@hl.generator(name="quantize")
class Quantize:
    """out = round(samples / 257 + dither * noise); exact black and white and busy places get none. Both interleaved.

    out : four samples a pixel, as JPEG's coder takes them without a copy; the last one is 255.
    `top` : the row of the picture that is the samples' first.
    """

    samples = hl.InputBuffer(hl.UInt(16), 3)
    top = hl.InputScalar(hl.Int(32))
    dither = hl.InputScalar(hl.Int(32))  # 1 or 0
    out = hl.OutputBuffer(hl.UInt(8), 3)

    def generate(self):
        g = self
        first, second = hl.Func("first"), hl.Func("second")
        first[x, y] = mixed(hl.u32(x) * hl.u32(0x9E3779B1) ^ hl.u32(y + g.top) * hl.u32(0x85EBCA77))
        second[x, y] = mixed(first[x, y] + hl.u32(0x9E3779B9))

        def uniform(seed):
            return hl.u16((seed[x, y] >> hl.u32(8 * c)) & 0xFF)

        channel = hl.min(c, 2)
        value = g.samples[x, y, channel]
        following = g.samples[hl.min(x + 1, g.samples.dim(0).max()), y, channel]
        busy = hl.absd(value, following) > BUSY * 257
        # value / 257 in 1/256 of a step, and a half: in numbers of 16 bits, of which a processor does most at a time.
        exact = hl.u16((hl.u32(value) * hl.u32(65281)) >> 16) + hl.u16(128)
        noisy = hl.saturating_sub(hl.saturating_add(exact, uniform(first)), uniform(second))
        plain = (value == 0) | (value == 65535) | busy | (g.dither == 0)
        g.out[x, y, c] = hl.select(c == 3, hl.u8(255), hl.u8(hl.select(plain, exact, noisy) >> 8))

        yo = hl.Var("yo")
        for buffer, count in ((g.samples, 3), (g.out.output_buffer(), 4)):
            buffer.dim(0).set_stride(count)
            buffer.dim(2).set_stride(1)
            buffer.dim(2).set_bounds(0, count)
        g.out.bound(c, 0, 4).reorder(c, x, y).unroll(c).vectorize(x, 32, hl.TailStrategy.GuardWithIf)
        g.out.split(y, yo, y, 32, hl.TailStrategy.GuardWithIf).parallel(yo)
        for seed in (first, second):
            seed.compute_at(g.out, y).vectorize(x, 16)


if __name__ == "__main__":
    hl.main()
