"""Scene to OpenEXR: linear Rec. 2020 light as half floats, with chromaticities and the capture's facts."""

from __future__ import annotations

import errno
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.develop.scene import Scene
from fotohaus.output.icc import D65_XY, SPACES
from fotohaus.raw.exif import caption, date_text, software
from fotohaus.raw.image import CaptureInfo

_HALF_MAX = 65504.0


def write_exr(scene: Scene, path: Path, *, xmp: bytes, program: str | None = None, private: bool = False) -> None:
    """Write a scene to a new file: three half-float channels, PIZ compression (lossless).

    Light above 65504, the largest half float, becomes 65504; what is not a number becomes 0.

    xmp : what `fotohaus.output.xmp.packet` makes; it goes into the string attribute "xmp".
    program : what made it; by default "fotohaus VERSION"; "" leaves it out.
    private : also write serial numbers, owner and place.

    Raises OSError.
    """
    import OpenEXR

    header: dict[str, Any] = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.PIZ_COMPRESSION,
        "chromaticities": tuple(v for xy in (*SPACES["rec2020"].primaries, D65_XY) for v in xy),
        "xmp": xmp.decode(),
        **_facts(scene.capture, private),
    }
    if program != "":
        header["software"] = program or software()
    if scene.white_xy is not None:
        # The white of the light in the scene was mapped to D65: neutral is R = G = B.
        header["adoptedNeutral"] = D65_XY
    channels = {name: _half(scene.pixels[..., i]) for i, name in enumerate("RGB")}
    try:
        OpenEXR.File(header, channels).write(str(path))
    except (RuntimeError, ValueError) as error:
        raise _system_error(str(error)) from None


def _system_error(message: str) -> OSError:
    """What the system said, out of what OpenEXR says: its message ends with the system's own words."""
    for code in errno.errorcode:
        if message.rstrip(".").endswith(os.strerror(code)):
            return OSError(code, os.strerror(code))
    return OSError(f"OpenEXR can't write it: {message.splitlines()[-1]}")


def _half(plane: NDArray[np.float32]) -> NDArray[np.float16]:
    clipped = np.clip(plane, -_HALF_MAX, _HALF_MAX)
    np.nan_to_num(clipped, copy=False, nan=0.0)
    return clipped.astype(np.float16)


def _facts(capture: CaptureInfo, private: bool) -> dict[str, Any]:
    """OpenEXR's standard attributes, with serial numbers, owner and place if those are asked for."""
    texts = {
        "cameraMake": capture.make,
        "cameraModel": capture.model,
        "lensMake": capture.lens_make,
        "lensModel": capture.lens_model,
        "comments": caption(capture.description),
    }
    numbers = {
        "expTime": capture.exposure_time,
        "aperture": capture.f_number,
        "isoSpeed": capture.iso,
        "nominalFocalLength": capture.focal_length,
    }
    if private:
        texts |= {
            "owner": capture.owner,
            "cameraSerialNumber": capture.serial,
            "lensSerialNumber": capture.lens_serial,
        }
    facts: dict[str, Any] = {name: _plain(text) for name, text in texts.items() if text}
    if private and capture.position is not None:
        place = (*capture.position, capture.altitude)
        facts |= {
            n: float(v) for n, v in zip(("latitude", "longitude", "altitude"), place, strict=True) if v is not None
        }
    facts |= {n: float(v) for n, v in numbers.items() if v is not None and math.isfinite(v) and v > 0}
    if capture.taken is not None and capture.dated != "changed":
        facts["capDate"] = date_text(capture.taken)
        offset = re.fullmatch(r"([+-])(\d\d):(\d\d)", capture.utc_offset or "")
        if offset:
            # OpenEXR counts seconds to be added to the local time to get UTC.
            seconds = int(offset[2]) * 3600 + int(offset[3]) * 60
            facts["utcOffset"] = float(-seconds if offset[1] == "+" else seconds)
    return facts


def _plain(text: str) -> str:
    """Text that UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()
