"""Grids of images with captions, for people to look at."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dgan_jax.core.parts import Measurement
from dgan_jax.data.images import write_image
from dgan_jax.data.pipeline import to_bytes

GAP = 4
INK, PAPER = (30, 30, 30), (255, 255, 255)


def colour(image: np.ndarray, side: int) -> Image.Image:
    """uint8 [H, W, C] -> a picture about `side` pixels high, enlarged by whole pixels so that none is invented."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
    factor = max(1, side // picture.height)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Lines no wider than so many pixels, broken at spaces and after _ , and @; a longer word is a line by itself."""
    lines = [""]
    for word in re.findall(r"[^ _,@]+[_,@]?|[_,@]| +", text):
        if lines[-1] and font.getlength((lines[-1] + word).rstrip()) > width:
            lines.append("")
        lines[-1] += word.lstrip() if not lines[-1] else word
    return [line.rstrip() for line in lines]


def grid(
    rows: Sequence[Sequence[np.ndarray]], captions: Sequence[str], *, title: str = "", side: int = 160
) -> np.ndarray:
    """Rows of uint8 images [H, W, C] under one caption per column -> one uint8 picture."""
    cells = [[colour(np.asarray(image), side) for image in row] for row in rows]
    width = max(cell.width for row in cells for cell in row)
    heights = [max(cell.height for cell in row) for row in cells]
    size = max(11, min(16, width // 9))
    font = ImageFont.load_default(size)
    lines = [[line for text in caption.split("\n") for line in wrapped(text, font, width)] for caption in captions]
    line = size + 4
    head = line * max(len(one) for one in lines) + GAP + (line + GAP if title else 0)
    sheet = Image.new(
        "RGB", (GAP + (width + GAP) * len(captions), head + GAP + sum(heights) + GAP * len(heights)), PAPER
    )
    pen = ImageDraw.Draw(sheet)
    if title:
        pen.text((GAP, GAP), title, fill=INK, font=font)
    for column, one in enumerate(lines):
        for i, text in enumerate(one):
            top = head - line * (len(one) - i)
            pen.text((GAP + column * (width + GAP) + width // 2, top), text, fill=INK, font=font, anchor="ma")
    top = head + GAP
    for row, height in zip(cells, heights, strict=True):
        for column, cell in enumerate(row):
            sheet.paste(cell, (GAP + column * (width + GAP), top))
        top += height + GAP
    return np.asarray(sheet)


def damaged(y: Measurement) -> np.ndarray:
    """uint8 [B, H, W, C] of a measurement as a user sees it: a hole in flat grey, a small image in large pixels."""
    seen = np.asarray(to_bytes(y["image"]))
    if "low" in y:
        factor = seen.shape[1] // y["low"].shape[1]
        seen = np.asarray(to_bytes(y["low"])).repeat(factor, axis=1).repeat(factor, axis=2)
    return seen


def write_grid(
    path: Path, rows: Sequence[Sequence[np.ndarray]], captions: Sequence[str], *, title: str = "", side: int = 160,
    quality: int = 95,
) -> None:  # fmt: skip
    """`grid` as a file; quality is for formats with losses."""
    write_image(path, grid(rows, captions, title=title, side=side), quality=quality)
