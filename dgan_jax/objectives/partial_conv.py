"""The losses of partial convolutions: Liu et al., ECCV 2018, arXiv 1804.07723, equations 3 to 7.

`image` is the raw output, `whole` the same with its known pixels put back; holes are [B, H, W, 1], 1 = missing.
"""

from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.vgg import VGG, imagenet

LAYERS = ("pool1", "pool2", "pool3")
"""Of VGG16."""


def seen(params: Any, images: jax.Array) -> list[jax.Array]:
    """VGG16's features of RGB images [B, H, W, 3] in [0, 1]."""
    found = cast(dict[str, jax.Array], VGG(16, LAYERS).apply({"params": params}, imagenet(images)))
    return [found[layer] for layer in LAYERS]


def content(ours: list[jax.Array], theirs: list[jax.Array]) -> jax.Array:
    """Half of equation 4: mean absolute differences of features, summed over the layers."""
    return jnp.sum(jnp.stack([jnp.mean(jnp.abs(a - b)) for a, b in zip(ours, theirs, strict=True)]))


def gram(features: jax.Array) -> jax.Array:
    """[B, H, W, C] -> [B, C, C]: inner products of channels, over C H W."""
    return jnp.einsum("bhwc,bhwd->bcd", features, features) / (
        features.shape[1] * features.shape[2] * features.shape[3]
    )


def style(ours: list[jax.Array], theirs: list[jax.Array]) -> jax.Array:
    """Equation 5 or 6: mean absolute differences of Gram matrices, summed over the layers."""
    return content([gram(features) for features in ours], [gram(features) for features in theirs])


def variation(whole: jax.Array, hole: jax.Array) -> jax.Array:
    """Equation 7: absolute differences of neighbours that both lie in the hole, widened by a pixel; over all pixels."""
    wide = nn.max_pool(hole, (3, 3), padding="SAME")
    down = jnp.abs(whole[:, 1:] - whole[:, :-1]) * wide[:, 1:] * wide[:, :-1]
    right = jnp.abs(whole[:, :, 1:] - whole[:, :, :-1]) * wide[:, :, 1:] * wide[:, :, :-1]
    return (jnp.sum(down) + jnp.sum(right)) / whole.size
