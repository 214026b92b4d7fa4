"""The command line, `fotohaus`: how it starts, and how it ends when something goes wrong."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


def main() -> None:
    """Run the command line; exit 0 done, 1 this input can't be developed (one line says why), 2 wrong usage."""
    try:
        _main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _main() -> None:
    # A photo takes less than a second. Importing makes a hundred thousand objects, none of them garbage, that the
    # collector would walk again and again; and a pool of threads for linear algebra is not worth starting for 3 x 3.
    gc.set_threshold(100_000)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _stand_in()
    _keep_memory()
    sys.meta_path.insert(0, _WithoutDocs())
    _without_inspect()
    # A thread that imports gives way to the one that starts the next kernel; 5 ms is what others are happy with.
    sys.setswitchinterval(0.0005)
    from fotohaus.cli.app import run
    from fotohaus.errors import FotohausError

    try:
        _leave(run(sys.argv[1:]))
    except FotohausError as error:
        _fail(str(error))
    except MemoryError:
        _fail("not enough memory")
    except BrokenPipeError:
        # The reader of our output went away (`fotohaus info ... | head`): nothing to say, and nobody to say it to.
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _drop_output()
        _fail(f"{error.filename or 'standard output'}: {(error.strerror or str(error)).lower()}")


class _WithoutDocs:
    """Spares NumPy the docstrings of its functions in C, and dataclasses and NumPy the import of `inspect`.

    The modules that put those docstrings there do nothing else: in their place there is nothing to do. `inspect`, with
    all that it imports, is there to tidy docstrings, and to say signatures. Together that is a fifth of what importing
    NumPy takes, and no command shows them.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == "numpy._core":
            sys.modules.setdefault("inspect", _Unasked("inspect"))
        elif name == "numpy.lib" and isinstance(sys.modules.get("inspect"), _Unasked):
            # The core is there. Whoever imports it from now on may ask anything.
            del sys.modules["inspect"]
        if name not in ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars"):
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        pass


class _Unasked(ModuleType):
    """`inspect`, for modules that hardly ask it anything: it is imported when they do."""

    @staticmethod
    def cleandoc(text: str) -> str:
        return text

    @staticmethod
    def signature(function: object) -> None:
        """Nothing to say: asked later, some of NumPy's functions have no signature to show."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get("inspect") is self:
            del sys.modules["inspect"]
        import inspect

        return getattr(inspect, name)


def _without_inspect() -> None:
    """Have `dataclasses` import `inspect` when it asks it something, which it does of classes without a docstring."""
    if "inspect" in sys.modules or "dataclasses" in sys.modules:
        return
    later = sys.modules["inspect"] = _Unasked("inspect")
    import dataclasses  # noqa: F401

    if sys.modules.get("inspect") is later:
        del sys.modules["inspect"]


def _stand_in() -> None:
    """Put something in the place of standard streams that are closed, and have the others show what they can.

    A file opened later would take the place, and be written to by whoever means to say something.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            while os.open(os.devnull, os.O_RDWR) < number:
                pass
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))
        elif number and (stream.errors == "strict" or stream.encoding.lower() != "utf-8"):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """What is still to be written to stdout goes nowhere: it would fail again as the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leave(status: int) -> None:
    """Exit without taking the interpreter down piece by piece: that takes longer than starting it did."""
    sys.stdout.flush()
    sys.stderr.flush()
    atexit._run_exitfuncs()
    os._exit(status)


def _keep_memory() -> None:
    """Have the C library keep freed memory for the next strip: half of all page faults are strips of pixels again."""
    if sys.platform == "linux":
        import ctypes

        trim_threshold, mmap_threshold, arena_max = -1, -3, -8  # of glibc's malloc.h; others have no mallopt
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            for name, value in ((trim_threshold, 1 << 30), (mmap_threshold, 1 << 25), (arena_max, 1)):
                mallopt(name, value)


def _fail(line: str) -> None:
    from fotohaus.cli.terminal import plain

    print(f"fotohaus: {plain(' '.join(line.split()))}", file=sys.stderr)
    sys.exit(1)
