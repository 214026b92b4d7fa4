"""What waits until it is asked for: NumPy and dataclasses work without, and get it when they ask."""

import subprocess
import sys

_START = """
import sys
from fotohaus.cli.unasked import BarePackages, Unasked, waiting
for name in ("ast", "dataclasses", "inspect", "numpy", "pickle", "platform"):
    assert name not in sys.modules, name
sys.meta_path.insert(0, BarePackages())
with waiting("inspect"):
    import dataclasses
import numpy as np
"""


def _run(code: str) -> str:
    # Without `site`, which imports what it likes.
    path = [p for p in sys.path if p]
    start = f"import sys; sys.path[:] = {path!r}\n"
    done = subprocess.run([sys.executable, "-S", "-c", start + _START + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_numpy_comes_without_them() -> None:
    assert _run("print([n for n in ('inspect', 'platform') if n in sys.modules])") == "[]"


def test_a_module_is_imported_when_it_is_asked_for() -> None:
    code = """
assert np._core.overrides.inspect.getsource(dataclasses).startswith("import re")
import inspect
assert not isinstance(inspect, Unasked) and inspect.cleandoc("a\\n  b") == "a\\nb"
print(str(inspect.signature(np.mean))[:2])
"""
    assert _run(code) == "(a"


def test_numpy_is_whole() -> None:
    code = """
import importlib.util, pickle
assert importlib.util.find_spec("numpy").loader is np.__loader__ and not isinstance(np.__loader__, BarePackages)
kept = pickle.loads(pickle.dumps(np.arange(3)))
@dataclasses.dataclass
class A:
    x: int = 1
print(kept, np.dtype("i4,f8"), np.linalg.norm([3, 4]), A())
"""
    assert _run(code) == "[0 1 2] [('f0', '<i4'), ('f1', '<f8')] 5.0 A(x=1)"


_WAITING = """
import concurrent.futures, io, contextlib
from pathlib import Path
from fotohaus.cli.unasked import have_wait
for name in ("gettext", "logging", "subprocess", "urllib.parse"):
    sys.modules.pop(name, None)
for name in ("concurrent.futures._base", "concurrent.futures.thread", "concurrent.futures", "pathlib", "argparse"):
    sys.modules.pop(name, None)
have_wait("gettext", "logging", "subprocess", "urllib.parse")
import argparse, logging, pathlib, subprocess
from concurrent.futures import thread
"""


def test_types_for_annotations_are_not_imported_and_their_modules_can_be() -> None:
    code = """
import numpy.typing, numpy.linalg
from numpy.typing import NDArray
assert "numpy._typing._dtype_like" not in sys.modules
assert (NDArray[np.float32] | None) and np.typing is numpy.typing
from numpy._typing._nbit import _NBitInt
from numpy._typing import _nbit
print(numpy.typing.NBitBase.__name__, _nbit._NBitInt is _NBitInt)
"""
    assert _run(code) == "NBitBase True"


def test_the_standard_library_works_with_what_waits() -> None:
    code = """
assert all(isinstance(sys.modules[n], Unasked) for n in ("gettext", "logging", "subprocess", "urllib.parse"))
import urllib.parse
assert isinstance(urllib.parse, Unasked) and urllib.parse.quote("a b") == "a%20b"
assert not isinstance(urllib.parse, Unasked)
assert pathlib.Path("/a b").as_uri() == "file:///a%20b"
assert subprocess.run(["echo", "hello"], capture_output=True, text=True).stdout == "hello\\n"
assert not any(isinstance(sys.modules[n], Unasked) for n in ("subprocess", "urllib.parse"))
told = io.StringIO()
with contextlib.redirect_stderr(told), concurrent.futures.ThreadPoolExecutor(1) as pool:
    done = pool.submit(int)
    done.result()
    done.add_done_callback(lambda future: 1 / 0)
assert "exception calling callback" in told.getvalue() and "ZeroDivisionError" in told.getvalue()
assert not isinstance(sys.modules["logging"], Unasked) and logging.INFO == 20
try:
    argparse.ArgumentParser(prog="p").parse_args(["--none"])
except SystemExit as exit:
    print(exit.code)
"""
    assert _run(_WAITING + code) == "2"


def test_pillow_reads_and_writes_tags_that_waited() -> None:
    code = """
import io
class Spy:
    asked = []
    def find_spec(self, name, path=None, target=None):
        self.asked.append(name)
sys.meta_path.insert(1, Spy())
from PIL import ExifTags, Image, ImageFile, JpegImagePlugin
assert isinstance(ExifTags, Unasked) and isinstance(sys.modules["PIL.TiffTags"], Unasked)
assert "PIL.ImageMode" in Spy.asked and "PIL.ExifTags" not in Spy.asked and "PIL.TiffTags" not in Spy.asked
exif = Image.Exif()
exif[ExifTags.Base.Orientation] = 6
assert not isinstance(sys.modules["PIL.ExifTags"], Unasked) and Image.ExifTags.Base is ExifTags.Base
file = io.BytesIO()
Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
import PIL
from PIL.ExifTags import GPS
from PIL.TiffTags import FLOAT
assert not isinstance(PIL.ExifTags, Unasked) and GPS.GPSLatitude == 2 and FLOAT == 11
print(Image.open(file).getexif()[274])
"""
    assert _run(code) == "6"
