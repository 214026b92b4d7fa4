"""Room raw: files to RawImage, RawImage to DNG."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fotohaus.raw.calibration import apply_profile
    from fotohaus.raw.describe_file import describe
    from fotohaus.raw.extras import DepthMap, Extras, SemanticMask, read_extras
    from fotohaus.raw.grouping import FrameGroup, Grouping, group_files
    from fotohaus.raw.image import (
        CameraProfile,
        CaptureInfo,
        ColorCalibration,
        GainMap,
        NoiseProfile,
        OtherOpcode,
        RawImage,
        Rectangle,
    )
    from fotohaus.raw.profile_read import read_dcp
    from fotohaus.raw.sources import expand_sources, read, read_raw, stream

_HOME = {
    "apply_profile": "calibration",
    "describe": "describe_file",
    "read_dcp": "profile_read",
    **dict.fromkeys(("DepthMap", "Extras", "SemanticMask", "read_extras"), "extras"),
    **dict.fromkeys(("FrameGroup", "Grouping", "group_files"), "grouping"),
    **dict.fromkeys(("CameraProfile", "CaptureInfo", "ColorCalibration", "GainMap"), "image"),
    **dict.fromkeys(("NoiseProfile", "OtherOpcode", "RawImage", "Rectangle"), "image"),
    **dict.fromkeys(("expand_sources", "read", "read_raw", "stream"), "sources"),
}

__all__ = [
    "CameraProfile",
    "CaptureInfo",
    "ColorCalibration",
    "DepthMap",
    "Extras",
    "FrameGroup",
    "GainMap",
    "Grouping",
    "NoiseProfile",
    "OtherOpcode",
    "RawImage",
    "Rectangle",
    "SemanticMask",
    "apply_profile",
    "describe",
    "expand_sources",
    "group_files",
    "read",
    "read_dcp",
    "read_extras",
    "read_raw",
    "stream",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: developing a DNG needs few of them."""
    if name not in _HOME:
        raise AttributeError(f"module 'fotohaus.raw' has no attribute {name!r}")
    return getattr(import_module(f"fotohaus.raw.{_HOME[name]}"), name)
