"""Long calculations in short loops, of which a processor does several turns at once; imported at build time only."""

import halide as hl

from fotohaus.kernels.common import x, y

PIECE = 96  # pixels of a row: what is kept of them fits into the first-level cache; 64 and 128 take 5 % longer
ALONE = 4  # pixels that are looked up in a turn


class Steps:
    """What leads to a Func, made one after the other for a piece of a row."""

    def __init__(self):
        self.funcs, self.alone, self.rows, self.piece = [], [], [], hl.Var("piece")

    def step(self, name, *values, places=()):
        """Values that are kept until the piece is done; then places in tables, each with how many there are."""
        # Kept as bits of a float: of whole numbers that were clamped Halide knows the range, and clamps them once more
        # wherever they are looked up at. All of a piece is made before it is read, so that this is not needed.
        kept = (*values, *(hl.reinterpret(hl.Float(32), entry) for entry, _ in places))
        f = hl.Func(name)
        f[x, y] = kept if len(kept) > 1 else kept[0]
        self.funcs.append(f)
        made = [f[x, y][i] for i in range(len(kept))] if len(kept) > 1 else [f[x, y]]
        for i, (_, count) in enumerate(places, len(values)):
            made[i] = hl.unsafe_promise_clamped(hl.reinterpret(hl.Int(32), made[i]), 0, count - 1)
        return made

    def looked_up(self, name, *values):
        """The same of values in tables, pixel by pixel: vectors would be taken apart for it, and filled again."""
        kept = self.step(name, *values)
        self.alone.append(self.funcs.pop())
        return kept

    def row_of(self, name, count, value):
        """So many values beside each other in a table, at once; value(k) : one of them."""
        k, f = hl.Var("k"), hl.Func(name)
        f[k, x, y] = value(k)
        self.rows.append((f, k, count))
        return [f[i, x, y] for i in range(count)]

    def schedule(self, last, vector):
        """Make rows of `last` in pieces."""
        lane = hl.Var("lane")
        last.split(x, self.piece, x, PIECE, hl.TailStrategy.ShiftInwards).split(x, x, lane, vector).vectorize(lane)
        for f in self.funcs:
            f.compute_at(last, self.piece).vectorize(x, vector)
        for f in self.alone:
            f.compute_at(last, self.piece).unroll(x, ALONE)
        for f, k, count in self.rows:
            f.compute_at(last, self.piece).bound(k, 0, count).vectorize(k).unroll(x, ALONE)
