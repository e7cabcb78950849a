"""What a metric looks at: 8-bit values, a luma plane, a cropped border.

Metrics take float images [B, H, W, C] in [0, 1], on the grid of 8 bits wherever a protocol asks for it: `eight_bit` is
the one way from a network's [-1, 1] to there.
"""

import jax
import jax.numpy as jnp


def eight_bit(images: jax.Array) -> jax.Array:
    """Images in [-1, 1] as a file would hold them: clipped, rounded half to even to 256 levels, in [0, 1]."""
    return jnp.round(jnp.clip(images * 127.5 + 127.5, 0.0, 255.0)) / 255.0


def luma(images: jax.Array) -> jax.Array:
    """The unrounded Y of BT.601 (MATLAB's rgb2ycbcr), [B, H, W, 1] in [16/255, 235/255]; grey counts as R = G = B.

    The peak of a metric on Y is 1 (255) all the same.
    """
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"a Y plane is made of 1 or 3 channels, got {images.shape[-1]}")
    red, green, blue = (images[..., i : i + 1] for i in ((0, 1, 2) if images.shape[-1] == 3 else (0, 0, 0)))
    return (65.481 * red + 128.553 * green + 24.966 * blue + 16.0) / 255.0


def shave(images: jax.Array, border: int) -> jax.Array:
    """Images without `border` pixels on each side."""
    height, width = images.shape[1:3]
    if min(height, width) <= 2 * border:
        raise ValueError(f"a border of {border} leaves nothing of images of {height}x{width}")
    return images[:, border : height - border, border : width - border]


def check_pair(restored: jax.Array, original: jax.Array) -> None:
    """Refuse what is not two equally shaped batches of float images."""
    if restored.shape != original.shape or restored.ndim != 4:
        raise ValueError(f"a metric compares two [B, H, W, C] of one shape, got {restored.shape} and {original.shape}")
    for images in (restored, original):
        if not jnp.issubdtype(images.dtype, jnp.floating):
            raise ValueError(f"a metric takes float images in [0, 1], got {images.dtype}; divide 8-bit values by 255")


def check_hole(hole: jax.Array | None, images: jax.Array, metric: str) -> jax.Array:
    """The hole [B, H, W, 1] of `images`, or a ValueError in the name of `metric`."""
    if hole is None:
        other = f"; take {metric.removesuffix('_hole')}_rgb" if metric.endswith("_hole") else ""
        raise ValueError(f"{metric} measures at a hole, and this task has none{other}")
    if hole.shape != (*images.shape[:3], 1):
        raise ValueError(f"a hole for images {images.shape} is {(*images.shape[:3], 1)}, got {hole.shape}")
    return hole
