"""What headless Chromium shows of picture files, as a page's canvas has it."""

import base64
import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

PROGRAMS = "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"
KINDS = {".jpg": "image/jpeg", ".avif": "image/avif", ".jxl": "image/jxl"}
PAGE = """<!doctype html><pre id="told"></pre>IMAGES
<script>
addEventListener("load", () => {
  const told = {};
  for (const image of document.images) {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    told[image.id] = null;
    if (!width) continue;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d", {colorSpace: SPACE});
    context.drawImage(image, 0, 0);
    const bytes = context.getImageData(0, 0, width, height, {colorSpace: SPACE}).data;
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    told[image.id] = [width, height, btoa(text)];
  }
  document.getElementById("told").textContent = JSON.stringify(told) + " END";
});
</script>"""


def program() -> str:
    """Chromium's path; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


def shown(
    files: dict[str, Path], folder: Path, space: str = "display-p3", *flags: str
) -> dict[str, NDArray[np.uint8] | None]:
    """Pixels (H, W, 3) of each file in a canvas of a colour space, or None for what Chromium can't decode."""
    images = "".join(
        f'<img id="{name}" src="data:{KINDS[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}">'
        for name, path in files.items()
    )
    page = folder / "page.html"
    page.write_text(PAGE.replace("IMAGES", images).replace("SPACE", json.dumps(space)))
    fixed = ["--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command = [program(), *fixed, *flags, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'<pre id="told">(.*) END</pre>', done.stdout, re.DOTALL)
    assert found, f"Chromium said nothing: {done.stderr[-1000:]}"
    pixels: dict[str, NDArray[np.uint8] | None] = {}
    for name, told in json.loads(html.unescape(found[1])).items():
        if told is None:
            pixels[name] = None
            continue
        width, height, data = told
        pixels[name] = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3]
    return pixels
