"""What reading a DNG does not need is not imported: it would cost every photo its time."""

import subprocess
import sys

_UNUSED = ("describe_file", "describe_dng", "describe_photo", "extras", "libraw", "illuminant", "dng", "exif")
_HEAVY = ("imagecodecs", "rawpy", "logging", "concurrent.futures", "subprocess", "importlib.metadata", "json")


def test_reading_imports_little() -> None:
    names = [*(f"fotohaus.raw.{name}" for name in _UNUSED), *_HEAVY]
    # What NumPy brings along is not ours.
    program = (
        "import sys, numpy, numpy.typing; before = {*sys.modules}; from fotohaus.raw import stream;"
        f"print(*sorted(({{*sys.modules}} - before) & {{*{names!r}}}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
