"""The critics of adversarial enlarging: convolutions in pairs, the second of which halves, then two dense layers.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a GAN", CVPR 2017, arXiv 1609.04802, figure 4, in the
form of BasicSR for ESRGAN (Wang et al., arXiv 1809.00219): 4x4 convolutions halve, and 100 features are dense. The
ranker of RankSRGAN (Zhang et al., arXiv 1908.06382) is made of the same pairs.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.dcgan import batch_norm, flattened
from dgan_jax.nets.fan_in import Dtype, conv, dense


class Pairs(nn.Module):
    """[B, H, W, C] -> [B, H / 2^stages, W / 2^stages, 8 features at most]. Halving rounds down.

    The first convolution alone is not normalised; `bias`: those that are have biases too. `train`: by the statistics of
    the batch (over all devices of `axis_name`), noted in "batch_stats".
    """

    features: int
    stages: int
    bias: bool = False
    size: int = 4  # of the kernels that halve
    axis_name: str | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        h = x.astype(self.dtype)
        for stage in range(self.stages):
            width = self.features * min(8, 2**stage)
            for half in (0, 1):
                first = stage == half == 0
                size, stride = ((3, 1), (self.size, 2))[half]
                h = conv(
                    h, width, size, f"conv_{stage}_{half}", bias=first or self.bias, stride=stride, padding=1,
                    dtype=self.dtype,
                )  # fmt: skip
                h = h if first else batch_norm(h, train, self.axis_name, f"norm_{stage}_{half}")
                h = nn.leaky_relu(h, 0.2)
        return h


class VGGCritic(nn.Module):
    """Images [B, S, S, C] of one size -> logits [B].

    Published: 5 stages at 128x128 and 296x296, 6 at 192x192 and 256x256. The first SRGAN's has 4 at 96x96, kernels of 3
    and 1024 hidden features.
    """

    features: int = 64
    stages: int = 5
    hidden: int = 100
    size: int = 4
    axis_name: str | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        if min(x.shape[1:3]) < 2**self.stages:
            raise ValueError(
                f"a critic of {self.stages} halvings cannot judge images of {x.shape[1]}x{x.shape[2]}; "
                "give it fewer, as --system.critic_stages 3, or larger crops"
            )
        pairs = Pairs(
            self.features, self.stages, size=self.size, axis_name=self.axis_name, dtype=self.dtype, name="pairs"
        )
        h = pairs(x, train)
        h = nn.leaky_relu(dense(flattened(h).astype(jnp.float32), self.hidden, "dense"), 0.2)
        return dense(h, 1, "out")[:, 0]


class Ranker(nn.Module):
    """Images [B, H, W, C] of any size -> scores [B]: the higher, the worse the picture looks by what it was taught."""

    features: int = 64
    stages: int = 5
    hidden: int = 100
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        h = Pairs(self.features, self.stages, bias=True, axis_name=self.axis_name, name="pairs")(x, train)
        h = nn.leaky_relu(dense(h.mean((1, 2)), self.hidden, "dense"), 0.2)
        return dense(h, 1, "out")[:, 0]
