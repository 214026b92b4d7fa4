"""The command line: `fotohaus develop`, `info`, `demo`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; exit 0 done, 1 this input can't be developed (one line says why), 2 wrong usage."""
    from fotohaus.cli.app import app
    from fotohaus.errors import FotohausError

    try:
        app()
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
