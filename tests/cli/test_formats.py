"""Formats, sizes and crops from the command line."""

from pathlib import Path

import imagecodecs
import pytest
from tests.cli.conftest import Run


def test_a_photo_of_a_size_and_a_ratio(run: Run, frame: Path, tmp_path: Path) -> None:
    done = run("develop", frame, "-o", "p.avif", "--long-edge", 240, "--crop", "3:2", "--max-size", "9kB")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.avif").stat().st_size <= 9000
    assert sorted(imagecodecs.avif_decode((tmp_path / "p.avif").read_bytes()).shape) == [3, 160, 240]


def test_a_lossless_photo_is_the_tiff(run: Run, frame: Path, tmp_path: Path) -> None:
    import tifffile

    for name in ("p.jxl", "p.tif"):
        assert run("develop", frame, "-o", name, "--quality", 100, "--long-edge", 300).returncode == 0
    lossless = imagecodecs.jpegxl_decode((tmp_path / "p.jxl").read_bytes())
    assert (lossless == tifffile.imread(tmp_path / "p.tif")).all()


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [("--crop", "3", "a ratio is W:H"), ("--long-edge", "7", "16"), ("--max-size", "large", "a size is as in")],
)
def test_what_can_not_be_is_wrong_usage(run: Run, frame: Path, option: str, value: str, why: str) -> None:
    done = run("develop", frame, "-o", "p.jpg", option, value)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_sdr_leaves_hdr_out_and_says_so(run: Run, frame: Path, tmp_path: Path) -> None:
    done = run("develop", frame, "-o", "both.avif", "--hdr", "--sdr")
    assert done.returncode == 0, done.stderr
    assert "--hdr left aside" in done.stderr
    assert run("develop", frame, "-o", "sdr.avif", "--sdr").returncode == 0
    both, sdr = (imagecodecs.avif_decode((tmp_path / name).read_bytes()) for name in ("both.avif", "sdr.avif"))
    assert (both == sdr).all()


def test_a_lossless_file_says_all_that_it_leaves_aside(run: Run, frame: Path) -> None:
    done = run("develop", frame, "-o", "p.png", "--hdr", "--max-size", "1MB")
    assert done.returncode == 0
    assert "--hdr and --max-size left aside" in done.stderr
