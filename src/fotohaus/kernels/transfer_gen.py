"""16-bit samples to linear light and back, by tables."""

import halide as hl

from fotohaus.kernels.common import c, strip_of, x, y


def interleaved(buffer):
    """Three samples of a pixel beside one another."""
    buffer.dim(0).set_stride(3)
    buffer.dim(2).set_stride(1)
    buffer.dim(2).set_bounds(0, 3)


def by_rows(out, buffer):
    """Pixel by pixel, strips of rows in parallel."""
    yo = hl.Var("yo")
    out.bound(c, 0, 3).reorder(c, x, y).unroll(c).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    out.split(y, yo, y, strip_of(buffer.dim(1).extent(), 64), hl.TailStrategy.GuardWithIf).parallel(yo)


class Light:
    """light[c] = sum over k of matrix[k, c] * table[samples[k]]; table has 65536 entries. Both images interleaved."""

    samples = hl.InputBuffer(hl.UInt(16), 3)
    table = hl.InputBuffer(hl.Float(32), 1)
    matrix = hl.InputBuffer(hl.Float(32), 2)

    def make(self, light, kind):
        g = self
        value = hl.Func("value")
        value[x, y, c] = g.table[hl.i32(g.samples[x, y, c])]
        out = [sum(g.matrix[k, row] * value[x, y, k] for k in range(3)) for row in range(3)]
        light[x, y, c] = hl.cast(kind, hl.mux(c, out))
        for buffer in (g.samples, light.output_buffer()):
            interleaved(buffer)
        by_rows(light, light.output_buffer())
        value.compute_at(light, y).vectorize(x, 8, hl.TailStrategy.GuardWithIf)


@hl.generator(name="samples_to_light")
class SamplesToLight(Light):
    """Light in 32 bits."""

    light = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        self.make(self.light, hl.Float(32))


@hl.generator(name="samples_to_half_light")
class SamplesToHalfLight(Light):
    """Light in 16 bits."""

    light = hl.OutputBuffer(hl.Float(16), 3)

    def generate(self):
        self.make(self.light, hl.Float(16))


@hl.generator(name="light_to_samples")
class LightToSamples:
    """samples = table at the upper bits of light, which count through octaves and steps within each; both interleaved.

    steps : as a power of two, entries of the table for an octave. octaves : those below 1.0 that the table has.
    """

    light = hl.InputBuffer(hl.Float(32), 3)
    table = hl.InputBuffer(hl.UInt(16), 1)
    steps = hl.InputScalar(hl.Int(32))
    octaves = hl.InputScalar(hl.Int(32))
    samples = hl.OutputBuffer(hl.UInt(16), 3)

    def generate(self):
        g = self
        # Of floats that are not negative, the bits are in the order of their values.
        bits = hl.max(hl.reinterpret(hl.Int(32), g.light[x, y, c]), 0) >> (23 - g.steps)
        place = bits - ((127 - g.octaves) << g.steps)
        g.samples[x, y, c] = g.table[hl.clamp(place, 0, g.table.dim(0).extent() - 1)]
        for buffer in (g.light, g.samples.output_buffer()):
            interleaved(buffer)
        by_rows(g.samples, g.samples.output_buffer())


if __name__ == "__main__":
    hl.main()
