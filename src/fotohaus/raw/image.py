"""The first noun of the house: RawImage, one sensor image as read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CfaPattern = Literal["RGGB", "BGGR", "GRBG", "GBRG"]
CFA_PATTERNS: tuple[CfaPattern, ...] = ("RGGB", "BGGR", "GRBG", "GBRG")
PLANES = "RGB"

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
UInt16 = NDArray[np.uint16]


@dataclass(frozen=True)
class Rectangle:
    """Pixels top <= y < top + height, left <= x < left + width."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rectangle as a pair of array slices."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class NoiseProfile:
    """Variance = scale * x + offset for each of R, G, B; x and the deviation in units of the white level after black.

    DNG 1.7.1, NoiseProfile. `source` says where it comes from: "file", "catalogue", "estimated", "merged".
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    source: str = "file"


@dataclass(frozen=True)
class ColorCalibration:
    """How camera colours relate to CIE XYZ; the names and meanings are DNG 1.7.1's (chapter 6).

    Matrices are (3, 3). Color matrices map XYZ to camera, forward matrices map white-balanced camera to XYZ (D50).
    Illuminants are EXIF LightSource codes. `as_shot_neutral` is the camera's response to a neutral under the scene's
    light, its largest channel usually 1; None where the file does not say.
    """

    color_matrix_1: Float64
    illuminant_1: int = 21
    color_matrix_2: Float64 | None = None
    illuminant_2: int | None = None
    forward_matrix_1: Float64 | None = None
    forward_matrix_2: Float64 | None = None
    calibration_1: Float64 = field(default_factory=lambda: np.eye(3))
    calibration_2: Float64 = field(default_factory=lambda: np.eye(3))
    analog_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    as_shot_neutral: tuple[float, float, float] | None = None
    as_shot_white_xy: tuple[float, float] | None = None
    baseline_exposure: float = 0.0  # EV


@dataclass(frozen=True)
class GainMap:
    """A lens-shading map (DNG 1.7.1 opcode 9): gains on a grid over the image, interpolated bilinearly.

    `area` and the pitches say which pixels the map multiplies, relative to the mosaic (already cropped to the active
    area); origin and spacing are fractions of the image's size. gains has shape (points_v, points_h, map_planes).
    """

    area: Rectangle
    row_pitch: int
    col_pitch: int
    plane: int
    planes: int
    origin_v: float
    origin_h: float
    spacing_v: float
    spacing_h: float
    gains: Float32
    dng_version: int = 0x01030000
    flags: int = 1  # bit 0: a reader that does not know the opcode may skip it


@dataclass(frozen=True)
class OtherOpcode:
    """An opcode that this version carries through but does not apply: its id, version, flags and parameters."""

    opcode_id: int
    dng_version: int
    flags: int
    data: bytes

    @property
    def optional(self) -> bool:
        """Whether the file allows a reader to skip it."""
        return bool(self.flags & 1)


Opcode = GainMap | OtherOpcode


@dataclass(frozen=True)
class CaptureInfo:
    """What the camera recorded about the capture; None where the file does not say.

    Private facts (serial numbers, owner, position) are read so that `info` can show them; writers leave them out.
    """

    make: str | None = None
    model: str | None = None
    unique_model: str | None = None
    software: str | None = None
    taken: datetime | None = None
    subsecond: str | None = None
    utc_offset: str | None = None  # "+08:00"
    exposure_time: float | None = None  # s
    f_number: float | None = None
    iso: int | None = None
    exposure_bias: float | None = None  # EV
    focal_length: float | None = None  # mm
    focal_length_35mm: float | None = None  # mm
    lens_make: str | None = None
    lens_model: str | None = None
    flash: int | None = None  # EXIF Flash
    metering: int | None = None  # EXIF MeteringMode
    exposure_program: int | None = None  # EXIF ExposureProgram
    artist: str | None = None
    copyright: str | None = None
    description: str | None = None
    serial: str | None = None
    owner: str | None = None
    position: tuple[float, float] | None = None  # latitude, longitude in degrees
    sources: tuple[str, ...] = ()  # names of the files that went in, without folders
    frames: int = 1  # how many frames were merged


@dataclass(frozen=True)
class RawImage:
    """One sensor image: the mosaic of its active area and everything needed to develop it.

    mosaic : (H, W) uint16 with a Bayer `cfa`; or (H, W, 3) uint16 linear raw with `cfa` None.
    black, white : (2, 2) float32, level in DN at each position of the CFA, [y & 1, x & 1]. For linear raw all equal
        within a plane is not expressible: black and white are then (1, 3).
    crop : the default crop, within the mosaic.
    orientation : EXIF Orientation, 1..8, of the mosaic as stored.
    """

    mosaic: UInt16
    cfa: CfaPattern | None
    black: Float32
    white: Float32
    color: ColorCalibration
    crop: Rectangle
    orientation: int = 1
    noise: NoiseProfile | None = None
    opcodes_1: tuple[Opcode, ...] = ()  # before linearisation
    opcodes_2: tuple[Opcode, ...] = ()  # after linearisation, before demosaic: gain maps
    opcodes_3: tuple[Opcode, ...] = ()  # after demosaic: lens
    capture: CaptureInfo = field(default_factory=CaptureInfo)
    path: str | None = None

    @property
    def name(self) -> str:
        """What to call the image in a message."""
        return self.path or "raw image"

    def with_mosaic(self, mosaic: UInt16) -> RawImage:
        """The same image with other samples of the same shape."""
        if mosaic.shape != self.mosaic.shape:
            raise ValueError(f"mosaic must be {self.mosaic.shape}, got {mosaic.shape}")
        return replace(self, mosaic=mosaic)
