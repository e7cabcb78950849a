"""A small classifier of the ten classes of CIFAR-10: the judge behind the metrics `..._cifar`.

The plan of Page, "How to train your ResNet", 2018, and Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024,
arXiv 2404.00498: a whitening convolution, three groups of two convolutions, batch norm without a scale, GELU. Here
the groups are narrower (32, 128, 128 channels): 0.5 million parameters.
"""

from functools import partial
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

SIDE, CLASSES, WIDTHS = 32, 10, (32, 128, 128)
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
WHITENED = 24
"""2x2 patches have 12 numbers; each direction comes with both signs."""


class Described(NamedTuple):
    """Of a batch: features [B, 128] before the last layer, and its logits [B, 10]."""

    features: jax.Array
    logits: jax.Array


def partial_identity(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """A kernel [3, 3, I, O]: the first I outputs begin as the inputs themselves, the others at random."""
    entering, leaving = shape[2:]
    reach = 1.0 / np.sqrt(shape[0] * shape[1] * entering)
    kernel = jax.random.uniform(key, shape, dtype, -reach, reach)
    same = np.zeros((*shape[:2], entering, min(entering, leaving)), np.float32)
    same[shape[0] // 2, shape[1] // 2] = np.eye(entering, same.shape[3])
    return kernel.at[..., : same.shape[3]].set(same)


def blocks(x: jax.Array, side: int) -> jax.Array:
    """[B, H, W, C] -> [B, H // side, side, W // side, side, C]; rows and columns that fill no block are dropped."""
    batch, height, width, channels = x.shape
    tall, wide = height // side, width // side
    return x[:, : tall * side, : wide * side].reshape(batch, tall, side, wide, side, channels)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def max_pool(x: jax.Array, side: int) -> jax.Array:
    """The largest of each side x side. All that are equally large get the gradient: that is a fast one on a CPU."""
    return jnp.max(blocks(x, side), axis=(2, 4))


def pooled(x: jax.Array, side: int) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    largest = max_pool(x, side)
    return largest, (x, largest)


def unpooled(side: int, kept: tuple[jax.Array, jax.Array], slope: jax.Array) -> tuple[jax.Array]:
    x, largest = kept
    spread = lambda values: values[:, :, None, :, None]
    inside = jnp.where(blocks(x, side) == spread(largest), spread(slope), 0.0)
    height, width = (length // side * side for length in x.shape[1:3])
    flat = inside.reshape(x.shape[0], height, width, x.shape[3])
    return (jnp.pad(flat, ((0, 0), (0, x.shape[1] - height), (0, x.shape[2] - width), (0, 0))),)


max_pool.defvjp(pooled, unpooled)


class CifarClassifier(nn.Module):
    """images [B, 32, 32, 3] in [0, 1] -> Described.

    folded: batch norm is part of the convolutions, as in the shipped weights (see `fold`). training: batch norm takes
    the batch's own statistics and keeps running ones in the collection "batch_stats".
    """

    widths: tuple[int, ...] = WIDTHS
    folded: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, training: bool = False) -> Described:
        chex.assert_shape(images, (None, SIDE, SIDE, 3))
        x = (images - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
        # Fixed, so that no gradient goes through the largest planes.
        x = jax.lax.stop_gradient(nn.Conv(WHITENED, (2, 2), padding="VALID", use_bias=False, name="whiten")(x))
        x = jax.lax.stop_gradient(nn.gelu(x))
        for i, width in enumerate(self.widths):
            x = self.layer(x, width, f"group{i}_a", 2, training)
            x = self.layer(x, width, f"group{i}_b", 1, training)
        features = max_pool(x, 3)[:, 0, 0]
        logits = nn.Dense(CLASSES, use_bias=False, name="classes")(features) / 9.0
        return Described(features, logits)

    def layer(self, x: jax.Array, width: int, name: str, pool: int, training: bool) -> jax.Array:
        """Convolution, pooling, batch norm and GELU."""
        conv = nn.Conv(width, (3, 3), use_bias=self.folded, kernel_init=partial_identity, name=name)
        x = max_pool(conv(x), pool) if pool > 1 else conv(x)
        if not self.folded:
            norm = nn.BatchNorm(not training, momentum=0.6, use_scale=False, name=f"{name}_norm")
            x = norm(x)
        return nn.gelu(x)


def fold(params: Any, statistics: Any, *, epsilon: float = 1e-5) -> dict[str, Any]:
    """The parameters of the same network with `folded`: batch norm, which scales by positive numbers and so may come
    before the pooling, goes into the convolutions."""
    folded = {}
    for name, kept in params.items():
        if name.endswith("_norm"):
            continue
        if f"{name}_norm" not in statistics:
            folded[name] = dict(kept)
            continue
        seen, shift = statistics[f"{name}_norm"], params[f"{name}_norm"]["bias"]
        scale = 1.0 / jnp.sqrt(seen["var"] + epsilon)
        folded[name] = {"kernel": kept["kernel"] * scale, "bias": shift - seen["mean"] * scale}
    return folded
