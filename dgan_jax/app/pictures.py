"""Photographs as a browser can show them."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_png(path: Path, image: np.ndarray) -> None:
    """uint8 [H, W, 1 to 4]; quickly rather than small, since it only goes to the page."""
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(path, "PNG", compress_level=1)
