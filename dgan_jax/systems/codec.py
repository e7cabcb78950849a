"""The codec of latent diffusion as a part of systems: its options, its training, and the space of its codes.

Rombach et al., arXiv 2112.10752. A first stage trains the autoencoder with its critic of patches; what follows works on
its frozen codes.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core import checks
from dgan_jax.core.parts import Measurement, Player, Space, Spec, Stage, Task
from dgan_jax.nets.layers import dropped
from dgan_jax.nets.ldm_autoencoder import Autoencoder, KLAutoencoder, VQAutoencoder
from dgan_jax.nets.patchgan import PatchGAN
from dgan_jax.objectives import autoencoder as coding
from dgan_jax.spaces.latent import latent
from dgan_jax.spaces.pixel import pixel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What a Config tells of its autoencoder. Defaults are LDDGAN's for CIFAR-10."""

    code_scale: float = 0.0
    """Codes are divided by this; 0: by their largest absolute value, measured while the autoencoder trains."""
    autoencoder: str = "kl"
    """Codes are draws from a Gaussian (kl) or entries of a book (vq)."""
    code_channels: int = 4
    code_log_variance: float = 0.0
    """What the log-variance of a code (kl) starts around: at 0, as published, noise is larger than what a code says at
    first, and short trainings are spent on lowering it."""
    book: int = 8192
    """Entries of the book (vq)."""
    autoencoder_features: int = 128
    autoencoder_multipliers: tuple[int, ...] = (1, 2)
    """Width of each level; every level but the first halves the side."""
    autoencoder_blocks: int = 2
    autoencoder_attention: tuple[int, ...] = (16,)
    """Side lengths (at the training size) that have self-attention."""
    autoencoder_middle_attention: bool = True
    """Self-attention at the side of the codes; without it there is none in the autoencoder."""
    autoencoder_groups: int = 32
    """Groups of the autoencoder's norms; 0 has no norms: they take an image's colour and contrast away, and short
    trainings do not learn to get them back."""
    autoencoder_dropout: float = 0.2
    autoencoder_tanh: bool = True
    autoencoder_share: float = 0.2
    """Part of the training that goes to the autoencoder; 0 only for a run that holds a converted one."""
    autoencoder_learning_rate: float = 1.44e-4
    regulariser: float = 1e-6
    """Weight of the KL divergence, or of the book's loss."""
    patch_features: int = 64
    patch_layers: int = 3
    adversarial: float = 0.5
    """Weight of the patch critic's part in the autoencoder's loss, before it is adapted to the gradients."""
    adversarial_start: int = 50_001
    """Step from which the patch critic takes part."""
    patch_loss: str = "hinge"
    """Of the patch critic: hinge or vanilla (logistic)."""
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""

    def __post_init__(self) -> None:
        known_values = {
            "dtype": ("float32", "bfloat16"),
            "autoencoder": self.kinds(),
            "patch_loss": tuple(coding.CRITIC_LOSSES),
        }
        for name, known in known_values.items():
            if getattr(self, name) not in known:
                raise ValueError(f"system.{name} must be {' or '.join(known)}, got {getattr(self, name)!r}")
        if not 0 <= self.autoencoder_share < 1:
            raise ValueError(
                f"system.autoencoder_share must be in [0, 1), got {self.autoencoder_share}; the rest is the diffusion's"
            )
        if self.code_scale < 0:
            raise ValueError(f"system.code_scale must be positive, or 0 to measure it, got {self.code_scale}")
        checks.at_least_one(self, "code_channels", "book", "autoencoder_features", "patch_features", "patch_layers")
        if self.autoencoder_groups < 0:
            raise ValueError(f"system.autoencoder_groups must be 0 (no norms) or more, got {self.autoencoder_groups}")

    def kinds(self) -> tuple[str, ...]:
        """The autoencoders that this system works with."""
        return ("kl", "vq")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VQOptions(Options):
    """Defaults are latent diffusion's VQ-f4, trained before."""

    autoencoder: str = "vq"
    code_channels: int = 3
    code_scale: float = 1.0
    """Codes are divided by this; 0: by their size, measured while the autoencoder trains."""
    autoencoder_multipliers: tuple[int, ...] = (1, 2, 4)
    autoencoder_attention: tuple[int, ...] = ()
    autoencoder_middle_attention: bool = False
    autoencoder_dropout: float = 0.0
    autoencoder_tanh: bool = False
    autoencoder_share: float = 0.0
    """Part of the training that goes to the autoencoder; 0 only for one that is given (train.begin_with)."""


def autoencoder_of(config: Options, spec: Spec) -> Autoencoder:
    """The network between images and codes."""
    options: dict[str, Any] = {
        "resolution": spec.height, "out_channels": spec.channels, "features": config.autoencoder_features,
        "multipliers": config.autoencoder_multipliers, "blocks": config.autoencoder_blocks,
        "attention": config.autoencoder_attention, "middle_attention": config.autoencoder_middle_attention,
        "bottleneck": config.code_channels,
        "code_channels": config.code_channels, "tanh": config.autoencoder_tanh, "scale": config.code_scale or None,
        "groups": config.autoencoder_groups, "dropout": config.autoencoder_dropout, "dtype": jnp.dtype(config.dtype),
    }  # fmt: skip
    if config.autoencoder == "vq":
        return VQAutoencoder(**options, codes=config.book)
    return KLAutoencoder(**options, start=config.code_log_variance)


Spaces = Callable[[Any, Any], Callable[[jax.Array | None], Space]]
"""(autoencoder parameters, its model state) -> noise [B, h, w, Z] or None (a code's mean) -> space."""


def spaces_of(network: Autoencoder) -> Spaces:
    """Latent spaces of a frozen autoencoder."""

    def of(params: Any, state: Any) -> Callable[[jax.Array | None], Space]:
        own = {"params": params}
        scale = network.scale or state["statistics"]["largest"]
        decode = lambda code: cast(jax.Array, network.apply(own, code, method="decode"))

        def with_noise(drawn: jax.Array | None) -> Space:
            def encode(image: jax.Array) -> jax.Array:
                code: Any = network.apply(own, image, method="encode")
                if isinstance(network, VQAutoencoder):
                    return cast(jax.Array, code)
                mean, log_variance = code
                return mean if drawn is None else mean + jnp.exp(0.5 * log_variance) * drawn

            return latent(encode, decode, factor=network.factor, channels=network.code_channels, scale=scale)

        return with_noise

    return of


def training_codec(network: Autoencoder) -> tuple[coding.Encode, coding.Decode, coding.Fidelity]:
    """What the autoencoder's objective asks of the network: with dropout, and with the regulariser's value."""

    def apply(method: str, params: Any, x: jax.Array, draws: coding.Draws) -> Any:
        if not network.dropout:
            return network.apply({"params": params}, x, method=method)

        return dropped(network, params, (x,), draws.dropout, method=method)

    def encode_kl(params: Any, image: jax.Array, draws: coding.Draws) -> tuple[jax.Array, jax.Array]:
        mean, log_variance = apply("encode", params, image, draws)
        code = mean + jnp.exp(0.5 * log_variance) * draws.noise
        return code, jnp.mean(coding.kl_divergence(mean, log_variance))

    def encode_vq(params: Any, image: jax.Array, draws: coding.Draws) -> tuple[jax.Array, jax.Array]:
        code = apply("encode", params, image, draws)
        entries, _ = network.apply({"params": params}, code, method="quantise")
        return code, coding.code_book(code, entries)

    decode = lambda params, code, draws: apply("decode", params, code, draws)
    if isinstance(network, VQAutoencoder):
        return encode_vq, decode, lambda params, error: jnp.mean(error)
    return encode_kl, decode, lambda params, error: coding.laplacian(params["log_variance"], error)


class Codec(NamedTuple):
    """An autoencoder that a first stage trains; or, where there is none, images themselves."""

    network: Autoencoder | None
    players: Mapping[str, Player]
    stages: tuple[Stage, ...]
    rest: int
    """Steps of the training that are left for what comes after."""
    factor: int
    channels: int
    space: Callable[[Any, Any, jax.Array | None], Space]
    """(parameters by player, model state by player, noise of a code that is a draw, or None: its mean) -> space."""

    def of(self, variables: dict[str, Any]) -> Space:
        return self.space(variables["params"], variables["model_state"], None)

    def shape(self, image: tuple[int, ...]) -> tuple[int, int, int]:
        """Of an image's shape, that of its code."""
        return image[-3] // self.factor, image[-2] // self.factor, self.channels


def none(spec: Spec) -> Codec:
    """Images are their own codes."""
    return Codec(None, {}, (), spec.steps, 1, spec.channels, lambda params, state, drawn: pixel())


def codec(config: Options, spec: Spec, *, by_deviation: bool = False) -> Codec:
    """Players "autoencoder" and "patches" (its critic), and their stage.

    Codes are divided by their largest absolute value, or `by_deviation` by their deviation, as measured while the
    autoencoder trains, unless `code_scale` says by what.
    """
    network = autoencoder_of(config, spec)
    spaces, channels = spaces_of(network), config.code_channels
    patches = PatchGAN(config.patch_features, config.patch_layers, spec.axis_name, jnp.dtype(config.dtype))
    first = round(spec.steps * config.autoencoder_share)

    def judge(params: Any, state: Any, image: jax.Array) -> tuple[jax.Array, Any]:
        return patches.apply({"params": params, **state}, image, True, mutable=["batch_stats"])

    encode, decode, fidelity = training_codec(network)
    shape = lambda image: (image[-3] // network.factor, image[-2] // network.factor, channels)
    objective = coding.autoencoder(
        encode=encode, decode=decode, judge=judge, fidelity=fidelity, code_shape=shape, regulariser=config.regulariser,
        adversarial=config.adversarial, adversarial_start=config.adversarial_start,
        critic_loss=coding.CRITIC_LOSSES[config.patch_loss], axis_name=spec.axis_name, by_deviation=by_deviation,
    )  # fmt: skip
    adam = optax.adam(config.autoencoder_learning_rate, b1=0.5, b2=0.9, eps=1e-8)
    stage = Stage("autoencoder", first, objective, {"autoencoder": adam, "patches": adam})

    def space(params: Any, state: Any, drawn: jax.Array | None) -> Space:
        return spaces(params["autoencoder"], state["autoencoder"])(drawn)

    players = {
        "autoencoder": Player(network, lambda y: (y["image"],)),
        "patches": Player(patches, lambda y: (y["image"],)),
    }
    stages = (stage,) if first else ()
    return Codec(network, players, stages, spec.steps - first, network.factor, channels, space)


def pooled(x: jax.Array, factor: int) -> jax.Array:
    """Means over squares of `factor` pixels: [B, H, W, C] -> [B, H / factor, W / factor, C]."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // factor, factor, width // factor, factor, channels).mean((2, 4))


def beside(task: Task, y: Measurement, factor: int) -> jax.Array:
    """What the network sees beside a state, at the size of the codes."""
    low = y.get("low")
    if factor > 1 and low is not None and low.shape[1] * factor == y["image"].shape[1]:
        return low
    return pooled(task.condition(y), factor)
