"""What framing a finished JPEG loses: python benchmarks/framing.py photo.jpg"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from fotohaus.framing import lay_out, load_template
from fotohaus.modes.frame_photo import frame_photo
from fotohaus.recipe import Recipe


def main() -> None:
    source = Image.open(sys.argv[1]).convert("RGB")
    print(
        f"{source.width} x {source.height}\n{'JPEG':18}{'frame':14}{'PSNR dB':>8}{'same %':>9}{'CPU s':>7}{'size':>7}"
    )
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.jpg", Path(folder) / "after.jpg"
        for quality, sampling in ((92, "4:4:4"), (95, "4:2:0"), (90, "4:2:0"), (80, "4:2:0"), (95, "4:2:2")):
            source.save(before, quality=quality, subsampling=sampling)
            plain = np.asarray(Image.open(before).convert("RGB")).astype(np.int16)
            for name in ("strip", "passepartout"):
                start = time.process_time()
                frame_photo(before, after, Recipe(frame=name, caption="A caption"))
                spent = time.process_time() - start
                layout = lay_out(plain.shape[:2], load_template(name), {"caption": "A caption"})
                whole = np.asarray(Image.open(after).convert("RGB"))
                held = whole[layout.top :, layout.left :][: plain.shape[0], : plain.shape[1]].astype(np.int16)
                error = (held - plain).astype(np.float32) ** 2
                psnr = 10 * np.log10(255**2 / max(float(error.mean()), 1e-9))
                same = 100 * float((error.sum(2) == 0).mean())
                size = after.stat().st_size / before.stat().st_size
                print(f"{sampling + f' quality {quality}':18}{name:14}{psnr:8.1f}{same:9.2f}{spent:7.2f}{size:7.2f}")


if __name__ == "__main__":
    main()
