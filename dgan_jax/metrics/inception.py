"""How metrics of a set look at an image: 8 bits, TensorFlow 1's bilinear resize, then the network; and Inception Score.

The resize is that of the published figures. Half-pixel centres, as in PyTorch, move an FID by about 0.1.
So might the reduced precision that accelerators take for convolutions by themselves; here they take float32.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.nets.inception_v3 import SIDE, InceptionV3
from dgan_jax.nets.vgg import VGG, imagenet

Describe = Callable[[jax.Array, jax.Array | None], Any]


def resize(images: jax.Array, side: int) -> jax.Array:
    """[B, H, W, C] -> [B, side, side, C], bilinear without half-pixel centres and without smoothing."""
    for axis in (2, 1):
        length = images.shape[axis]
        # The original's coordinates are float32, and its first pixel is the image's first.
        at = np.arange(side, dtype=np.float32) * (np.float32(length) / np.float32(side))
        low = np.floor(at).astype(np.int32)
        high = np.minimum(low + 1, length - 1)
        share = (at - low).reshape((-1, 1, 1) if axis == 1 else (-1, 1))
        near, far = jnp.take(images, low, axis), jnp.take(images, high, axis)
        images = near + (far - near) * share
    return images


def eight_bit_rgb(images: jax.Array) -> jax.Array:
    """Images in [0, 1] -> 0 .. 255, rounded, in three channels; grey counts as R = G = B."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"the network takes RGB or grey images [B, H, W, C], got {images.shape}")
    levels = jnp.round(jnp.clip(images, 0.0, 1.0) * 255.0)
    return jnp.broadcast_to(levels, (*images.shape[:-1], 3))


def through_inception(params: Any) -> Describe:
    """(images in [0, 1], anything) -> {"2048": [B, 2048], "logits_unbiased": [B, 1008]}."""

    def describe(images: jax.Array, hole: jax.Array | None = None) -> dict[str, jax.Array]:
        seen = (resize(eight_bit_rgb(images), SIDE) - 128.0) / 128.0
        with jax.default_matmul_precision("float32"):
            found: Any = InceptionV3().apply({"params": params}, seen)
        return {name: found[name] for name in ("2048", "logits_unbiased")}

    return describe


def through_vgg16(params: Any) -> Describe:
    """(images in [0, 1], anything) -> [B, 4096], the second fully connected layer behind its ReLU."""

    def describe(images: jax.Array, hole: jax.Array | None = None) -> jax.Array:
        seen = imagenet(resize(eight_bit_rgb(images), 224) / 255.0)
        with jax.default_matmul_precision("float32"):
            found: Any = VGG(16, ("relu7",)).apply({"params": params}, seen)
        return found["relu7"]

    return describe


def inception_score(logits: np.ndarray, *, splits: int = 10, seed: int | None = 2020) -> tuple[float, float]:
    """Mean and deviation over splits of exp(mean KL(p(y|x) || p(y))); images are shuffled first, unless seed is None.

    logits: [N, classes]. Salimans et al. 2016. Small splits bias it down.
    """
    count = len(logits)
    if count < splits:
        raise ValueError(f"an Inception Score in {splits} splits needs as many images, got {count}")
    order = np.arange(count) if seed is None else np.random.RandomState(seed).permutation(count)
    wide = np.asarray(logits, np.float64)[order]
    wide = wide - wide.max(axis=1, keepdims=True)
    log_p = wide - np.log(np.sum(np.exp(wide), axis=1, keepdims=True))
    scores = [split_score(log_p[i * count // splits : (i + 1) * count // splits]) for i in range(splits)]
    return float(np.mean(scores)), float(np.std(scores))


def split_score(log_p: np.ndarray) -> float:
    """exp of the mean divergence from the mean prediction, of log probabilities [N, classes]."""
    p = np.exp(log_p)
    # A class that no image has at all has probability 0 in float64, and adds nothing.
    mean = np.maximum(p.mean(axis=0), np.finfo(np.float64).tiny)
    return float(np.exp(np.mean(np.sum(p * (log_p - np.log(mean)), axis=1))))
