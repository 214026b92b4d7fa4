"""A noisy mosaic (or linear raw) seen from afar: its stabilised samples, averaged over cells."""

import halide as hl
from halide import f32

from fotohaus.kernels.common import x, y
from fotohaus.kernels.common_raw import total
from fotohaus.kernels.shaded import Stabilised

CELL = 4  # quads, or pixels that have all three colours, along a cell's side


def average(g, source, mosaic):
    """The whole of both generators: a mosaic, whose quads hold four samples, or pixels that hold three."""
    side, count = (2 * CELL, 4) if mosaic else (CELL, 3)
    row, p = hl.Var("row"), hl.Var("p")
    gains = g.shading(count)
    slope, rate, columns, mean = (hl.Func(name) for name in ("slope", "rate", "columns", "mean"))
    slope[x, y, p] = g.slope[p] / gains.sample(p)
    # The last cell of a side that is no multiple of theirs begins earlier, at a sample of the same colour.
    last = [hl.max(source.dim(d).extent() - side, 0) // 2 * 2 for d in (0, 1)]
    above = hl.min(row * side, last[1])
    if mosaic:
        rate[x, row, p] = slope[x // side, row, 2 * p + (x & 1)]
        seen = [source[x, above + 2 * k + p] for k in range(CELL)]
        intercept = g.intercept[2 * p + (x & 1)]
    else:
        rate[x, row, p] = slope[x // side, row, p]
        seen = [source[x, above + k, p] for k in range(CELL)]
        intercept = g.intercept[p]
    columns[x, row, p] = total([hl.sqrt(hl.max(v * rate[x, row, p] + intercept, 0.0)) for v in seen])
    if mosaic:
        first = hl.min((x >> 1) * side, last[0])
        sums = [columns[first + 2 * k + (x & 1), y >> 1, y & 1] for k in range(CELL)]
        mean[x, y] = f32(1 / CELL) * total(sums)
        g.cells[x, y] = mean[x, y] * mean[x, y]
    else:
        first = hl.min(x * side, last[0])
        mean[x, y, p] = f32(1 / CELL) * total([columns[first + k, y, p] for k in range(CELL)])
        g.cells[x, y, p] = mean[x, y, p] * mean[x, y, p]

    out, yo, yi = g.cells, hl.Var("yo"), hl.Var("yi")
    if mosaic:
        out.split(y, yo, yi, 2).reorder(x, yi, yo).parallel(yo)
    else:
        out.split(y, yo, yi, 1).reorder(x, yi, p, yo).bound(p, 0, count).parallel(yo)
    columns.compute_at(out, yo).bound(p, 0, 2 if mosaic else count).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    rate.compute_at(out, yo).vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    slope.compute_at(out, yo).bound(p, 0, count)
    gains.row.compute_at(out, yo)


@hl.generator(name="denoise_cells")
class Cells(Stabilised):
    """Linear mosaic in, a mosaic of cells of 4 x 4 quads out, each a quad of its own.

    Samples are divided by their gain, given by cell, and stabilised as in `denoise`: u = sqrt(max(0, slope v +
    intercept)). A cell's sample is the square of four times their mean at its position of the CFA: as noisy as they
    were, once stabilised by a root. `above`: cells above the mosaic in the image that the gains are for. Samples at
    least 8 x 8; a cell that would end outside begins earlier.
    """

    mosaic = hl.InputBuffer(hl.Float(32), 2)
    cells = hl.OutputBuffer(hl.Float(32), 2)

    def generate(self):
        average(self, self.mosaic, mosaic=True)


@hl.generator(name="denoise_cells_linear")
class CellsLinear(Stabilised):
    """The same for pixels that have all three colours, pixels[x, y, channel]: cells of 4 x 4 pixels become pixels."""

    pixels = hl.InputBuffer(hl.Float(32), 3)
    cells = hl.OutputBuffer(hl.Float(32), 3)

    def generate(self):
        average(self, self.pixels, mosaic=False)


if __name__ == "__main__":
    hl.main()
