"""LPIPS of images, v0.1: the distance people would see. The shipped heads are the released ones (BSD-2-Clause, see
lpips_heads.LICENSE.txt); trunks are read from a folder, see `pretrained.py`.

Images are not resized, so LPIPS at 64 and at 256 pixels are different numbers.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.data.safetensors_file import read_weights
from dgan_jax.metrics.planes import check_hole, check_pair
from dgan_jax.nets.lpips import LEAST, LPIPS, TRUNKS, distance, spatial

HEADS = Path(__file__).with_name("lpips_heads.safetensors")
TRUNK_OF = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
"""The network of `pretrained.py` behind each version."""


def parameters(net: str, trunk: Any) -> dict[str, Any]:
    """Of `nets.lpips.LPIPS`: a trunk's, and the shipped heads."""
    return {"trunk": trunk, **jax.tree.map(jnp.asarray, read_weights(HEADS).params[net])}


def colour(images: jax.Array) -> jax.Array:
    """[0, 1] -> [-1, 1]; grey counts as R = G = B."""
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"LPIPS takes RGB or grey images, got {images.shape[-1]} channels")
    return jnp.broadcast_to(images * 2.0 - 1.0, (*images.shape[:-1], 3))


def maps(net: str, params: Any, restored: jax.Array, original: jax.Array) -> list[jax.Array]:
    """One map of distances a layer."""
    check_pair(restored, original)
    if min(original.shape[1:3]) < LEAST[net]:
        height, width = original.shape[1:3]
        raise ValueError(f"lpips_{net} needs sides of {LEAST[net]} and more, got images of {height}x{width}")
    # Accelerators would otherwise convolve in less precision.
    with jax.default_matmul_precision("float32"):
        found: Any = LPIPS(*TRUNKS[net]).apply({"params": params}, colour(restored), colour(original))
    return found


def lpips(net: str, params: Any) -> Callable[[jax.Array, jax.Array, jax.Array | None], jax.Array]:
    """(restored, original [B, H, W, C] in [0, 1], anything) -> [B], differentiable."""
    return lambda restored, original, hole: distance(maps(net, params, restored, original))


def lpips_hole(net: str, params: Any) -> Callable[[jax.Array, jax.Array, jax.Array | None], jax.Array]:
    """(restored, original, hole) -> [B]: the map of distances averaged over missing pixels; NaN where there are none.

    A layer sees far around each pixel, so what is known nearby counts too.
    """

    def score(restored: jax.Array, original: jax.Array, hole: jax.Array | None) -> jax.Array:
        missing = check_hole(hole, original, f"lpips_{net}_hole")[..., 0]
        whole = spatial(maps(net, params, restored, original), *original.shape[1:3])
        return jnp.sum(whole * missing, axis=(1, 2)) / jnp.sum(missing, axis=(1, 2))

    return score
