"""16-bit samples to 8 bits, with noise against banding.

The noise is uniform over one output step less the mean of its four neighbours: the uniform part makes the mean of a
region right whatever its level lies between two steps (Roberts 1962; Lipshitz et al. 1992), the difference moves its
energy to high frequencies, where neither eyes nor JPEG see it. It comes from a hash of the position alone.
"""

import halide as hl

from fotohaus.kernels.common import c, x, y


def hashed(px, py):
    """32 bits that look random, from a position (Wellons' lowbias32)."""
    h = hl.u32(px) * hl.u32(0x9E3779B1) ^ hl.u32(py) * hl.u32(0x85EBCA77)
    h = (h ^ (h >> 16)) * hl.u32(0x7FEB352D)
    h = (h ^ (h >> 15)) * hl.u32(0x846CA68B)
    return h ^ (h >> 16)


@hl.generator(name="quantize")
class Quantize:
    """out = round(samples / 257 + dither * noise); exact black and white stay as they are. Both interleaved."""

    samples = hl.InputBuffer(hl.UInt(16), 3)
    dither = hl.InputScalar(hl.Int(32))  # 1 or 0
    out = hl.OutputBuffer(hl.UInt(8), 3)

    def generate(self):
        g = self
        seed, uniform = hl.Func("seed"), hl.Func("uniform")
        seed[x, y] = hashed(x, y)
        uniform[x, y, c] = hl.i32((seed[x, y] >> hl.u32(8 * c)) & 0xFF)

        near = uniform[x - 1, y, c] + uniform[x + 1, y, c] + uniform[x, y - 1, c] + uniform[x, y + 1, c]
        noise = (4 * uniform[x, y, c] - near) * 64 * g.dither  # 1/65536 of a step

        value = g.samples[x, y, c]
        exact = hl.i32((hl.u32(value) * hl.u32(65281)) >> 8)  # value / 257 in 1/65536 of a step
        noisy = exact + 32768 + hl.select((value == 0) | (value == 65535), 0, noise)
        g.out[x, y, c] = hl.u8(hl.clamp(noisy >> 16, 0, 255))

        yo = hl.Var("yo")
        for buffer in (g.samples, g.out.output_buffer()):
            buffer.dim(0).set_stride(3)
            buffer.dim(2).set_stride(1)
            buffer.dim(2).set_bounds(0, 3)
        g.out.reorder(c, x, y).bound(c, 0, 3).unroll(c)
        g.out.split(y, yo, y, 32, hl.TailStrategy.GuardWithIf).parallel(yo)
        g.out.vectorize(x, 16, hl.TailStrategy.GuardWithIf)
        seed.compute_at(g.out, y).store_at(g.out, yo).vectorize(x, 16)


if __name__ == "__main__":
    hl.main()
