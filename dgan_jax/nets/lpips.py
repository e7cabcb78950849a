"""LPIPS: a distance between images, learned from people's judgements, on the features of a trained classifier.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, arXiv 1801.03924.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.nets import alexnet, squeezenet
from dgan_jax.nets.vgg import VGG

# The original gives these with three decimals; they are ImageNet's mean and deviation, brought to [-1, 1].
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
TRUNKS: dict[str, tuple[nn.Module, tuple[str, ...]]] = {
    "alex": (alexnet.AlexNet(), alexnet.LAYERS),
    "vgg": (VGG(16, VGG_LAYERS), VGG_LAYERS),
    "squeeze": (squeezenet.SqueezeNet(), squeezenet.LAYERS),
}
"""The published trunks and those of their layers that count."""
LEAST = {"alex": 31, "vgg": 16, "squeeze": 17}
"""The shortest side that leaves a pixel in every layer."""


def unit_length(features: jax.Array) -> jax.Array:
    """Divided by their norm over channels plus 1e-10; the slope at zero is zero, where the norm's own is infinite."""
    square = jnp.sum(jnp.square(features), axis=-1, keepdims=True)
    norm = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
    return features / (norm + 1e-10)


class LPIPS(nn.Module):
    """Two images [B, H, W, 3], RGB in [-1, 1] -> maps [B, h, w], one for each of the trunk's `layers`.

    `distance` and `spatial` make figures of them. `scaled`: bring the images to the trunk's range first (version 0.1;
    0.0 did not). `learned`: weigh channels by the non-negative heads; otherwise they are summed.
    """

    trunk: nn.Module
    layers: tuple[str, ...]
    scaled: bool = True
    learned: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, y: jax.Array) -> list[jax.Array]:
        both = jnp.concatenate([x, y])
        if self.scaled:
            both = (both - np.array(SHIFT, np.float32)) / np.array(SCALE, np.float32)
        features, maps = self.trunk(both), []
        for i, layer in enumerate(self.layers):
            a, b = jnp.split(unit_length(features[layer]), 2)
            head = self.param(f"lin{i}", nn.initializers.ones, a.shape[-1:]) if self.learned else 1.0
            maps.append(jnp.sum(jnp.square(a - b) * head, axis=-1))
        return maps


def per_layer(maps: list[jax.Array]) -> jax.Array:
    """[B, layers]."""
    return jnp.stack([jnp.mean(layer, axis=(1, 2)) for layer in maps], axis=1)


def distance(maps: list[jax.Array]) -> jax.Array:
    """[B]: spatial means, summed over the layers."""
    return jnp.sum(per_layer(maps), axis=1)


def spatial(maps: list[jax.Array], height: int, width: int) -> jax.Array:
    """[B, height, width]: every layer's map enlarged bilinearly (half-pixel centres), summed."""
    shape = (maps[0].shape[0], height, width)
    return jnp.asarray(sum(jax.image.resize(layer, shape, "bilinear", antialias=False) for layer in maps))
