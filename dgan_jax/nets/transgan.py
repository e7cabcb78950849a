"""The networks of TransGAN: attention over the whole grid with relative positions, no convolution but to see pixels.

Jiang, Chang, Wang, "TransGAN: Two Pure Transformers Can Make One Strong GAN", NeurIPS 2021, arXiv 2102.07074, in the
form of the published code for CIFAR-10.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.fan_in import bias_init, kernel_init
from dgan_jax.nets.layers import relative_index

narrow = nn.initializers.truncated_normal(0.02)
xavier = nn.initializers.xavier_uniform()
HEADS = 4

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": lambda x: nn.gelu(x, approximate=False),
    "leakyrelu": lambda x: nn.leaky_relu(x, 0.2),
}
NORMS = ("ln", "bn", "in", "pn", "none")


class Norm(nn.Module):
    """Tokens [B, N, C] -> the same: layer (ln), batch (bn), instance (in), pixel normalisation (pn), or none."""

    kind: str = "ln"
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        lookup("norm", self.kind, dict.fromkeys(NORMS))
        if self.kind == "ln":
            return nn.LayerNorm(epsilon=1e-5, use_fast_variance=False, name="norm")(x)
        if self.kind == "bn":
            layer = nn.BatchNorm(
                use_running_average=not train, momentum=0.9, epsilon=1e-5, axis_name=self.axis_name,
                use_fast_variance=False, name="norm",
            )  # fmt: skip
            return layer(x)
        if self.kind == "in":
            return (x - x.mean(1, keepdims=True)) * jax.lax.rsqrt(x.var(1, keepdims=True) + 1e-5)
        return x * jax.lax.rsqrt(jnp.mean(x**2, axis=2, keepdims=True) + 1e-8) if self.kind == "pn" else x


class Attention(nn.Module):
    """[B, N, C] -> [B, N, C]. `side`: of the grid whose relative positions are learned; 0: none.

    `noisy`: `noise` [B, N, 1] times a learned strength is added to the tokens first.
    """

    side: int
    noisy: bool = False
    dense_init: nn.initializers.Initializer = kernel_init

    @nn.compact
    def __call__(self, x: jax.Array, noise: jax.Array | float = 0.0) -> jax.Array:
        batch, count, width = x.shape
        if self.noisy:
            x = x + noise * self.param("noise_strength", nn.initializers.zeros, ())
        qkv = nn.Dense(3 * width, use_bias=False, kernel_init=self.dense_init, name="qkv")(x)
        query, key, value = jnp.moveaxis(qkv.reshape(batch, count, 3, HEADS, width // HEADS), 2, 0)
        scores = jnp.einsum("bihd,bjhd->bhij", query, key) * (width // HEADS) ** -0.5
        if self.side:
            table = self.param("relative", narrow, (HEADS, (2 * self.side - 1) ** 2))
            scores = scores + jnp.asarray(table)[:, relative_index(self.side)]
        mixed = jnp.einsum("bhij,bjhd->bihd", nn.softmax(scores), value).reshape(batch, count, width)
        return nn.Dense(width, kernel_init=self.dense_init, bias_init=zero_or(self.dense_init, width), name="out")(
            mixed
        )


def zero_or(init: nn.initializers.Initializer, fan_in: int) -> nn.initializers.Initializer:
    """Biases of torch's default layers are drawn, those of layers that the critic starts anew are zero."""
    return bias_init(fan_in) if init is kernel_init else nn.initializers.zeros


class Block(nn.Module):
    """Attention, then two dense layers, each added to what comes in. The critic's is `noisy`, and without a norm both
    summands are scaled by sqrt(1/2)."""

    side: int
    ratio: float = 4.0
    norm: str = "ln"
    activation: str = "gelu"
    critic: bool = False
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, noise: jax.Array | float = 0.0, train: bool = False) -> jax.Array:
        init = narrow if self.critic else kernel_init
        gain = np.float32(np.sqrt(0.5)) if self.critic and self.norm == "none" else 1.0
        norm = lambda x, name: Norm(self.norm, self.axis_name, name=name)(x, train)
        h = Attention(self.side, noisy=self.critic, dense_init=init, name="attention")(norm(x, "norm_attention"), noise)
        x = x * gain + h * gain
        dense = lambda h, features, name: nn.Dense(
            features, kernel_init=init, bias_init=zero_or(init, h.shape[-1]), name=name
        )(h)
        h = dense(norm(x, "norm_mlp"), int(x.shape[-1] * self.ratio), "mlp_in")
        h = dense(lookup("activation", self.activation, ACTIVATIONS)(h), x.shape[-1], "mlp_out")
        return x * gain + h * gain


def shuffled(x: jax.Array, side: int) -> jax.Array:
    """Tokens [B, side^2, C] -> [B, (2 side)^2, C / 4]: sub-pixels from channels c * 4 + dy * 2 + dx."""
    batch, _, width = x.shape
    x = x.reshape(batch, side, side, width // 4, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(batch, 4 * side**2, width // 4)


class Generator(nn.Module):
    """z [B, Z] -> images [B, 4 bottom, 4 bottom, channels], without a bound on their range.

    `features` must be a multiple of 64. Published (CIFAR-10): Z 256, bottom 8, features 1024, depths 5, 4, 2.
    """

    features: int = 1024
    bottom: int = 8
    depths: tuple[int, ...] = (5, 4, 2)
    ratio: float = 4.0
    norm: str = "ln"
    activation: str = "gelu"
    latent_norm: bool = False
    channels: int = 3
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        if self.features % 64:
            raise ValueError(f"the generator's features must be a multiple of 64, got {self.features}")
        if self.latent_norm:
            z = z / jnp.linalg.norm(z, axis=-1, keepdims=True) * np.sqrt(z.shape[-1])
        dense = nn.Dense(
            self.bottom**2 * self.features, kernel_init=kernel_init, bias_init=bias_init(z.shape[-1]), name="dense"
        )
        x, side, width = dense(z).reshape(-1, self.bottom**2, self.features), self.bottom, self.features
        for stage, depth in enumerate(self.depths):
            if stage:
                x, side, width = shuffled(x, side), 2 * side, width // 4
            x = x + self.param(f"position_{stage}", narrow, (side**2, width))
            for i in range(depth):
                block = Block(
                    side,
                    self.ratio,
                    self.norm,
                    self.activation,
                    axis_name=self.axis_name,
                    name=f"stage_{stage}_block_{i}",
                )
                x = block(x, train=train)
        out = nn.Conv(self.channels, (1, 1), kernel_init=xavier, bias_init=bias_init(width), name="out")
        return out(x.reshape(-1, side, side, width))


class Critic(nn.Module):
    """Images [B, S, S, C] -> logits [B]; S a multiple of 2 `patch`. Published (CIFAR-10): features 384, 3 blocks.

    `noise`: one standard normal for each token of each block, [B, tokens], in order (`noise_size`); None: none, where
    the published network draws even when it is evaluated.
    """

    features: int = 384
    depth: int = 3
    patch: int = 2
    norm: str = "ln"
    activation: str = "gelu"
    axis_name: str | None = None

    def noise_size(self, side: int) -> int:
        """How many normals an image of that side takes."""
        fine, coarse = (side // self.patch) ** 2, (side // self.patch // 2) ** 2
        return self.depth * (fine + coarse) + coarse + 1

    @nn.compact
    def __call__(self, x: jax.Array, noise: jax.Array | None = None, train: bool = False) -> jax.Array:
        batch, side = x.shape[0], x.shape[1] // self.patch
        used = 0

        def block(h: jax.Array, of_side: int, name: str) -> jax.Array:
            nonlocal used
            own: jax.Array | float = 0.0
            if noise is not None:
                own = noise[:, used : used + h.shape[1], None]
                used += h.shape[1]
            layer = Block(of_side, 4.0, self.norm, self.activation, critic=True, axis_name=self.axis_name, name=name)
            return layer(h, own, train)

        def seen(features: int, size: int, name: str) -> jax.Array:
            layer = nn.Conv(
                features, (size, size), size, padding=0, kernel_init=xavier,
                bias_init=bias_init(size**2 * x.shape[-1]), name=name,
            )  # fmt: skip
            return layer(x).reshape(batch, -1, features)

        quarter = self.features // 4
        h = seen(3 * quarter, self.patch, "see_fine")
        h = h + self.param("position_fine", narrow, h.shape[1:])
        for i in range(self.depth):
            h = block(h, side, f"fine_block_{i}")
        h = h.reshape(batch, side // 2, 2, side // 2, 2, -1).mean((2, 4)).reshape(batch, (side // 2) ** 2, -1)
        h = jnp.concatenate([h, seen(quarter, 2 * self.patch, "see_coarse")], axis=-1)
        h = h + self.param("position_coarse", narrow, h.shape[1:])
        for i in range(self.depth):
            h = block(h, side // 2, f"coarse_block_{i}")
        token = jnp.asarray(self.param("token", narrow, (1, h.shape[-1])))
        h = jnp.concatenate([jnp.broadcast_to(token, (batch, *token.shape)), h], axis=1)
        h = Norm(self.norm, self.axis_name, name="norm")(block(h, 0, "last_block"), train)
        return nn.Dense(1, kernel_init=narrow, name="out")(h[:, 0])[:, 0]
