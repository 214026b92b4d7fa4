"""Trains the demosaic network and writes its weights: `python tools/train_demosaic.py PHOTOS -o demosaic_weights.npy`.

PHOTOS is a folder of large photographs; they are reduced two- to fivefold, so that every pixel knows all three colours.
Pictures that are drawn here (shapes, bars and letters) add what few photographs show. Needs PyTorch and SciPy, which
the package itself does not. The network is described in docs/algorithms/demosaic.md, which also says from which
photographs the weights in the package come, how long that took and how far another seed leads elsewhere.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

Pixels = NDArray[np.uint8]
PATCH = 64
CHANNELS, BLOCKS, GATES = 12, 2, 1
SHARE = 0.8  # of what the network says that is added: it is too sure of itself on pictures unlike those it learned from
FLOOR = 0.002  # activity that counts as flat, of the encoded white level
SCALES = ((2, Image.Resampling.BOX), (2.4, Image.Resampling.LANCZOS), (3, Image.Resampling.LANCZOS),
          (3.3, Image.Resampling.HAMMING), (4.5, Image.Resampling.LANCZOS))  # fmt: skip


# ---- pictures ------------------------------------------------------------------------------------------------------
def reduced_photos(folder: Path) -> Iterator[Pixels]:
    """Every photograph of a folder at several sizes, all smaller than it was taken."""
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"}):
        image = Image.open(path).convert("RGB")
        for factor, method in SCALES:
            yield np.asarray(image.resize((int(image.width / factor), int(image.height / factor)), method))


def drawn_pictures(count: int, palette: Pixels, rng: np.random.Generator, size: int = 256) -> Iterator[Pixels]:
    """Dead leaves (Lee, Mumford and Huang 2001) with bars, lines and letters, drawn at four times their size."""
    over = 4
    whole = size * over

    def colour() -> tuple[int, ...]:
        c = palette[rng.integers(len(palette))].astype(float) if rng.random() < 0.75 else rng.uniform(0, 255, 3)
        if rng.random() < 0.4:
            c = c.mean() + (c - c.mean()) * rng.uniform(0.5, 2.5)
        return tuple(int(v) for v in np.clip(c, 0, 255))

    for _ in range(count):
        image = Image.new("RGB", (whole, whole), colour())
        draw = ImageDraw.Draw(image)
        for _ in range(int(rng.integers(60, 500))):
            radius = 4 * over * min((1 - rng.random()) ** -0.5, 40) * rng.uniform(0.3, 1.2)
            x, y = rng.uniform(-0.05, 1.05, 2) * whole
            kind, fill = rng.integers(10), colour()
            angle = rng.uniform(0, 2 * np.pi)
            if kind < 3:
                draw.ellipse([x - radius, y - radius * rng.uniform(0.3, 1) - 1, x + radius, y + radius], fill=fill)
            elif kind < 6:
                turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
                draw.polygon([(x + radius * np.cos(a), y + radius * np.sin(a)) for a in turns], fill=fill)
            elif kind < 7:
                dx, dy = 6 * radius * np.cos(angle), 6 * radius * np.sin(angle)
                draw.line([x - dx, y - dy, x + dx, y + dy], fill=fill, width=int(rng.uniform(0.5, 3) * over))
            elif kind < 8:
                text = "".join(chr(rng.integers(48, 122)) for _ in range(int(rng.integers(1, 10))))
                draw.text((x, y), text, fill=fill, font=ImageFont.load_default(size=float(rng.uniform(7, 28) * over)))
            elif rng.random() < 0.35:
                angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.05)
                pitch = rng.uniform(2, 9) * over
                width = max(1, int(pitch * rng.uniform(0.3, 0.7)))
                dx, dy = ((2 * radius + 10 * over) * f(angle) for f in (np.cos, np.sin))
                for bar in range(int(rng.integers(3, 24))):
                    bx, by = x - bar * pitch * np.sin(angle), y + bar * pitch * np.cos(angle)
                    draw.line([bx - dx, by - dy, bx + dx, by + dy], fill=fill, width=width)
        method = (Image.Resampling.BOX, Image.Resampling.LANCZOS, Image.Resampling.HAMMING)[rng.integers(3)]
        pixels = np.asarray(image.resize((size, size), method)).astype(np.float32)
        if rng.random() < 0.6:  # grain, mostly grey
            grain = rng.normal(0, 1, (size, size, 3))
            grain = 1.3 * grain.mean(2, keepdims=True) + 0.25 * grain
            extent = rng.uniform(0.4, 1.2)
            grain = gaussian_filter(grain, (extent * rng.uniform(0.5, 2), extent * rng.uniform(0.5, 2), 0))
            pixels = pixels + grain / grain.std() * rng.uniform(1, 14)
        if rng.random() < 0.5:
            pixels = gaussian_filter(pixels, (*(rng.uniform(0.2, 0.6),) * 2, 0))
        yield np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def busy_patches(picture: Pixels, rng: np.random.Generator, quantile: float) -> Pixels:
    """Patches of one picture, the busier the likelier."""
    height, width = picture.shape[:2]
    if min(height, width) < PATCH + 2:
        return np.empty((0, PATCH, PATCH, 3), np.uint8)
    count = max(4, height * width // PATCH**2)
    corners = zip(rng.integers(0, height - PATCH, count), rng.integers(0, width - PATCH, count), strict=True)
    patches = np.stack([picture[y : y + PATCH, x : x + PATCH] for y, x in corners])
    f = patches.astype(np.float32)
    cross = f[:, :-2, 1:-1] + f[:, 2:, 1:-1] + f[:, 1:-1, :-2] + f[:, 1:-1, 2:]
    activity = np.abs(4 * f[:, 1:-1, 1:-1] - cross).mean((1, 2, 3))
    likely = np.clip(activity / np.quantile(activity, quantile), 0.03, 1)
    return patches[(rng.random(count) < likely) & (activity > 1.5)]


def training_patches(photos: Path, drawn: int, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Patches (N, 64, 64, 3) of the photographs and of `drawn` pictures."""
    from_photos, palette = [], []
    for picture in reduced_photos(photos):
        from_photos.append(busy_patches(picture, rng, 0.8))
        palette.append(picture.reshape(-1, 3)[rng.integers(picture.shape[0] * picture.shape[1], size=400)])
    pictures = drawn_pictures(drawn, np.concatenate(palette), rng)
    return np.concatenate(from_photos), np.concatenate([busy_patches(p, rng, 0.5) for p in pictures])


def augment(patches: Tensor, rng: np.random.Generator) -> Tensor:
    """Symmetries of the square; colours exchanged; saturation, sharpness and gains changed; grain. (N, 3, H, W)."""
    n, t = len(patches), patches
    if rng.random() < 0.5:
        t = t.flip(2)
    if rng.random() < 0.5:
        t = t.flip(3)
    if rng.random() < 0.5:
        t = t.transpose(2, 3)
    if rng.random() < 0.5:
        t = t[:, [2, 1, 0]]
    shuffled = torch.from_numpy(rng.random(n) < 0.06)[:, None, None, None]
    t = torch.where(shuffled, t[:, torch.from_numpy(rng.permutation(3))], t)
    u = rng.random(n)
    vivid, dull = np.exp(rng.normal(0.25, 0.4, n)), rng.uniform(0, 0.7, n)
    saturation = torch.from_numpy(np.where(u < 0.55, 1, np.where(u < 0.75, vivid, dull))).float()
    grey = t.mean(1, keepdim=True)
    t = grey + (t - grey) * saturation[:, None, None, None]
    if rng.random() < 0.5:
        strength = torch.from_numpy(np.where(rng.random(n) < 0.5, 0, rng.uniform(0, 1.5, n))).float()
        blurred = F.avg_pool2d(F.pad(t, (1, 1, 1, 1), mode="replicate"), 3, 1)
        t = t + strength[:, None, None, None] * (t - blurred)
    # Reduced photographs have less fine texture than others: grain, mostly grey, which is to be kept.
    grain = 1.3 * torch.randn(n, 1, *t.shape[2:]) + 0.25 * torch.randn(t.shape)
    soft = torch.from_numpy(rng.uniform(0, 1, n)).float()[:, None, None, None]
    grain = grain + soft * (F.avg_pool2d(F.pad(grain, (1, 1, 1, 1), mode="reflect"), 3, 1) - grain)
    strength = torch.from_numpy(np.where(rng.random(n) < 0.5, 0, rng.uniform(0.5, 7, n))).float() / 255
    t = t + strength[:, None, None, None] * grain
    gains = np.exp(rng.normal(0, 0.15, (n, 3)) + rng.normal(-0.1, 0.25, (n, 1)))
    return (t * torch.from_numpy(gains).float()[:, :, None, None]).clamp(0, 1).contiguous()


# ---- network -------------------------------------------------------------------------------------------------------
# Outputs of a quad, as (colour, place): green and blue at red; red and blue at the greens; red and green at blue.
OUTPUTS = ((1, 0), (2, 0), (0, 1), (2, 1), (0, 2), (2, 2), (0, 3), (1, 3))
NEIGHBOURS = (  # of each output: (plane, dx, dy) whose mean is the bilinear estimate
    ((1, 0, 0), (1, -1, 0), (2, 0, 0), (2, 0, -1)), ((3, 0, 0), (3, -1, 0), (3, 0, -1), (3, -1, -1)),
    ((0, 0, 0), (0, 1, 0)), ((3, 0, 0), (3, 0, -1)), ((0, 0, 0), (0, 0, 1)), ((3, 0, 0), (3, -1, 0)),
    ((0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)), ((1, 0, 0), (1, 0, 1), (2, 0, 0), (2, 1, 0)),
)  # fmt: skip


def quads(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W) to the mosaic's four planes R, G, G, B and the eight colours that it lacks, at half the size."""
    places = [F.pixel_unshuffle(rgb[:, i : i + 1], 2) for i in range(3)]
    mosaic = torch.stack([places[0][:, 0], places[1][:, 1], places[1][:, 2], places[2][:, 3]], 1)
    return mosaic, torch.stack([places[colour][:, place] for colour, place in OUTPUTS], 1)


# Places of a quad and its outputs as they lie in one that is transposed, and in one turned by half with red and blue
# exchanged: both are RGGB again.
TRANSPOSED = ([0, 2, 1, 3], [0, 1, 4, 5, 2, 3, 6, 7], [1, 0])
TURNED = ([3, 2, 1, 0], [7, 6, 5, 4, 3, 2, 1, 0], [0, 1])


# ---- the directional estimate, as kernels/demosaic_gen.py has it -----------------------------------------------------
FLAT = 3e-5
SIDE = torch.tensor([0.4, 0.3, 0.2, 0.1])
WINDOW = torch.tensor([1 / 12, 1 / 4, 1 / 3, 1 / 4, 1 / 12])
MARGIN = 12


def at(a: Tensor, dx: int, dy: int) -> Tensor:
    """The values so many pixels away."""
    return a.roll((-dy, -dx), (-2, -1))


def filtered(a: Tensor, kernel: Tensor) -> Tensor:
    """The sum over a neighbourhood, weighted."""
    h, w = kernel.shape
    return F.conv2d(F.pad(a, (w // 2, w // 2, h // 2, h // 2), mode="reflect"), kernel[None, None])


@torch.no_grad()
def directional(mosaic: Tensor) -> tuple[Tensor, Tensor]:
    """Planes (N, 4, h, w) to the eight colours that each quad lacks, and its mean gradients along rows and columns."""
    m = F.pad(F.pixel_shuffle(mosaic, 2), (MARGIN,) * 4, mode="reflect")
    y, x = torch.meshgrid(torch.arange(m.shape[2]), torch.arange(m.shape[3]), indexing="ij")
    green, red_row = (x + y) % 2 == 1, y % 2 == 0
    second = torch.tensor([[-0.25, 0.5, -0.5, 0.5, -0.25]])
    sign = torch.where(green, -1.0, 1.0)
    dh, dv = sign * filtered(m, second), sign * filtered(m, second.T)
    gradients = [
        filtered((at(d, dx, dy) - at(d, -dx, -dy)).abs(), WINDOW[:, None] * WINDOW)
        for d, dx, dy in ((dh, 1, 0), (dv, 0, 1))
    ]
    smooth_h, smooth_v = (1 / (g + FLAT) for g in gradients)
    up, down, before, after = at(smooth_v, 0, -2), at(smooth_v, 0, 2), at(smooth_h, -2, 0), at(smooth_h, 2, 0)
    weights = (up, down, before, after)
    side = torch.zeros(7)
    side[3:] = SIDE
    means = [filtered(dv, side.flip(0)[:, None]), filtered(dv, side[:, None]),
             filtered(dh, side.flip(0)[None]), filtered(dh, side[None])]  # fmt: skip
    own = sum(w * w * v for w, v in zip(weights, means, strict=True)) / sum(w * w for w in weights)
    diagonal = torch.zeros(7, 7)
    for i, j in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        diagonal[3 + j, 3 + i] = 0.3125
        diagonal[3 + j, 3 + 3 * i] = diagonal[3 + 3 * j, 3 + i] = -0.03125
    opposite = filtered(own, diagonal)

    def beside(vertical: Tensor, horizontal: Tensor) -> Tensor:
        values = (at(vertical, 0, -1), at(vertical, 0, 1), at(horizontal, -1, 0), at(horizontal, 1, 0))
        return m - sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)

    along = torch.where(green, beside(opposite, own), m)
    across = torch.where(green, beside(own, opposite), m + own - opposite)
    rgb = (torch.where(red_row, along, across), torch.where(green, m, m + own), torch.where(red_row, across, along))
    inner = np.s_[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    places = [F.pixel_unshuffle(v[inner], 2) for v in rgb]
    activity = [F.pixel_unshuffle(g[inner], 2).mean(1) for g in gradients]
    return torch.stack([places[colour][:, place] for colour, place in OUTPUTS], 1), torch.stack(activity, 1)


class Demosaic(nn.Module):
    """Mosaic planes (N, 4, H/2, W/2) in the encoded domain and their directional estimate to a better one."""

    def __init__(self) -> None:
        super().__init__()
        c = CHANNELS
        self.stem = nn.Parameter(torch.randn(c, 4, 3, 3) / 6)
        self.estimate = nn.Parameter(torch.randn(c, 8, 1, 1) / 3)
        self.surroundings = nn.Conv2d(3, c, 1)
        self.depthwise = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1, groups=c) for _ in range(BLOCKS))
        self.pointwise = nn.ModuleList(nn.Conv2d(c, c, 1) for _ in range(BLOCKS))
        self.gates = nn.ModuleList(nn.Conv2d(c, c, 1) for _ in range(GATES))
        self.tail = nn.Conv2d(c * (2 + GATES), 8, 1, bias=False)
        bilinear = torch.zeros(8, 4, 3, 3)
        for output, taps in enumerate(NEIGHBOURS):
            for plane, dx, dy in taps:
                bilinear[output, plane, 1 + dy, 1 + dx] = 1 / len(taps)
        self.register_buffer("bilinear", bilinear)
        with torch.no_grad():
            self.tail.weight.mul_(0.1)
            for layer in self.depthwise:
                layer.weight.mul_(0.5)
                layer.weight[:, :, 1, 1] += 0.7

    def filters(self) -> Tensor:
        """The first layer's, blind to a constant in any colour."""
        mean = self.stem.mean((2, 3), keepdim=True)
        green = mean[:, 1:3].mean(1, keepdim=True)
        return self.stem - torch.cat([mean[:, :1], green, green, mean[:, 3:]], 1)

    def forward(self, mosaic: Tensor, guess: Tensor, gradients: Tensor) -> Tensor:
        """The eight colours (N, 8, H/2, W/2), in the order of OUTPUTS; the other two as `directional` gives them."""
        padded = F.pad(mosaic, (1, 1, 1, 1), mode="replicate")
        beyond = guess - F.conv2d(padded, self.bilinear)
        raw = F.conv2d(padded, self.filters()) + F.conv2d(beyond, self.estimate)
        activity = F.pad(raw.abs().mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        scale = F.avg_pool2d(activity, 3, 1) + FLOOR
        rows, columns = gradients[:, :1], gradients[:, 1:]
        both = rows + columns + 1e-3
        context = torch.cat([(rows - columns) / both, both / (both + scale), scale / (scale + 0.03)], 1)
        linear = raw / scale
        h = F.relu(linear + self.surroundings(context))
        for depthwise, pointwise in zip(self.depthwise, self.pointwise, strict=True):
            h = h + F.relu(pointwise(depthwise(h)))
        gated = [linear * gate(h).clamp(-1, 1) for gate in self.gates]
        return guess + scale * self.tail(torch.cat([h, linear, *gated], 1))

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The arrays that the kernel takes, by its names."""
        points = [*self.pointwise, *self.gates]
        biases = [self.surroundings.bias, *(d.bias for d in self.depthwise), *(p.bias for p in points)]
        arrays = {
            "stem": self.filters(),
            "estimate": self.estimate[:, :, 0, 0],
            "surroundings": self.surroundings.weight[:, :, 0, 0],
            "depthwise": torch.stack([d.weight[:, 0] for d in self.depthwise]),
            "pointwise": torch.stack([p.weight[:, :, 0, 0] for p in points]),
            "bias": torch.stack(biases),
            "tail": SHARE * self.tail.weight[:, :, 0, 0],
        }
        return {name: np.ascontiguousarray(a.detach().numpy(), np.float32) for name, a in arrays.items()}


# ---- training ------------------------------------------------------------------------------------------------------
def examples(photos: Pixels, drawn: Pixels, count: int, rng: np.random.Generator) -> list[Tensor]:
    """Mosaics, a quarter of them noisy, with their directional estimates, gradients and true colours, in random order.

    Made once, for the estimate costs more than a step of training.
    """
    out = [torch.empty(count, channels, PATCH // 2, PATCH // 2) for channels in (4, 8, 2, 8)]
    order = rng.permutation(count)
    for chosen in np.array_split(order, count // 48 + 1):
        n = len(chosen)
        few = round(n * 0.15)
        pools = ((photos, n - few), (drawn, few))
        patches = torch.from_numpy(np.concatenate([pool[rng.integers(0, len(pool), k)] for pool, k in pools]))
        mosaic, truth = quads(augment(patches.permute(0, 3, 1, 2).float() / 255, rng))
        deviation = np.where(rng.random(n) < 0.75, 0, rng.uniform(0, 1, n) ** 1.5 * 18 / 255)
        mosaic = mosaic + torch.from_numpy(deviation).float()[:, None, None, None] * torch.randn_like(mosaic)
        for store, values in zip(out, (mosaic, *directional(mosaic), truth), strict=True):
            store[torch.from_numpy(chosen)] = values
    return out


def varied(batch: list[Tensor], rng: np.random.Generator) -> list[Tensor]:
    """The same, perhaps transposed or turned, brighter or darker."""
    if rng.random() < 0.5:
        places = [TRANSPOSED[i] for i in (0, 1, 2, 1)]
        batch = [v[:, p].transpose(2, 3) for v, p in zip(batch, places, strict=True)]
    if rng.random() < 0.5:
        places = [TURNED[i] for i in (0, 1, 2, 1)]
        batch = [v[:, p].flip(2, 3) for v, p in zip(batch, places, strict=True)]
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.2, len(batch[0])))).float()[:, None, None, None]
    return [(v * gain).contiguous(memory_format=torch.channels_last) for v in batch]


def train(bank: list[Tensor], steps: int, batch: int, rng: np.random.Generator) -> Demosaic:
    """A network trained on these examples, its weights averaged over the last steps."""
    network = Demosaic().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.98))
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    began, running = time.process_time(), 0.0
    order = np.arange(len(bank[0]))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1, step / 200) * (1 - step / steps)
        start = step * batch % (len(order) - batch)
        if start < batch:
            rng.shuffle(order)
        mosaic, guess, gradients, truth = varied([v[order[start : start + batch]] for v in bank], rng)
        error = (network(mosaic, guess, gradients) - truth)[:, :, 2:-2, 2:-2]
        # The logarithm makes a decibel worth the same everywhere; the constant (44 dB) spares what is good enough.
        loss = torch.log((error * error).mean((1, 2, 3)) + 4e-5).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        running += (loss.item() - running) * max(0.01, 1 / (step + 1))
        if step % 4 == 0:
            with torch.no_grad():
                for name, value in network.state_dict().items():
                    average[name].lerp_(value, max(0.002, 1 / (step + 1)))
        if step % 1000 == 999:
            used = time.process_time() - began
            print(f"step {step + 1} of {steps}, {used:.0f} s of processor time, loss {running:.3f}", flush=True)
    network.load_state_dict(average)
    return network


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=24_000)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--drawn", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    choice = parser.parse_args()
    torch.set_num_threads(choice.threads)
    torch.manual_seed(choice.seed)
    rng = np.random.default_rng(choice.seed)
    photos, drawn = training_patches(choice.photos, choice.drawn, rng)
    print(f"{len(photos)} patches of photographs, {len(drawn)} drawn", flush=True)
    bank = examples(photos, drawn, choice.examples, rng)
    print(f"{choice.examples} examples, {time.process_time():.0f} s of processor time so far", flush=True)
    weights = train(bank, choice.steps, choice.batch, rng).weights()
    record = np.empty((), [(name, "<f4", array.shape) for name, array in weights.items()])
    for name, array in weights.items():
        record[name] = array
    np.save(choice.output, record)


if __name__ == "__main__":
    main()
