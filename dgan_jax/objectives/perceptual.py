"""Distances of the features of a trained VGG: what adversarial enlarging pays for beside pixels.

Johnson et al., ECCV 2016, arXiv 1603.08155; before the ReLU as in ESRGAN (Wang et al., arXiv 1809.00219), several
layers as in Real-ESRGAN (arXiv 2107.10833).
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp

from dgan_jax.nets.resnet_dilated import ResNetDilated
from dgan_jax.nets.vgg import VGG, imagenet
from dgan_jax.objectives.errors import mean_absolute

REAL_ESRGAN = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
"""Weights of VGG19's layers, of Real-ESRGAN and of DiffIR's third stage."""


def features_apart(
    params: Any, layers: Mapping[str, float], image: jax.Array, truth: jax.Array,
    *, depth: int = 19, distance: Callable[[jax.Array, jax.Array], jax.Array] = mean_absolute,
) -> jax.Array:  # fmt: skip
    """The distances of the features of each layer, weighted and summed. Images: [B, H, W, 3], RGB in [0, 1]."""
    network = VGG(depth, tuple(layers))
    see = lambda x: cast(dict[str, jax.Array], network.apply({"params": params}, imagenet(x)))
    ours, theirs = see(image), see(truth)
    return jnp.sum(jnp.stack([weight * distance(ours[name], theirs[name]) for name, weight in layers.items()]))


def stages_apart(
    network: ResNetDilated, params: Any, image: jax.Array, truth: jax.Array
) -> tuple[jax.Array, list[jax.Array]]:
    """Mean squared differences of the features of each stage, [4], and the truth's features.

    Summed, they are LaMa's perceptual loss, which is published with the weight 30 (Suvorov et al., arXiv 2109.07161,
    equation 3). Images: [B, H, W, 3], RGB in [0, 1].
    """
    see = lambda x: cast(list[jax.Array], network.apply({"params": params}, imagenet(x)))
    ours, theirs = see(image), see(truth)
    return jnp.stack([jnp.mean(jnp.square(a - b)) for a, b in zip(ours, theirs, strict=True)]), theirs
