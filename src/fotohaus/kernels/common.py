"""Pieces of Halide that several generators share; imported at build time only."""

import halide as hl

x, y, c = hl.Var("x"), hl.Var("y"), hl.Var("c")
