"""Long calculations in short loops, of which a processor does several turns at once; imported at build time only."""

import halide as hl

from fotohaus.kernels.common import x, y

PIECE = 64  # pixels of a row: what is kept of them fits into the first-level cache


class Steps:
    """What leads to a Func, made one after the other for a piece of a row."""

    def __init__(self):
        self.funcs, self.piece = [], hl.Var("piece")

    def step(self, name, *values):
        """Values that are kept until the piece is done."""
        f = hl.Func(name)
        f[x, y] = values if len(values) > 1 else values[0]
        self.funcs.append(f)
        return [f[x, y][i] for i in range(len(values))] if len(values) > 1 else [f[x, y]]

    def schedule(self, last, vector):
        """Make rows of `last` in pieces."""
        lane = hl.Var("lane")
        last.split(x, self.piece, x, PIECE, hl.TailStrategy.ShiftInwards).split(x, x, lane, vector).vectorize(lane)
        for f in self.funcs:
            f.compute_at(last, self.piece).vectorize(x, vector)
