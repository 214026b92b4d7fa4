"""Room raw: files to RawImage, RawImage to DNG."""

from fotohaus.raw.describe import describe
from fotohaus.raw.image import (
    CaptureInfo,
    ColorCalibration,
    GainMap,
    NoiseProfile,
    OtherOpcode,
    RawImage,
    Rectangle,
)
from fotohaus.raw.sources import RAW_EXTENSIONS, expand_sources, read, read_raw, stream

__all__ = [
    "RAW_EXTENSIONS",
    "CaptureInfo",
    "ColorCalibration",
    "GainMap",
    "NoiseProfile",
    "OtherOpcode",
    "RawImage",
    "Rectangle",
    "describe",
    "expand_sources",
    "read",
    "read_raw",
    "stream",
]
