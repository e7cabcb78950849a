"""The patch discriminator of pix2pixHD, with its features: one scale of it judges in LaMa and in DiffIR's inpainting.

Wang et al., CVPR 2018, arXiv 1711.11585; Suvorov et al., WACV 2022, arXiv 2109.07161.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import Dtype, conv


class PatchCritic(nn.Module):
    """Images [B, H, W, C] -> (logits [B, h, w, 1], features of every layer before them).

    `train`: normalise by the statistics of the batch, which are noted in "batch_stats", so apply it with that
    collection mutable; otherwise by the noted ones. With `axis_name` the batch is that of all devices.
    """

    features: int = 64  # doubles with each layer, up to 512
    layers: int = 4  # with stride 2
    axis_name: str | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = True) -> tuple[jax.Array, list[jax.Array]]:
        widths = [min(512, self.features * 2**i) for i in range(self.layers + 1)]
        outputs, h = [], x
        for i, width in enumerate(widths):
            stride = 2 if i < self.layers else 1
            # Padding 2 of a kernel of 4: a map grows by one where the stride is 1.
            h = conv(h, width, 4, f"conv{i}", stride=stride, padding=2, dtype=self.dtype)
            h = nn.leaky_relu(self.norm(f"norm{i}", train)(h) if i else h, 0.2)
            outputs.append(h)
        logits = conv(h, 1, 4, f"conv{len(widths)}", padding=2, dtype=self.dtype)
        return logits.astype(jnp.float32), outputs

    def norm(self, name: str, train: bool) -> nn.BatchNorm:
        return nn.BatchNorm(
            use_running_average=not train, momentum=0.9, epsilon=1e-5, use_fast_variance=False, dtype=self.dtype,
            axis_name=self.axis_name, name=name,
        )  # fmt: skip
