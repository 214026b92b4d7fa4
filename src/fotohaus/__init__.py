"""Fotohaus."""
