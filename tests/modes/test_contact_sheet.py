"""Contact sheets show what can be shown, and say what can't."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fotohaus.errors import ReadError, WriteError
from fotohaus.modes.contact_sheet import contact_sheet
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.image import CaptureInfo
from fotohaus.report import Report

SAMPLE = Path(__file__).resolve().parents[2] / "src" / "fotohaus" / "sample"
RED, BLUE = (200, 30, 30), (30, 30, 200)


def save(path: Path, taken: datetime | None = None, orientation: int = 1, size: tuple[int, int] = (300, 200)) -> Path:
    """The left half red, the right half blue."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    capture = CaptureInfo(make="Barnes", model="Testcam", taken=taken, exposure_time=0.01)
    exif = encode_exif(capture, width=size[0], height=size[1], orientation=orientation)
    # Each file is another, or it would count as one and the same.
    image.save(path, quality=80 + hash(path.name) % 10, exif=b"Exif\0\0" + exif, comment=path.name)
    return path


def cells(page: Path) -> tuple[np.ndarray, np.ndarray]:
    """Where it is red, and where it is blue."""
    with Image.open(page) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return (pixels[..., 0] - pixels[..., 2] > 120), (pixels[..., 2] - pixels[..., 0] > 120)


def test_pictures_stand_upright_with_their_words(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", orientation=6)
    (sheet,) = contact_sheet([tmp_path], tmp_path / "out.png")
    red, blue = cells(sheet)
    assert np.nonzero(red)[0].mean() < np.nonzero(blue)[0].mean() - 40, "red is above blue"
    with Image.open(sheet) as image:
        dark = np.asarray(image.convert("L")) < 90
    below = dark[np.nonzero(blue)[0].max() + 5 :]
    assert below.any(axis=1).sum() > 15, "there is a name below"


def test_photos_that_are_not_read_yet_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    for name in ("a.heic", "b.HEIC", "c.avif", "d.jxl", "e.webp", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    report = Report()
    contact_sheet([tmp_path], tmp_path / "sheet.jpg", report)
    said = f"{tmp_path}: b.HEIC, c.avif, d.jxl and 1 more left out: files of these kinds are not read yet"
    assert report.warnings == [said]  # a.heic is a.jpg once more


def test_hundreds_go_on_pages(tmp_path: Path) -> None:
    for i in range(31):
        save(tmp_path / f"IMG_{i}.jpg", size=(60, 40))
    report = Report()
    pages = contact_sheet([tmp_path], tmp_path / "sheet.jpg", report)
    assert [page.name for page in pages] == ["sheet-1.jpg", "sheet-2.jpg"]
    with Image.open(pages[0]) as first, Image.open(pages[1]) as second:
        assert first.size == second.size == (2480, 3508)
        assert first.info["dpi"] == (300, 300)
    assert not report.warnings


def test_a_burst_is_one_cell(tmp_path: Path) -> None:
    start = datetime(2026, 1, 2, 3, 4, 5)
    for i in range(3):
        save(tmp_path / f"b{i}.jpg", start + timedelta(seconds=i))
    save(tmp_path / "later.jpg", start + timedelta(hours=2))
    (tmp_path / "out").mkdir()
    counts = []
    for every in (False, True):
        (page,) = contact_sheet([tmp_path], tmp_path / "out" / "sheet.png", every=every)
        red = cells(page)[0].any(axis=0)
        counts.append(int((red[1:] & ~red[:-1]).sum()))
    assert counts == [2, 4]


def test_photos_without_a_time_are_never_hidden(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / f"b{i}.jpg")
    red = cells(contact_sheet([tmp_path], tmp_path / "o.png")[0])[0].any(axis=0)
    assert int((red[1:] & ~red[:-1]).sum()) == 3


def test_raw_files_are_shown_and_broken_ones_say_why(tmp_path: Path) -> None:
    raw = sorted(SAMPLE.glob("*.dng"))[0]
    (tmp_path / "good.dng").write_bytes(raw.read_bytes())
    (tmp_path / "cut.dng").write_bytes(raw.read_bytes()[:3000])
    (tmp_path / "none.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    report = Report()
    (sheet,) = contact_sheet([tmp_path], tmp_path / "o.png", report, every=True)
    assert sorted(Path(line.split(": ")[0]).name for line in report.warnings) == ["cut.dng", "none.jpg"]
    with Image.open(sheet) as image:
        page = np.asarray(image.convert("L")).astype(int)
    assert (page == 238).sum() > 200_000, "two cells are empty"
    assert (np.abs(np.diff(page[300:600], axis=1)) > 3).mean() > 0.01, "one shows something"


def test_of_a_raw_file_and_its_jpeg_one_is_shown(tmp_path: Path) -> None:
    from fotohaus.modes.contact_sheet import _files

    for name in ("IMG_2.dng", "IMG_2.jpg", "IMG_10.JPG", "note.txt", ".hidden.jpg"):
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in _files([tmp_path], Report())] == ["IMG_2.dng", "IMG_10.JPG"]


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="without raw files or photos"):
        contact_sheet([tmp_path], tmp_path / "o.jpg")
    with pytest.raises(WriteError, match="unknown kind"):
        contact_sheet([tmp_path], tmp_path / "o.gif")
    with pytest.raises(ReadError):
        contact_sheet([tmp_path / "absent"], tmp_path / "o.jpg")
