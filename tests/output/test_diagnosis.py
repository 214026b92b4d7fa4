"""The pictures that --debug draws, against merges whose truth is known."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fotohaus.burst import merge
from fotohaus.burst.diagnosis import CELL, Diagnosis
from fotohaus.errors import MergeError, WriteError
from fotohaus.modes.photo import make_photo
from fotohaus.output import charts
from fotohaus.output.diagnosis import facts, prepare_folder, summary, write_diagnosis
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import RawImage
from fotohaus.recipe import Recipe
from fotohaus.simulate import Burst, Mover, simulate_burst

PICTURES = {"alignment.png", "weights.png", "sharpness.png", "noise.png"}
REPORTS = {"report.json", "report.txt"}


def scene(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.1, 0.9, (90, 120, 3)).astype(np.float32)
    return np.asarray(np.kron(coarse, np.ones((16, 16, 1), np.float32)))


@pytest.fixture(scope="module")
def burst() -> Burst:
    # A dark square walks 40 px a frame over a light wall.
    subject = Mover(np.full((128, 128, 3), 0.02), size=(96, 96), velocity=(0, 40), position=(208, 200))
    return simulate_burst(scene(1), size=(512, 640), frames=4, iso=800, rotation=0.5, movers=[subject])


@pytest.fixture(scope="module")
def seen(burst: Burst) -> Diagnosis:
    other = replace(simulate_burst(scene(2), size=(512, 640), frames=1, iso=800).frame(0), path="other.dng")
    long = replace(burst.frame(1), path="long.dng", capture=replace(burst.frame(1).capture, exposure_time=0.08))
    diagnosis = Diagnosis()
    merge([*burst, other, long], reference=1, diagnosis=diagnosis)
    return diagnosis


def test_it_knows_what_became_of_every_frame(seen: Diagnosis) -> None:
    outcomes = [(f.name, f.outcome) for f in seen.frames]
    assert outcomes == [
        ("frame_000", "reference"),
        *((f"frame_{i:03d}", "merged") for i in (1, 2, 3)),
        ("other.dng", "does not match"),
        ("long.dng", "exposure +2.0 EV"),
    ]


def test_the_field_is_the_hand_s_motion(seen: Diagnosis, burst: Burst) -> None:
    for index in (1, 2, 3):
        frame, motion = seen.frames[index], burst.motions[index]
        assert frame.field is not None
        assert frame.field.shape == (8, 10, 2)
        matrix = motion.matrix(burst.size)
        y, x = np.mgrid[:8, :10] * CELL + CELL / 2 - 0.5
        place = np.stack([x, y], -1)
        truth = (place - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T - place
        assert np.abs(frame.field - truth).max() < 0.15
        assert frame.rotation == pytest.approx(-motion.degrees, abs=0.02)
        assert frame.beyond is not None
        assert np.abs(frame.beyond).max() < 0.1


def test_weights_fall_where_something_moved(seen: Diagnosis, burst: Burst) -> None:
    worth = seen.frames_worth
    assert worth is not None
    assert worth.shape == (8, 10)
    moved = burst.moved().reshape(8, CELL, 10, CELL).any((1, 3))
    still = ~moved
    still[2:6] = False  # next to its path
    assert worth[still].min() > 3
    assert worth[3].min() < 2.5
    assert worth.max() <= 4 + 1e-3


def test_the_noise_is_measured_beside_its_model(seen: Diagnosis) -> None:
    reference, merged = facts(seen)["noise"]
    assert reference["of"] == "frame_000"
    assert merged["of"] == "merged"
    assert all(0.8 < ratio < 1.2 for ratio in reference["measured_over_model"])
    told = facts(seen)
    assert told["frames_worth"] == pytest.approx(seen.worth, abs=1e-3)
    assert told["frames_worth_least"] < told["frames_worth"] <= told["merged"]
    assert told["variance"] == pytest.approx(seen.variance, abs=1e-4)


def test_files_are_whole_and_replace_the_last_ones(seen: Diagnosis, tmp_path: Path) -> None:
    (tmp_path / "deep" / "folder").mkdir(parents=True)
    (tmp_path / "deep" / "folder" / "report.txt").write_text("the last one")
    written = write_diagnosis(seen, tmp_path / "deep" / "folder")
    assert {p.name for p in written} == PICTURES | REPORTS == set(os.listdir(tmp_path / "deep" / "folder"))
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert min(picture.size) > 100
                assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 10
    told = json.loads((tmp_path / "deep" / "folder" / "report.json").read_text())
    assert told["merged"] == 4
    assert [f["outcome"] for f in told["frames"]][-1] == "exposure +2.0 EV"
    assert summary(seen).count("\n") == len((tmp_path / "deep" / "folder" / "report.txt").read_text().splitlines())


def alone(burst: Burst) -> list[RawImage]:
    return [burst.frame(0)]


def strangers(burst: Burst) -> list[RawImage]:
    first = burst.frame(0)
    return [first, *(simulate_burst(scene(s), size=(512, 640), frames=1, iso=800).frame(0) for s in (5, 6))]


@pytest.mark.parametrize(("frames", "pictures"), [(alone, {"noise.png"}), (strangers, PICTURES - {"weights.png"})])
def test_there_is_something_to_see_when_nothing_was_merged(burst, tmp_path, frames, pictures) -> None:  # type: ignore[no-untyped-def]
    diagnosis = Diagnosis()
    merge(frames(burst), reference=1, diagnosis=diagnosis)
    assert {p.name for p in write_diagnosis(diagnosis, tmp_path)} == pictures | REPORTS
    assert facts(diagnosis)["merged"] == 1


def test_it_changes_nothing(burst: Burst, seen: Diagnosis) -> None:
    plain, watched = merge(burst, reference=1), merge(burst, reference=1, diagnosis=Diagnosis())
    assert np.array_equal(plain.mosaic, watched.mosaic)


def test_the_command_writes_it_even_if_the_merge_fails(burst: Burst, tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.dng").write_bytes(encode_dng(burst.frame(i)))
    command = [sys.executable, "-m", "fotohaus", "develop", "0.dng", "1.dng", "-o", "out.jpg", "--debug", "seen"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert set(os.listdir(tmp_path / "seen")) == PICTURES | REPORTS
    done = subprocess.run([*command[:-1], "0.dng"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "fotohaus: 0.dng: is a file, not a folder\n"
    another = replace(burst.frame(1), mosaic=np.ascontiguousarray(burst.frame(1).mosaic[::-1, ::-1]))
    (tmp_path / "9.dng").write_bytes(encode_dng(another))
    files = [tmp_path / name for name in ("0.dng", "1.dng", "2.dng", "9.dng")]
    with pytest.raises(MergeError, match="does not match"):
        make_photo(files, tmp_path / "out.jpg", Recipe(reference=1), debug=tmp_path / "failed", strict=True)
    told = json.loads((tmp_path / "failed" / "report.json").read_text())
    assert [f["outcome"] for f in told["frames"]] == ["reference", "merged", "merged", "does not match"]


@pytest.mark.parametrize("kind", ["linear", "float", "bayer"])
def test_one_file_is_looked_at_as_it_is(burst: Burst, tmp_path: Path, kind: str) -> None:
    raw = burst.frame(0)
    if kind == "float":
        raw = replace(raw, mosaic=raw.mosaic.astype(np.float32))
    if kind == "linear":
        levels = raw.black[:1, :1].repeat(3, 1), raw.white[:1, :1].repeat(3, 1)
        raw = replace(raw, mosaic=np.stack([raw.mosaic] * 3, -1), cfa=None, black=levels[0], white=levels[1])
    (tmp_path / "a.dng").write_bytes(encode_dng(raw))
    make_photo([tmp_path / "a.dng"], tmp_path / "plain.dng", Recipe())
    make_photo([tmp_path / "a.dng"], tmp_path / "seen.dng", Recipe(), debug=tmp_path / "seen")
    assert (tmp_path / "plain.dng").read_bytes() == (tmp_path / "seen.dng").read_bytes()
    assert set(os.listdir(tmp_path / "seen")) >= REPORTS


def test_a_folder_that_cannot_be_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for bad in ("file", "file/below", "nul\0", "x" * 400):
        with pytest.raises(WriteError) as caught:
            prepare_folder(tmp_path / bad)
        assert "\n" not in str(caught.value)


def test_the_wheel_shows_what_the_field_has() -> None:
    """Directions are told apart, and lengths in one direction only fade."""
    field = np.array([[[1, 0], [0, 1], [-1, 0], [0, -1], [0, 0], [0.5, 0]]], np.float32)
    colors = charts.field_colors(field, 1.0)[0].astype(int)
    assert colors[4].tolist() == [255, 255, 255]
    for a in range(4):
        for b in range(a):
            assert np.abs(colors[a] - colors[b]).sum() > 150
    assert np.abs(colors[5] - (colors[0] + 255) / 2).max() <= 1
    wheel = np.asarray(charts.wheel(3.0)).astype(int)
    middle = wheel.shape[0] // 2
    assert np.abs(wheel[middle, middle + 53] - colors[0]).max() < 20
    assert np.abs(wheel[middle + 53, middle] - colors[1]).max() < 20
