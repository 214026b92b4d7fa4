"""Modes: short compositions of the rooms, one per kind of photo."""
