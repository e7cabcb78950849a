"""A ResNet-50 that keeps its maps at an eighth of the image by dilation: the eye of LaMa's perceptual loss.

He et al., CVPR 2016, arXiv 1512.03385; dilation and the deep stem as in the scene parsing networks of Zhou et al.,
"Semantic Understanding of Scenes through the ADE20K Dataset", arXiv 1608.05442.
"""

import jax
from flax import linen as nn

from dgan_jax.nets.frozen_norm import FrozenNorm

STAGES = ((64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 1, 2), (512, 3, 1, 4))
"""Of each stage: width, blocks, stride, dilation; a width is a quarter of the stage's output."""


def unit(
    x: jax.Array, features: int, size: int, name: str, norm: str, *, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """A convolution without bias, padded so that stride 1 keeps the size, and its normalisation."""
    layer = nn.Conv(
        features, (size, size), stride, padding=dilation * (size // 2), kernel_dilation=dilation, use_bias=False,
        name=name,
    )  # fmt: skip
    return FrozenNorm(name=norm)(layer(x))


class Bottleneck(nn.Module):
    """[B, H, W, C] -> [B, H / stride, W / stride, 4 features]."""

    features: int
    stride: int = 1
    dilation: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = nn.relu(unit(x, self.features, 1, "conv1", "bn1"))
        h = nn.relu(unit(h, self.features, 3, "conv2", "bn2", stride=self.stride, dilation=self.dilation))
        h = unit(h, 4 * self.features, 1, "conv3", "bn3")
        if x.shape != h.shape:
            x = unit(x, 4 * self.features, 1, "skip", "skip_bn", stride=self.stride)
        return nn.relu(x + h)


class ResNetDilated(nn.Module):
    """[B, H, W, 3], normalised as for ImageNet -> the outputs of the four stages, at 1/4, 1/8, 1/8 and 1/8.

    `scale` 8 as described; 16 strides once more and dilates the last stage only.
    """

    scale: int = 8

    @nn.compact
    def __call__(self, x: jax.Array) -> list[jax.Array]:
        if self.scale not in (8, 16):
            raise ValueError(f"a dilated ResNet keeps an eighth or a sixteenth of the size, got scale {self.scale}")
        for i, (features, stride) in enumerate(((64, 2), (64, 1), (128, 1)), start=1):
            x = nn.relu(unit(x, features, 3, f"conv{i}", f"bn{i}", stride=stride))
        x = nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))
        found = []
        stages = STAGES if self.scale == 8 else (*STAGES[:2], (256, 6, 2, 1), (512, 3, 1, 2))
        for number, (features, blocks, stride, dilation) in enumerate(stages, start=1):
            for i in range(blocks):
                # The first block of a dilated stage looks half as far.
                far = max(1, dilation // 2) if i == 0 else dilation
                x = Bottleneck(features, stride if i == 0 else 1, far, name=f"layer{number}_{i}")(x)
            found.append(x)
        return found
