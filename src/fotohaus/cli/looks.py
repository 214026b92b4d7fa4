"""`fotohaus looks`: which there are, how they are made up, a photo in all of them; keeping, learning, exporting one."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fotohaus.cli.command import Command
from fotohaus.cli.options import add_recipe_options, chosen_recipe
from fotohaus.cli.terminal import plain
from fotohaus.cli.usage import file_name
from fotohaus.errors import ReadError, WriteError

if TYPE_CHECKING:
    from PIL import Image

    from fotohaus.render.fit import Fit

SHEET = 300_000
"""Pixels of a picture on a contact sheet, about."""
SLIDERS = ("look", "strength", "tone", "warmth", "texture", "vignette", "grain", "sharpen")
TAKES = ("srgb", "p3", "linear", "slog3", "logc3")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", nargs="?", type=file_name, metavar="PHOTO", help="a raw file to be seen in every look")
    parser.add_argument("-o", "--out", type=file_name, metavar="SHEET", help="the contact sheet: .jpg or .png")


def _list(options: argparse.Namespace) -> int:
    if (options.photo is None) != (options.out is None):
        options.error("a contact sheet needs both PHOTO and -o SHEET")
    from fotohaus.render.looks import PACKAGED, looks, read_look

    if options.photo is not None:
        _check_picture(options.out)
        _save(options.out, _contact_sheet(options.photo))
        return 0
    found = looks()
    width = max(map(len, found))
    failed = False
    for name, path in found.items():
        try:
            look = read_look(path)
        except ReadError as error:
            print(f"fotohaus: {plain(error)}", file=sys.stderr)
            failed = True
            continue
        own = "" if path.parent == PACKAGED else " (your own)"
        print(f"{name:{width}}  {look.about or look.title}{own}")
    return int(failed)


def _contact_sheet(photo: Path) -> Image.Image:
    from fotohaus.develop.pipeline import prepare
    from fotohaus.output.look_charts import contact_sheet
    from fotohaus.output.preview import LEFT_OUT
    from fotohaus.raw import read_raw
    from fotohaus.recipe import Recipe
    from fotohaus.render.looks import looks
    from fotohaus.render.pipeline import render

    scene = prepare(read_raw(photo), off=LEFT_OUT).small(SHEET)
    seen = [(name, render(scene, Recipe(look=name, gamut="srgb", sdr=True))) for name in looks()]
    return contact_sheet(seen, photo.name)


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("look", metavar="LOOK", help="a look's name, or the path of its file")
    parser.add_argument(
        "-o", "--out", type=file_name, metavar="PLOT", help="a picture of its tone curve and hues: .png"
    )


def _show(options: argparse.Namespace) -> int:
    from fotohaus.render.look import to_toml
    from fotohaus.render.looks import load_look

    look = load_look(options.look)
    if options.out is None:
        print(to_toml(look), end="")
        return 0
    _check_picture(options.out)
    from fotohaus.output.look_charts import look_chart

    _save(options.out, look_chart(options.look, look))
    return 0


def _save_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the look is to be called: a-z, 0-9 and -")
    parser.add_argument("--title", metavar="TEXT", help="its title; otherwise its name")
    parser.add_argument("--force", action="store_true", help="replace a look of yours that has the name")
    add_recipe_options(parser, SLIDERS)


def _save_look(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from fotohaus.output.atomic import save
    from fotohaus.recipe import DEFAULT_LOOK
    from fotohaus.render.look import chosen, parse_look, to_toml
    from fotohaus.render.looks import NAME, PACKAGED, RESERVED, load_look, own_folder

    name = options.name
    if not NAME.fullmatch(name):
        options.error(f"argument NAME: a look's name is made of a-z, 0-9 and -, {name!r} is not")
    if name in RESERVED or (PACKAGED / f"{name}.toml").exists():
        options.error(f"argument NAME: {name} is one of fotohaus's own looks")
    recipe = chosen_recipe(options)
    start = recipe.look or DEFAULT_LOOK
    if start == "camera":
        options.error("argument --look: the camera's look is in the raw file, there is nothing to start from")
    look = chosen(load_look(start), recipe)
    text = to_toml(replace(look, title=options.title or name, about=f"{look.title}, changed."))
    try:
        parse_look(text)
    except ValueError as error:
        raise WriteError(None, str(error)) from None
    path = own_folder() / f"{name}.toml"
    if path.exists() and not options.force:
        raise WriteError(path, "is there already; --force replaces it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(path.parent, error.strerror or "can't be made") from None
    save(path, [text.encode()])
    print(path)
    return 0


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("look", metavar="LOOK", help="a look's name, or the path of its file")
    parser.add_argument(
        "-o",
        "--out",
        type=file_name,
        metavar="LUT",
        help="the table: .cube, or .png for a Hald CLUT [the look's name.cube]",
    )
    parser.add_argument(
        "--cube",
        "--size",
        dest="size",
        type=int,
        default=33,
        metavar="N",
        help="entries along a .cube's side [33]",
    )
    parser.add_argument(
        "--level", type=int, default=8, metavar="L", help="level of a Hald CLUT: L^2 entries along each side [8]"
    )
    parser.add_argument(
        "--input",
        default="srgb",
        metavar="|".join(TAKES),
        help="what the table takes: the neutral rendition in sRGB, Display P3 or linear, or a camera's log [srgb]",
    )


def _export(options: argparse.Namespace) -> int:
    out = options.out or Path(f"{Path(options.look).stem}.cube")
    suffix = out.suffix.lower()
    if suffix not in (".cube", ".png"):
        raise WriteError(out, f"unknown kind of file {suffix!r}: .cube and .png (Hald CLUT) can be written")
    hald = suffix == ".png"
    if options.input not in TAKES:
        options.error(f"argument --input: {', '.join(TAKES)} are known, not {options.input!r}")
    if hald and options.input != "srgb":
        options.error("argument --input: a Hald CLUT can't say what it takes, so it takes srgb")
    if not hald and not 2 <= options.size <= 129:
        options.error(f"argument --cube: must be from 2 to 129, is {options.size}")
    if hald and not 2 <= options.level <= 12:
        options.error(f"argument --level: must be from 2 to 12, is {options.level}")
    from fotohaus.output.atomic import check_target, save
    from fotohaus.render.looks import load_look
    from fotohaus.render.lut import to_cube, to_hald
    from fotohaus.render.lut_export import comments, look_cube

    look = load_look(options.look)
    check_target(out)
    cube = look_cube(look, options.level**2 if hald else options.size, options.input)
    save(out, [to_hald(cube) if hald else to_cube(cube, look.title, comments(options.input), options.input)])
    return 0


def _fit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        type=file_name,
        metavar="FILE",
        help="pairs: a raw file, and a JPEG, PNG or TIFF made from it",
    )
    parser.add_argument("-o", "--out", type=file_name, required=True, metavar="LOOK", help="the look: .toml")
    parser.add_argument("--title", metavar="TEXT", help="its title; otherwise the file's name")
    parser.add_argument("-v", "--verbose", action="store_true", help="print each stage with what it found")


def _fit(options: argparse.Namespace) -> int:
    files: list[Path] = options.files
    out: Path = options.out
    if len(files) % 2:
        options.error(f"argument FILE: pairs are needed, {len(files)} files are none")
    title = options.title or out.stem
    if len(title) > 500 or not title.isprintable():
        options.error("argument --title: one line of at most 500 characters")
    from fotohaus.output.atomic import check_target, save

    if out.suffix.lower() != ".toml":
        raise WriteError(out, f"unknown kind of file {out.suffix!r}: a look is a .toml file")
    check_target(out)
    from fotohaus.cli.terminal import TerminalReport
    from fotohaus.modes.fit_look import fit_files
    from fotohaus.render.look import to_toml

    with TerminalReport(options.verbose) as report:
        fit = fit_files(list(zip(files[::2], files[1::2], strict=True)), title, report)
    save(out, [to_toml(fit.look).encode()])
    _print_fit(fit, files[1::2])
    return 0


def _print_fit(fit: Fit, rendered: Sequence[Path]) -> None:
    """What is left by hue and luminance, and what each picture has of its own."""
    from fotohaus.render.fit import RANGES

    print(f"mean CIEDE2000 {fit.after:.2f}, of the neutral look {fit.before:.2f}\n")
    print(f"{'':10}" + "".join(f"{f'L* {least:.0f}-{most:.0f}':>20}" for least, most in RANGES))
    cells = {(part.name, part.least): f"{part.mean:.2f} ({part.colors} colours)" for part in fit.residuals}
    for name in dict.fromkeys(part.name for part in fit.residuals):
        print(f"{name:10}" + "".join(f"{cells.get((name, least), '-'):>20}" for least, _ in RANGES))
    print()
    for path, ev, falloff in zip(rendered, fit.ev, fit.falloff, strict=True):
        print(f"{path}: exposure {ev:+.2f} EV, corners {-falloff:+.2f} EV")


def _check_picture(path: Path) -> None:
    from fotohaus.extensions import DRAWINGS
    from fotohaus.output.atomic import check_target

    if path.suffix.lower() not in DRAWINGS:
        raise WriteError(path, f"unknown kind of file {path.suffix!r}: .jpg and .png can be written")
    check_target(path)


def _save(path: Path, image: Image.Image) -> None:
    from fotohaus.output.atomic import save

    out = io.BytesIO()
    image.save(out, "PNG" if path.suffix.lower() == ".png" else "JPEG", quality=92)
    save(path, [out.getvalue()])


COMMANDS = {
    "list": Command("[PHOTO -o SHEET]", "List the looks, or show a photo in each of them.", _list_arguments, _list),
    "show": Command("LOOK [-o PLOT]", "Show what a look is made of.", _show_arguments, _show),
    "save": Command(
        "NAME [OPTION...]", "Keep a look with the sliders as they are, as your own.", _save_arguments, _save_look
    ),
    "export": Command("LOOK [-o LUT]", "Write a look's colour as a LUT for others.", _export_arguments, _export),
    "fit": Command(
        "RAW JPEG [RAW JPEG...] -o LOOK.toml",
        "Learn a look from raw files and renderings of them, a camera's own JPEGs, say.",
        _fit_arguments,
        _fit,
    ),
}
