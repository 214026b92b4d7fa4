"""The command line: `fotohaus develop`, `info`, `demo`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line; exit 0 done, 1 this input can't be developed (one line says why), 2 wrong usage."""
    # A photo takes less than a second. Importing makes a hundred thousand objects, none of them garbage, that the
    # collector would walk again and again; and a pool of threads for linear algebra is not worth starting for 3 x 3.
    gc.set_threshold(100_000)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from fotohaus.cli.app import run
    from fotohaus.errors import FotohausError

    try:
        sys.exit(run(sys.argv[1:]))
    except FotohausError as error:
        _fail(str(error))
    except MemoryError:
        _fail("not enough memory")
    except BrokenPipeError:
        # The reader of our output went away (`fotohaus info ... | head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _fail(line: str) -> None:
    print(f"fotohaus: {' '.join(line.split())}", file=sys.stderr)
    sys.exit(1)
