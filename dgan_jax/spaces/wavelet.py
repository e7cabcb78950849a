"""The Haar bands of the image as the space of the diffusion.

Phung, Dao, Tran, "Wavelet Diffusion Models are fast and scalable Image Generators", CVPR 2023, arXiv 2211.16152.
"""

import jax
import numpy as np

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Space
from dgan_jax.ops import haar


def wavelet(levels: int = 1, order: str = "lh_hl", *, detail: float = 1.0) -> Space:
    """Bands divided by 2 a level, so that codes lie in [-1, 1] as images do. [B, H, W, C] <-> [B, H/f, W/f, f*f*C].

    A second level transforms every band of the first, so that all channels have one resolution; f = 2^levels. `order`
    is that of the bands (`haar.ORDERS`). Sides must be multiples of f. All but the first, the image reduced, are
    multiplied by `detail`: in photographs they are far smaller, and a network learns as slowly as they are small.
    """
    if levels < 1:
        raise ValueError(f"a wavelet space has at least 1 level, got {levels}; pixel() is the space without one")
    bands, factor = lookup("order of the bands", order, haar.ORDERS), 2**levels

    def weights(channels: int) -> np.ndarray:
        return np.where(np.arange(channels) < channels // factor**2, 1.0, detail).astype(np.float32)

    def encode(image: jax.Array) -> jax.Array:
        height, width = image.shape[1:3]
        if height % factor or width % factor:
            raise ValueError(
                f"{levels} wavelet levels need sides that are multiples of {factor}, got {height}x{width}; try "
                f"{height // factor * factor}x{width // factor * factor}, or pad"
            )
        for _ in range(levels):
            image = haar.dwt(image, bands) / 2
        return image if detail == 1 else image * weights(image.shape[-1])

    def decode(code: jax.Array) -> jax.Array:
        if detail != 1:
            code = code / weights(code.shape[-1])
        for _ in range(levels):
            code = haar.idwt(2 * code, bands)
        return code

    return Space(encode=encode, decode=decode, channels=lambda channels: channels * factor**2, factor=factor)
