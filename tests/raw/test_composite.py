"""What EXIF says of a merged image comes back, is what exiftool reads, and says no more than is known."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.private_photos import exiftool_facts, jpeg_with

from fotohaus.raw.capture import read_capture
from fotohaus.raw.composite import composite_of
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.image import CaptureInfo, Composite
from fotohaus.raw.tiff import Source, Tiff

BEGAN = datetime(2022, 7, 4, 12, 30, 59)


def frames() -> list[tuple[CaptureInfo, bool]]:
    return [
        (CaptureInfo(taken=BEGAN + timedelta(seconds=i // 2), subsecond="05"[i % 2], exposure_time=t), used)
        for i, (t, used) in enumerate([(1 / 30, True), (1 / 60, True), (1 / 8, False), (1 / 30, True)])
    ]


def test_what_is_known_of_the_frames() -> None:
    found = composite_of(frames())
    assert (found.captured, found.used) == (4, 3)
    assert found.exposures == (1 / 30, 1 / 60, 1 / 8, 1 / 30)
    assert found.total == pytest.approx(1 / 12)
    assert (found.longest, found.shortest) == (1 / 30, 1 / 60)
    assert found.period == pytest.approx(1.5 + 1 / 30, abs=1e-6)


def test_what_is_not_known_is_not_said() -> None:
    seen = frames()
    seen[1] = (CaptureInfo(exposure_time=1 / 30), True)
    assert composite_of(seen).period is None
    assert composite_of(seen).total is not None
    seen[2] = (CaptureInfo(), False)
    assert composite_of(seen) == Composite(4, 3)


def back(capture: CaptureInfo) -> CaptureInfo:
    return read_capture(Tiff(Source(encode_exif(capture, width=1, height=1))))


def test_it_comes_back() -> None:
    known = composite_of(frames())
    found = back(CaptureInfo(frames=3, composite=known))
    assert found.frames == 3
    assert found.composite is not None
    for name in ("captured", "used"):
        assert getattr(found.composite, name) == getattr(known, name)
    for name in ("exposures", "total", "longest", "shortest", "period"):
        assert getattr(found.composite, name) == pytest.approx(getattr(known, name), rel=1e-6)
    assert back(CaptureInfo(frames=7)).composite == Composite(7, 7)
    assert back(CaptureInfo()).frames == 1
    many = Composite(5000, 5000, (0.5,) * 5000, 2500.0, 0.5, 0.5)
    assert back(CaptureInfo(frames=5000, composite=many)).composite == Composite(5000, 5000)
    assert len(encode_exif(CaptureInfo(frames=5000, composite=many), width=1, height=1)) < 65000


def test_exiftool_reads_the_same(tmp_path: Path) -> None:
    block = encode_exif(CaptureInfo(frames=3, composite=composite_of(frames())), width=24, height=16)
    told = exiftool_facts(jpeg_with(block, tmp_path / "x.jpg"))
    assert told["CompositeImage"] == "Composite Image Captured While Shooting"
    assert told["CompositeImageCount"] == "4 3"
    period, *rest = told["CompositeImageExposureTimes"].split()
    assert float(period) == pytest.approx(1.5, abs=0.1)
    assert rest[2:] == ["1/8", "1/30", "1/60", "1/60", "1", "4", "1/30", "1/60", "1/8", "1/30"]
    assert told["Validate"] == "OK"


@pytest.mark.parametrize("at", range(0, 92, 4))
def test_damage_is_no_news(at: int) -> None:
    block = bytearray(encode_exif(CaptureInfo(frames=3, composite=composite_of(frames())), width=1, height=1))
    begin = len(block) - 92
    block[begin + at : begin + at + 4] = b"\xff\xff\xff\xff"
    found = read_capture(Tiff(Source(bytes(block))))
    assert found.frames in (1, 3)
