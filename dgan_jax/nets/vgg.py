"""VGG networks and what stands between their layers: trunks of LPIPS, perceptual losses, precision and recall.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
arXiv 1409.1556.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.core.names import unknown
from dgan_jax.nets.frozen_norm import FrozenNorm

BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)
HEAD = ("fc1", "relu6", "fc2", "relu7")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def imagenet(images: jax.Array) -> jax.Array:
    """RGB in [0, 1] -> what networks trained on ImageNet expect."""
    return (images - np.array(MEAN, np.float32)) / np.array(STD, np.float32)


def layer_names(depth: int, norm: bool = False) -> list[str]:
    """All layers in order: conv1_1, (bn1_1,) relu1_1, ..., pool1, conv2_1, ..., pool5."""
    kinds = ("conv", "bn", "relu") if norm else ("conv", "relu")
    names = []
    for block, count in enumerate(BLOCKS[depth], start=1):
        names += [f"{kind}{block}_{i}" for i in range(1, count + 1) for kind in kinds]
        names.append(f"pool{block}")
    return names


class VGG(nn.Module):
    """[B, H, W, 3], normalised -> {layer: features} of the asked `layers`; nothing behind the last of them is computed.

    convI_J is before its ReLU, reluI_J behind it. Behind pool5 come fc1, relu6, fc2 and relu7, for images of 224x224.
    """

    depth: int
    layers: tuple[str, ...]
    norm: bool = False
    pool_stride: int | None = 2  # None: no pooling at all

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        names = [*layer_names(self.depth, self.norm), *HEAD]
        for layer in self.layers:
            if layer not in names:
                raise unknown(f"layer of VGG{self.depth}", layer, names)
        found = {}
        for name in names[: 1 + max(map(names.index, self.layers))]:
            x = self.step(x, name)
            if name in self.layers:
                found[name] = x
        return found

    def step(self, x: jax.Array, name: str) -> jax.Array:
        """One layer."""
        if name.startswith("conv"):
            return nn.Conv(WIDTHS[int(name[4]) - 1], (3, 3), name=name)(x)
        if name.startswith("bn"):
            return FrozenNorm(name=name)(x)
        if name.startswith("relu"):
            return nn.relu(x)
        if name.startswith("pool"):
            return x if self.pool_stride is None else nn.max_pool(x, (2, 2), (self.pool_stride, self.pool_stride))
        # Published matrices expect channels first.
        return nn.Dense(4096, name=name)(x if x.ndim == 2 else jnp.moveaxis(x, -1, 1).reshape(x.shape[0], -1))
