"""Photographs as a browser can show them, and the map of what is invention."""

from pathlib import Path

import numpy as np
from PIL import Image

MOST = 40.0
"""Grey levels of deviation that the map shows in its last colour."""
COLOURS = np.array([[255, 225, 80, 0], [255, 190, 60, 150], [235, 60, 30, 220]], np.float32)
"""Red, green, blue and opacity: where samples agree, where they differ by half of `MOST`, and by all of it."""


def write_png(path: Path, image: np.ndarray) -> None:
    """uint8 [H, W, 1 to 4]; quickly rather than small, since it only goes to the page."""
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(path, "PNG", compress_level=1)


def invention(deviation: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 4], to be laid over a result: the more opaque and the redder, the more the samples differ."""
    place = np.clip(deviation / MOST, 0, 1)
    steps = np.linspace(0, 1, len(COLOURS))
    return np.stack([np.interp(place, steps, colour) for colour in COLOURS.T], axis=-1).round().astype(np.uint8)
