"""Room framing: paper and type around a finished picture, from templates that are data."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fotohaus.framing.framed import Framed, framed, framed_gain_map
    from fotohaus.framing.layout import Layout, lay_out
    from fotohaus.framing.shelf import load_template, templates
    from fotohaus.framing.template import Template

_HOME = {
    "Framed": "framed",
    "framed": "framed",
    "framed_gain_map": "framed",
    "Layout": "layout",
    "lay_out": "layout",
    "load_template": "shelf",
    "templates": "shelf",
    "Template": "template",
}

__all__ = ["Framed", "Layout", "Template", "framed", "framed_gain_map", "lay_out", "load_template", "templates"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: most photos have no frame."""
    if name not in _HOME:
        raise AttributeError(f"module 'fotohaus.framing' has no attribute {name!r}")
    return getattr(import_module(f"fotohaus.framing.{_HOME[name]}"), name)
