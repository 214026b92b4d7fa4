"""`fotohaus cameras` from outside."""

import json
import subprocess
from collections.abc import Callable

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_cameras_are_listed(run: Run) -> None:
    done = run("cameras", "list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) >= 31
    [ultra] = [line for line in lines if line.startswith("Xiaomi 12S Ultra ")]
    assert ultra.endswith("23 mm f/1.9, 13 mm f/2.2, 120 mm f/4.1; sold in CN only")
    [plain] = [line for line in lines if line.startswith("Xiaomi 12S  ")]
    assert "(?)" not in plain
    [one_plus] = [line for line in lines if line.startswith("OnePlus 12 ")]
    assert "23 mm f/1.7 (?)" in one_plus


@pytest.mark.parametrize("country", ["IT", "it", "Italy"])
def test_will_it_come_to_italy(run: Run, country: str) -> None:
    done = run("cameras", "list", "--market", country)
    assert (done.returncode, done.stderr) == (0, "")
    said = {line[15:].split("  ")[0]: line for line in done.stdout.splitlines()[1:] if line[:1] != " "}
    for name in ("Xiaomi 12S", "Xiaomi 12S Pro", "Xiaomi 12S Ultra"):
        assert said[name].startswith("no ")
        assert "exclusively in Mainland China" in said[name]
        assert "https://www.androidpolice.com/" in said[name]
        assert "2022-07-05" in said[name]
    assert said["Xiaomi 12"].startswith("yes ")
    assert said["Xiaomi 13 Ultra"].startswith("announced ")
    assert said["Xiaomi 13 Pro"].startswith("yes  ")
    assert "https://www.mi.com/it/" in said["Xiaomi 13 Pro"]
    assert said["Xiaomi 12T Pro"].startswith("yes (?) ")
    assert said["Google Pixel 5"].startswith("no ")
    assert "next generation will be sold internationally" in done.stdout


def test_markets_as_json(run: Run) -> None:
    answers = {}
    for country in ("CN", "IT"):
        done = run("cameras", "list", "--market", country, "--json")
        assert done.returncode == 0, done.stderr
        answers[country] = {phone["key"]: phone["market"] for phone in json.loads(done.stdout)}
    assert answers["CN"]["xiaomi-12s-ultra"]["answer"] == "yes"
    assert answers["IT"]["xiaomi-12s-ultra"]["answer"] == "no"
    assert answers["IT"]["xiaomi-12s-ultra"]["sources"][0]["publisher"] == "Android Police"
    assert answers["IT"]["gopro-fusion"] == {"country": "IT", "answer": "unknown"}
    assert answers["IT"]["xiaomi-12t-pro"]["verified"] is False


@pytest.mark.parametrize("name", [("12s", "ultra"), ("12s ultra",), ("2203121C",), ("Xiaomi 12S Ultra",)])
def test_a_camera_is_shown(run: Run, name: tuple[str, ...]) -> None:
    done = run("cameras", "show", *name)
    assert (done.returncode, done.stderr) == (0, "")
    first = done.stdout.splitlines()[0]
    assert first == "Xiaomi 12S Ultra"
    for expected in ("Sony IMX989", "crop factor 2.64", "f/5.0", "contradictions", "sources"):
        assert expected in done.stdout
    assert "= binned pixels: 3.2 µm" in done.stdout
    assert "= hyperfocal distance: 3.7 m (circle of confusion 10.9 µm)" in done.stdout


def test_a_camera_as_json(run: Run) -> None:
    done = run("cameras", "show", "12s", "ultra", "--json")
    facts = json.loads(done.stdout)
    main = facts["cameras"][0]
    assert main["facts"]["focal_length_35mm"]["value"] == 23
    assert main["facts"]["focal_length_35mm"]["sources"][0]["url"].startswith("https://galaxus")
    assert main["derived"]["crop_factor"]["value"] == pytest.approx(2.64, abs=0.01)
    assert main["derived"]["crop_factor"]["verified"] is True
    assert main["derived"]["hyperfocal_distance"]["value"] == pytest.approx(3660, abs=30)
    assert facts["markets"][0]["exclusive"] is True
    assert facts["contradictions"][0]["settled"]


def test_what_is_unverified_is_marked(run: Run) -> None:
    shown = run("cameras", "show", "oneplus", "12").stdout
    assert "35 mm equivalent: 23 mm (?)" in shown
    assert "focal length: about 6.1 mm (?)" in shown
    assert "resolution: 50 megapixels [" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "nokia 3310"), "nearest are"),
        (("show", "12s ulra"), "Xiaomi 12S Ultra"),
        (("show", "galaxy"), "may be any of"),
        (("show", ""), "no camera ''"),
        (("show", "a\nb\x1b[31m"), "no camera"),
        (("list", "--market", "XX"), "no country 'XX'"),
        (("list", "--market", "Itly"), "IT (Italy)"),
    ],
)
def test_unknown_ones_are_one_line(run: Run, arguments: tuple[str, ...], says: str) -> None:
    done = run("cameras", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert "\x1b" not in done.stderr


def test_wrong_usage(run: Run) -> None:
    for arguments in ((), ("show",), ("list", "--market"), ("sell", "12s")):
        assert run("cameras", *arguments).returncode == 2
