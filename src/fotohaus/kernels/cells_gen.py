"""A mosaic (or linear raw) averaged to large cells, for stages that look at the whole picture at once."""

import halide as hl

from fotohaus.kernels.common import c, x, y
from fotohaus.kernels.common_raw import any_view


@hl.generator(name="cells")
class Cells:
    """Mean and largest sample, in DN, of every skip-th row of cells of `step` x `step` samples.

    samples[x, y, c] : the samples of one position of the CFA, or plane, each. cells[x, y, c, 0] is the mean,
    cells[x, y, c, 1] the largest.
    """

    samples = hl.InputBuffer(hl.UInt(16), 3)
    step = hl.InputScalar(hl.Int(32))
    skip = hl.InputScalar(hl.Int(32))
    cells = hl.OutputBuffer(hl.Float(32), 4)

    def generate(self):
        g = self
        # Whole rows first: their sums run along memory.
        sums = hl.Func("sums")
        along = hl.RDom([(0, g.step)])
        sums[x, y, c] = (hl.u32(0), hl.u16(0))
        value = g.samples[x * g.step + along, y, c]
        sums[x, y, c] = (sums[x, y, c][0] + hl.u32(value), hl.max(sums[x, y, c][1], value))
        whole = hl.Func("whole")
        rows = (g.step + g.skip - 1) // g.skip
        down = hl.RDom([(0, rows)])
        whole[x, y, c] = (hl.u32(0), hl.u16(0))
        row = sums[x, y * g.step + down * g.skip, c]
        whole[x, y, c] = (whole[x, y, c][0] + row[0], hl.max(whole[x, y, c][1], row[1]))
        what = hl.Var("what")
        mean = hl.f32(whole[x, y, c][0]) / hl.f32(g.step * rows)
        g.cells[x, y, c, what] = hl.select(what == 0, mean, hl.f32(whole[x, y, c][1]))

        any_view(g.samples)
        g.cells.bound(what, 0, 2).reorder(x, what, c, y).unroll(what).parallel(y)
        whole.compute_at(g.cells, c)
        whole.update().reorder(x, down.x)
        sums.compute_at(whole, down.x)


if __name__ == "__main__":
    hl.main()
