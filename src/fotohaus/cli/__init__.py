"""The command line, `fotohaus`: how it starts, and how it ends when something goes wrong."""

from __future__ import annotations

import atexit
import gc
import os
import sys

from fotohaus.cli.unasked import BarePackages, have_wait, waiting


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
    from fotohaus.memory import keep_memory

    keep_memory()
    sys.meta_path.insert(0, BarePackages())
    have_wait("gettext", "logging", "subprocess", "urllib.parse")
    with waiting("inspect"):
        import dataclasses  # noqa: F401
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


def _fail(line: str) -> None:
    from fotohaus.cli.terminal import plain

    print(f"fotohaus: {plain(' '.join(line.split()))}", file=sys.stderr)
    sys.exit(1)
