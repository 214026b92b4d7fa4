"""What waits until it is asked for: NumPy and dataclasses work without, and get it when they ask."""

import subprocess
import sys

_START = """
import sys
from fotohaus.cli.unasked import BareNumPy, Unasked, waiting
for name in ("ast", "dataclasses", "inspect", "numpy", "pickle", "platform"):
    assert name not in sys.modules, name
sys.meta_path.insert(0, BareNumPy())
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
assert importlib.util.find_spec("numpy").loader is np.__loader__ and not isinstance(np.__loader__, BareNumPy)
kept = pickle.loads(pickle.dumps(np.arange(3)))
@dataclasses.dataclass
class A:
    x: int = 1
print(kept, np.dtype("i4,f8"), np.linalg.norm([3, 4]), A())
"""
    assert _run(code) == "[0 1 2] [('f0', '<i4'), ('f1', '<f8')] 5.0 A(x=1)"
