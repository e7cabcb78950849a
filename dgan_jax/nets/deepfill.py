"""The networks of DeepFill v2: gated convolutions in two stages, one with contextual attention, and SN-PatchGAN.

Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, arXiv 1806.03589; contextual attention:
arXiv 1801.07892. Paddings are TensorFlow's SAME. Published: width 48, 4,052,478 parameters.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.contextual_attention import attend
from dgan_jax.nets.spectral import SpectralConv
from dgan_jax.ops import fir

Activation = Callable[[jax.Array], jax.Array]
DILATIONS = (2, 4, 8, 16)


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding of one side: what is odd goes to the end."""
    whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return whole // 2, whole - whole // 2


def gated(
    x: jax.Array, features: int, name: str, *, size: int = 3, stride: int = 1, dilation: int = 1,
    activation: Activation | None = nn.elu,
) -> jax.Array:  # fmt: skip
    """A convolution to twice the features, half of which, through a sigmoid, weigh the other half.

    Without an activation, and as in the released code wherever there are three features, it is a plain convolution.
    """
    bare = activation is None or features == 3
    # As its PyTorch port starts: uniform with the variance 2 / fan out, or as PyTorch does where nothing is activated.
    init = nn.initializers.variance_scaling(*((1 / 3, "fan_in") if activation is None else (2.0, "fan_out")), "uniform")
    layer = nn.Conv(
        features if bare else 2 * features, (size, size), stride, padding="SAME", kernel_dilation=dilation,
        kernel_init=init, name=name,
    )  # fmt: skip
    h = layer(x)
    if bare:
        return h
    assert activation is not None
    values, gates = jnp.split(h, 2, axis=-1)
    return activation(values) * nn.sigmoid(gates)


class Generator(nn.Module):
    """(x [B, H, W, C + 2], hole [B or 1, H, W, 1]) -> (coarse, refined) images [B, H, W, C] in [-1, 1].

    x: an image in [-1, 1], 0 in the hole; ones; the hole. H and W must be multiples of 8. `width` is twice the features
    of the first layer. `fuse`: as `contextual_attention.attend`; the PyTorch port goes without.
    """

    width: int = 48
    channels: int = 3
    fuse: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, hole: jax.Array) -> tuple[jax.Array, jax.Array]:
        if self.width % 4 or x.shape[1] % 8 or x.shape[2] % 8:
            raise ValueError(
                f"deepfill_v2 halves images three times and its width twice, got {x.shape[1]}x{x.shape[2]} and width "
                f"{self.width}; use multiples of 8 and of 4"
            )
        full, half, quarter = 2 * self.width, self.width, self.width // 2
        h = self.down(x, "", (quarter, half, half, full))
        h = self.looking(h, "", 6)
        coarse = self.up(h, "", 11)

        pasted = coarse * hole + x[..., : self.channels] * (1 - hole)
        seen = self.looking(self.down(pasted, "x", (quarter, quarter, half, half)), "x", 6)
        h = self.down(pasted, "pm", (quarter, quarter, half, full))
        h = gated(h, full, "pm6", activation=nn.relu)
        h = attend(h, h, hole, fuse=self.fuse)
        for i in (9, 10):
            h = gated(h, full, f"pm{i}")
        return coarse, self.up(jnp.concatenate([seen, h], axis=-1), "all", 11)

    def down(self, x: jax.Array, branch: str, widths: tuple[int, int, int, int]) -> jax.Array:
        """Layers 1 to 5, of which 2 and 4 halve the size."""
        h = gated(x, widths[0], f"{branch}1", size=5)
        for i, width in enumerate((*widths[1:], 2 * self.width), start=2):
            h = gated(h, width, f"{branch}{i}", stride=2 if i in (2, 4) else 1)
        return h

    def looking(self, h: jax.Array, branch: str, first: int) -> jax.Array:
        """A layer, and four that look further and further."""
        h = gated(h, 2 * self.width, f"{branch}{first}")
        for i, dilation in enumerate(DILATIONS, start=first + 1):
            h = gated(h, 2 * self.width, f"{branch}{i}", dilation=dilation)
        return h

    def up(self, h: jax.Array, branch: str, first: int) -> jax.Array:
        """The last seven layers, of which the third and the fifth double the size."""
        widths = (2 * self.width, 2 * self.width, self.width, self.width, self.width // 2, self.width // 4)
        for i, width in enumerate(widths):
            h = gated(fir.repeat(h) if i in (2, 4) else h, width, f"{branch}{first + i}")
        return jnp.tanh(gated(h, self.channels, f"{branch}{first + 6}", activation=None))


class Critic(nn.Module):
    """Images and holes [B, H, W, C + 1] -> scores [B, h, w, features], spectrally normalised: SN-PatchGAN.

    Each of them is a score of its own. Published: width 64, six layers. `update`: one step of power iteration.
    """

    width: int = 64
    layers: int = 6

    @nn.compact
    def __call__(self, x: jax.Array, update: bool = False) -> jax.Array:
        for i in range(self.layers):
            layer = SpectralConv(
                self.width * min(2**i, 4), size=5, stride=2, name=f"conv_{i}",
                padding=[same(side, 5, 2) for side in x.shape[1:3]],
            )  # fmt: skip
            x = nn.leaky_relu(layer(x, update), 0.2)
        return x
