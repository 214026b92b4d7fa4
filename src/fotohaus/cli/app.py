"""The commands. Heavy rooms are imported by the command that needs them, so that --help answers at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fotohaus.cli.options import recipe_options
from fotohaus.cli.terminal import TerminalReport
from fotohaus.recipe import Recipe

app = typer.Typer(
    name="fotohaus",
    help="Raw frames from any camera in, one finished photo out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print each stage with its time and what it decided.")]
Threads = Annotated[
    int, typer.Option("--threads", min=0, max=1024, help="Processors to use; 0 is all.", show_default=True)
]


def _version(wanted: bool) -> None:
    if wanted:
        from fotohaus import __version__

        print(f"fotohaus {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
@recipe_options
def develop(
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE", help="The frames of ONE photo: raw files, or one folder.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            help="The photo: .jpg, .tif or .png; .exr is the linear scene; .dng is the merged raw, still editable.",
        ),
    ],
    *,
    recipe: Recipe,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="A camera profile (.dcp) in place of the raw files' own.")
    ] = None,
    threads: Threads = 0,
    verbose: Verbose = False,
) -> None:
    """Develop raw frames into one photo.

    One raw is a photo; several frames are aligned and merged first.
    """
    from fotohaus import kernels
    from fotohaus.modes.photo import make_photo

    kernels.set_threads(threads)
    with TerminalReport(verbose) as report:
        make_photo(sources, out, recipe, report, profile=profile)
    if sys.stderr.isatty():
        print(out, file=sys.stderr)


@app.command()
def info(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Raw files, or photos that fotohaus made.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a file.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Show position, serial numbers and owner too.")] = False,
) -> None:
    """Say what files say: camera, exposure, levels, noise, colour, opcodes."""
    from fotohaus.errors import FotohausError
    from fotohaus.raw import describe

    facts: list[dict[str, Any]] = []
    failed = False
    for file in files:
        try:
            fact = describe(file)
        except FotohausError as error:
            print(f"fotohaus: {error}", file=sys.stderr)
            failed = True
            continue
        if not private:
            fact.pop("private", None)
        facts.append(fact)
        if not as_json:
            _print_facts(fact)
    if as_json:
        print(json.dumps(facts if len(files) > 1 else facts[0] if facts else None, indent=2, ensure_ascii=False))
    if failed:
        raise typer.Exit(1)


def _print_facts(fact: dict[str, Any], indent: str = "") -> None:
    for name, value in fact.items():
        label = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            print(f"{label}:")
            _print_facts(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            print(f"{label}:")
            for item in value:
                print(f"{indent}  - " + ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in item.items()))
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            print(f"{label}: {shown}")
    if not indent:
        print()


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the two photos.")] = Path("fotohaus-demo"),
    *,
    threads: Threads = 0,
) -> None:
    """Make a photo from the burst that ships with fotohaus, and the same from one frame, to compare."""
    from fotohaus import kernels
    from fotohaus.cli.demo import run

    kernels.set_threads(threads)
    run(out)
