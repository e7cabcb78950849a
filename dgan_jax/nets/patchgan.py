"""PatchGAN: one logit for each patch of an image.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017, arXiv 1611.07004; in the
form that latent diffusion trains its autoencoders with.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import Dtype, bias_init


class PatchGAN(nn.Module):
    """[B, H, W, C] -> logits [B, h, w, 1].

    `train`: normalise by the statistics of the batch (over all devices of `axis_name`) and note them in "batch_stats";
    otherwise by the noted ones. The noted variance is the biased one, PyTorch's is not.
    """

    features: int = 64
    layers: int = 3  # with stride 2
    axis_name: str | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        def conv(h: jax.Array, features: int, stride: int, name: str, bias: bool) -> jax.Array:
            layer = nn.Conv(
                features, (4, 4), stride, padding=1, use_bias=bias, dtype=self.dtype,
                kernel_init=nn.initializers.normal(0.02), bias_init=bias_init(16 * h.shape[-1]), name=name,
            )  # fmt: skip
            return layer(h)

        def norm(h: jax.Array, name: str) -> jax.Array:
            gain = lambda key, shape, dtype=jnp.float32: 1 + 0.02 * jax.random.normal(key, shape, dtype)
            layer = nn.BatchNorm(
                use_running_average=not train, momentum=0.9, epsilon=1e-5, axis_name=self.axis_name, scale_init=gain,
                use_fast_variance=False, dtype=self.dtype, name=name,
            )  # fmt: skip
            return layer(h)

        activate = lambda h: nn.leaky_relu(h, 0.2)
        h = activate(conv(x.astype(self.dtype), self.features, 2, "conv_0", True))
        for i in range(1, self.layers + 1):
            # The last of them keeps the size.
            h = conv(h, self.features * min(2**i, 8), 2 if i < self.layers else 1, f"conv_{i}", False)
            h = activate(norm(h, f"norm_{i}"))
        return conv(h, 1, 1, "out", True).astype(jnp.float32)
