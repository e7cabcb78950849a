"""Holes that are prepared on the host once and drawn from: written text, and mask files of a folder."""

import dataclasses
import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dgan_jax.tasks.strokes import flip

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def pick(key: jax.Array, bank: np.ndarray, width: int) -> jax.Array:
    """One of N masks, packed eight pixels a byte: [N, H, ceil(W / 8)] uint8 -> [H, W, 1]."""
    rows = jnp.asarray(bank)[jax.random.randint(key, (), 0, bank.shape[0])]
    return jnp.unpackbits(rows, axis=-1, count=width)[..., None].astype(jnp.float32)


@functools.lru_cache(maxsize=16)
def pages(height: int, width: int, count: int, line: tuple[float, float]) -> np.ndarray:
    """`count` pages of made-up words in rising letter sizes, [count, H, ceil(W / 8)] uint8."""
    rng, bank = np.random.default_rng(0), []
    for size in np.linspace(*line, count) * min(height, width):
        size = max(5, round(size))
        font, page = ImageFont.load_default(size), Image.new("L", (width, height))
        pen, y = ImageDraw.Draw(page), -int(rng.integers(size))
        while y < height:
            word = lambda: "".join(rng.choice(list(LETTERS), int(rng.integers(1, 9))))
            words = [word().title() if rng.random() < 0.3 else word() for _ in range(2 + 2 * width // size)]
            pen.text((-int(rng.integers(2 * size)), y), " ".join(words), fill=255, font=font)
            y += int(size * rng.uniform(1.2, 2.4))
        bank.append(np.packbits(np.asarray(page) >= 128, axis=-1))
    return np.stack(bank)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """Text written over the image: one of `count` pages, shifted around and mirrored at random.

    `line` is the range of letter sizes as a share of the image's smaller side.
    """

    line: tuple[float, float] = (0.06, 0.2)
    count: int = 16

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        keys = jax.random.split(key, 3)
        hole = pick(keys[0], pages(height, width, self.count, self.line), width)
        shift = jax.random.randint(keys[1], (2,), 0, np.asarray([height, width]))
        return flip(keys[2], jnp.roll(hole, shift, axis=(0, 1)))


def fitted(mask: Image.Image, height: int, width: int) -> Image.Image:
    """Enlarged or reduced by the nearest pixel until it covers the size, then cropped in the middle."""
    factor = max(height / mask.height, width / mask.width)
    wide, tall = max(width, round(mask.width * factor)), max(height, round(mask.height * factor))
    left, top = (wide - width) // 2, (tall - height) // 2
    return mask.resize((wide, tall), Image.Resampling.NEAREST).crop((left, top, left + width, top + height))


@functools.lru_cache(maxsize=16)
def read(files: tuple[str, ...], polarity: str, height: int, width: int) -> np.ndarray:
    """The masks of these files at one size, 1 = missing, [N, H, ceil(W / 8)] uint8."""
    white = []
    for file in files:
        with Image.open(file) as mask:
            white.append(np.packbits(np.asarray(fitted(mask.convert("L"), height, width)) >= 128, axis=-1))
    bank = np.stack(white)
    if polarity == "auto":
        share = np.mean([np.unpackbits(mask, axis=-1, count=width).mean() for mask in bank])
        polarity = "white-hole" if share <= 0.5 else "white-keep"
    return bank if polarity == "white-hole" else np.invert(bank)


@dataclasses.dataclass(frozen=True)
class Folder:
    """Masks of a folder's image files (searched recursively), thresholded at one half, scaled to cover the size.

    polarity: white-hole, white-keep, or auto: the colour that is rarer over the whole folder is the hole. A folder of
    more than `limit` masks is thinned evenly. `flips` mirrors them at random.
    """

    path: str
    polarity: str = dataclasses.field(default="auto", kw_only=True)
    limit: int = dataclasses.field(default=1000, kw_only=True)
    flips: bool = dataclasses.field(default=False, kw_only=True)
    files: tuple[str, ...] = dataclasses.field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        if self.polarity not in ("auto", "white-hole", "white-keep"):
            raise ValueError(f"mask polarity must be auto, white-hole or white-keep, got {self.polarity!r}")
        folder = pathlib.Path(self.path).expanduser()
        if not folder.is_dir():
            raise ValueError(f"mask folder {self.path!r} does not exist or is not a folder")
        files = sorted(str(file) for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
        if not files:
            raise ValueError(f"no mask files in {self.path!r}; wanted {', '.join(sorted(SUFFIXES))}")
        chosen = np.unique(np.linspace(0, len(files) - 1, min(self.limit, len(files))).round().astype(int))
        object.__setattr__(self, "files", tuple(files[index] for index in chosen))

    def __call__(self, key: jax.Array, height: int, width: int) -> jax.Array:
        keys = jax.random.split(key)
        hole = pick(keys[0], read(self.files, self.polarity, height, width), width)
        return flip(keys[1], hole) if self.flips else hole
