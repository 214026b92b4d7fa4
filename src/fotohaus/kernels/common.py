"""Pieces of Halide that several generators share; imported at build time only."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")


def strip_of(rows, about):
    """How many of an output's rows a task should make: about `about`, and in tasks of the same size."""
    tasks = hl.max(1, rows / about)
    return (rows + tasks - 1) / tasks
