"""Names to files, files to images, one at a time."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fotohaus.errors import ReadError
from fotohaus.raw import RawImage, expand_sources, read, read_raw, sources, stream
from fotohaus.report import Report

Maker = Callable[..., Any]


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return [folder / name for name in names]


def test_a_folder_gives_its_raw_files_in_natural_order(tmp_path: Path) -> None:
    ordered = touch(tmp_path, "IMG_2.dng", "img_10.DNG", "IMG_11.nef", "IMG_100.CR3", "z.arw")
    touch(tmp_path, ".IMG_1.dng", "a.jpg", "notes.txt", "dng")
    (tmp_path / "b.dng").mkdir()
    assert expand_sources([tmp_path]) == ordered


def test_files_stay_in_the_order_given_and_count_once(tmp_path: Path) -> None:
    a, b, c = touch(tmp_path, "a.dng", "b.dng", "c.bin")
    assert expand_sources([c, str(a), b, a]) == [c, a, b]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: [], "no raw files were named"),
        (lambda folder: [folder], "without raw files"),
        (lambda folder: [folder / "no.dng"], "no such file"),
        (lambda folder: [str(folder) + "\0"], "no such file"),
        (lambda folder: [str(folder) + "/" + "x" * 5000], "too long"),
    ],
)
def test_sources_without_files_are_refused(tmp_path: Path, make: Callable[[Path], Any], reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        expand_sources(make(tmp_path))


def test_a_folder_of_photos_that_are_not_read_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "IMG_1.HEIC", "a.webp", "b.txt")
    with pytest.raises(ReadError, match=r"photos: \.heic, \.webp are not read yet"):
        expand_sources([tmp_path])


def test_read_and_stream_give_every_image(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"frame_{i}.dng").write_bytes(dng(np.full((8, 8), i, np.uint16)))
    assert [int(image.mosaic[0, 0]) for image in stream(tmp_path)] == list(range(5))
    assert [int(image.mosaic[0, 0]) for image in read([tmp_path / "frame_3.dng", tmp_path / "frame_1.dng"])] == [3, 1]
    assert len(read(str(tmp_path / "frame_3.dng"))) == 1


def test_stream_reads_one_ahead_and_no_more(
    dng: Maker, samples: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(5):
        (tmp_path / f"frame_{i}.dng").write_bytes(dng(samples((8, 8))))
    begun: list[str] = []
    second = threading.Event()

    def spy(path: Path, report: Report | None = None, **_: Any) -> RawImage:
        begun.append(path.name)
        if path.name == "frame_1.dng":
            second.set()
        return read_raw(path, report)

    monkeypatch.setattr(sources, "read_raw", spy)
    images = stream(tmp_path)
    next(images)
    assert second.wait(5)
    assert begun == ["frame_0.dng", "frame_1.dng"]
    images.close()


def test_a_bad_frame_is_told_when_its_turn_comes(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(dng(samples((8, 8)), main={50721: None}))
    (tmp_path / "b.dng").write_bytes(b"no")
    report = Report()
    images = stream(tmp_path, report)
    next(images)
    assert "a.dng" in report.warnings[0]
    with pytest.raises(ReadError, match=r"b\.dng"):
        next(images)


def test_real_burst(shared: Path) -> None:
    images = list(stream(shared / "burst" / "m94"))
    assert [i.capture.sources[0] for i in images] == [f"N{i:03d}.dng" for i in range(8)]
