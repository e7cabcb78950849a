"""Latent denoising diffusion-GAN: DDGAN on the codes of an autoencoder, with a fading reconstruction term.

Trinh and Hamagami, "Latent Denoising Diffusion GAN", IEEE Access 12 (2024), arXiv 2406.11713.

Two stages: the autoencoder of latent diffusion with its critic of patches (the published code starts from trained
ones), then the diffusion-GAN on its frozen codes, whose L1 term falls along a sigmoid. Unconditional as published. For
restoration (our reading) the task's first estimate is encoded too; its code and the task's condition, averaged over the
pixels of a code, stand beside x_t, and what is known is put back after decoding.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax.core import noise
from dgan_jax.core.parts import (
    Context,
    Denoiser,
    Example,
    Measurement,
    Objective,
    Phase,
    Player,
    Report,
    Space,
    Spec,
    Stage,
    System,
    Task,
)
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.layers import dropped
from dgan_jax.nets.ldm_autoencoder import Autoencoder, KLAutoencoder, VQAutoencoder
from dgan_jax.nets.minibatch import check_groups
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.nets.patchgan import PatchGAN
from dgan_jax.objectives import autoencoder as coding
from dgan_jax.objectives.denoising_gan import denoising_gan, draw_update
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.samplers.denoising_gan import sample_from_keys
from dgan_jax.spaces.latent import latent
from dgan_jax.tasks.generate import Generate

PAPER = "Trinh, Hamagami 2024, arXiv 2406.11713"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
LENDS = (Denoiser,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published CIFAR-10 values."""

    steps: int = 4
    """Denoising steps T."""
    features: int = 128
    """Width of the generator's first level."""
    multipliers: tuple[int, ...] = (1, 2, 2)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    attention: tuple[int, ...] = ()
    """Side lengths of codes that have self-attention; the middle always has."""
    latent: int = 50
    """Length of the latent z."""
    latent_layers: int = 4
    """Hidden layers of the latent mapping."""
    latent_embedding: int = 256
    """Width of the latent mapping."""
    critic: str = "small"
    """Critic for 32x32 (small) or for 256x256 (large)."""
    critic_layers: int | None = 3
    """Keep this many of the critic's blocks; none keeps all."""
    critic_features: int = 64
    critic_embedding: int = 256
    """Width of the critic's time embedding."""
    residual: bool = False
    """Predict a correction of the code of the task's cheap first estimate; no tanh then."""
    r1_gamma: float = 0.02
    r1_every: int = 15
    """Lazy R1: on every n-th step, not multiplied by n."""
    reconstruction: float = 1.0
    """Weight of the mean absolute error of the predicted code, before it fades over the epochs."""
    learning_rate_generator: float = 1.6e-4
    learning_rate_critic: float = 1.25e-4
    beta1: float = 0.5
    beta2: float = 0.9
    ema: float = 0.9999
    beta_min: float = 0.1
    beta_max: float = 20.0
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
    remat: bool = False
    """Recompute the generator's blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        known_values = {
            "dtype": ("float32", "bfloat16"),
            "autoencoder": ("kl", "vq"),
            "patch_loss": tuple(coding.CRITIC_LOSSES),
        }
        for name, known in known_values.items():
            if getattr(self, name) not in known:
                raise ValueError(f"system.{name} must be {' or '.join(known)}, got {getattr(self, name)!r}")
        if not 0 <= self.autoencoder_share < 1:
            raise ValueError(
                f"system.autoencoder_share must be in [0, 1), got {self.autoencoder_share}; the rest is the diffusion's"
            )
        if not self.autoencoder_share and not self.code_scale:
            raise ValueError(
                "system.autoencoder_share 0 is for a converted autoencoder, whose system.code_scale must be given: "
                "105, 6 and 60 with the published ones for CIFAR-10, CelebA-HQ and LSUN church"
            )
        if self.code_scale < 0:
            raise ValueError(f"system.code_scale must be positive, or 0 to measure it, got {self.code_scale}")
        for name in (
            "steps", "features", "blocks", "latent", "r1_every", "critic_features", "code_channels", "book",
            "autoencoder_features", "patch_features", "patch_layers",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"system.{name} must be at least 1, got {getattr(self, name)}")
        if self.autoencoder_groups < 0:
            raise ValueError(f"system.autoencoder_groups must be 0 (no norms) or more, got {self.autoencoder_groups}")


def fading(epochs: int) -> np.ndarray:
    """[epochs + 1] weights of the reconstruction, 1 - sigmoid from -6 to 6 (section IV of the paper)."""
    return (1 / (1 + np.exp(np.linspace(-6.0, 6.0, epochs + 1)))).astype(np.float32)


def autoencoder_of(config: Config, spec: Spec) -> Autoencoder:
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


def pooled(x: jax.Array, factor: int) -> jax.Array:
    """Means over squares of `factor` pixels: [B, H, W, C] -> [B, H / factor, W / factor, C]."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // factor, factor, width // factor, factor, channels).mean((2, 4))


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "autoencoder", "patches" (its critic), "generator" and "critic"; only the generator is averaged."""
    network = autoencoder_of(config, spec)
    spaces = spaces_of(network)
    dtype, factor, channels = jnp.dtype(config.dtype), network.factor, config.code_channels
    process = gaussian(vp_betas(config.steps, beta_min=config.beta_min, beta_max=config.beta_max))
    patches = PatchGAN(config.patch_features, config.patch_layers, spec.axis_name, dtype)
    generator = NCSNpp(
        image_size=spec.height // factor, out_channels=channels, features=config.features, blocks=config.blocks,
        multipliers=config.multipliers, attention=config.attention, latent_layers=config.latent_layers,
        latent_embedding=config.latent_embedding, tanh=not config.residual, dtype=dtype, remat=config.remat,
    )  # fmt: skip
    critic = Critic(
        variant=config.critic, layers=config.critic_layers, features=config.critic_features,
        time_embedding=config.critic_embedding, axis_name=spec.axis_name, dtype=dtype,
    )  # fmt: skip
    check_groups(spec.batch, critic.group)
    blind = isinstance(task, Generate)  # there is no first estimate

    def seen(y: Measurement, space: Space) -> Measurement:
        """A measurement as the networks of the latent space see it: "condition", and "start" if there is one."""
        condition = pooled(task.condition(y), factor)
        if blind:
            return {"condition": condition}
        start = space.encode(task.start(y))
        return {"condition": jnp.concatenate([start, condition], axis=-1), "start": start}

    def predict(params: Any, x: jax.Array, t: jax.Array, z: jax.Array, y: Measurement) -> jax.Array:
        x0 = cast(jax.Array, generator.apply({"params": params}, x, t, z, y["condition"]))
        return y["start"] + x0 if config.residual and not blind else x0

    def judge(params: Any, x_t: jax.Array, t: jax.Array, x_next: jax.Array, y: Measurement) -> jax.Array:
        return cast(jax.Array, critic.apply({"params": params}, x_t, t, x_next, y["condition"]))

    def code_shape(image: tuple[int, ...]) -> tuple[int, int, int]:
        return image[-3] // factor, image[-2] // factor, channels

    def decoder_of(variables: dict) -> Space:
        return spaces(variables["params"]["autoencoder"], variables["model_state"]["autoencoder"])(None)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        params, shape, space = variables["params"], code_shape(y["image"].shape), decoder_of(variables)
        conditions = seen(y, space)
        step = lambda x, t, z: predict(params["generator"], x, t, z, conditions)
        places = noise.places(y, shape[0])
        image = space.decode(sample_from_keys(step, process, keys, shape, config.latent, places=places))
        return task.project(jnp.clip(image, -1, 1), y)

    first = round(spec.steps * config.autoencoder_share)
    weights = config.reconstruction * fading(max(1, -(-(spec.steps - first) // spec.epoch)))

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys, shape = jax.random.split(key, 4), code_shape(example["image"].shape)
        update = lambda key: draw_update(key, shape, steps=config.steps, latent=config.latent)
        return {
            "y": task.measure(keys[0], example),
            "critic": update(keys[1]),
            "generator": update(keys[2]),
            "code": jax.random.normal(keys[3], shape),  # one code of each image serves both updates
        }

    def phase(index: int, player: str) -> Phase:
        def loss(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
            space = spaces(params["autoencoder"], context.model_state["autoencoder"])
            weight = jnp.asarray(weights)[context.step // spec.epoch]
            objective = denoising_gan(
                predict=predict, judge=judge, process=process, measure=task.measure, encode=space(draws["code"]).encode,
                latent=config.latent, r1_gamma=config.r1_gamma, r1_every=config.r1_every,
                reconstruction=lambda x0_hat, x0, y: weight * jnp.mean(jnp.abs(x0_hat - x0)),
            )  # fmt: skip
            draws = {**draws, "y": seen(draws["y"], space(None))}
            return objective.phases[index].loss(params, context, batch, draws)

        return Phase((player,), loss)

    def judge_patches(params: Any, state: Any, image: jax.Array) -> tuple[jax.Array, Any]:
        return patches.apply({"params": params, **state}, image, True, mutable=["batch_stats"])

    encode, decode, fidelity = training_codec(network)
    learn_codes = coding.autoencoder(
        encode=encode, decode=decode, judge=judge_patches, fidelity=fidelity, code_shape=code_shape,
        regulariser=config.regulariser, adversarial=config.adversarial, adversarial_start=config.adversarial_start,
        critic_loss=coding.CRITIC_LOSSES[config.patch_loss], axis_name=spec.axis_name,
    )  # fmt: skip
    adam = lambda rate, b1=config.beta1, b2=config.beta2: optax.adam(rate, b1=b1, b2=b2, eps=1e-8)
    coder = adam(config.autoencoder_learning_rate, 0.5, 0.9)
    stages = [
        Stage("autoencoder", first, learn_codes, {"autoencoder": coder, "patches": coder}),
        Stage(
            "latent",
            spec.steps - first,
            Objective(draw, (phase(0, "critic"), phase(1, "generator"))),
            {"critic": adam(config.learning_rate_critic), "generator": adam(config.learning_rate_generator)},
        ),
    ]

    def inputs(y: Measurement) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Codes, times and conditions of the right shapes."""
        shape = (y["image"].shape[0], *code_shape(y["image"].shape))
        planes = task.condition(y).shape[-1] + (0 if blind else channels)
        return jnp.zeros(shape), jnp.zeros(shape[0], jnp.int32), jnp.zeros((*shape[:3], planes))

    def generator_inputs(y: Measurement) -> tuple:
        x, t, condition = inputs(y)
        return x, t, jnp.zeros((x.shape[0], config.latent)), condition

    def critic_inputs(y: Measurement) -> tuple:
        x, t, condition = inputs(y)
        return x, t, x, condition

    players = {
        "autoencoder": Player(network, lambda y: (y["image"],)),
        "patches": Player(patches, lambda y: (y["image"],)),
        "generator": Player(generator, generator_inputs, config.ema),
        "critic": Player(critic, critic_inputs),
    }
    multiple = 2 ** (len(config.multipliers) - 1) * factor
    # The decoder, and the encoder where there is a first estimate, are calls too.
    calls = config.steps + (1 if blind else 2)

    def lend(variables: dict, x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array) -> tuple[jax.Array, None]:
        z = jax.vmap(lambda key: jax.random.normal(key, (config.latent,)))(keys)
        return predict(variables["params"]["generator"], x, t, z, seen(y, decoder_of(variables))), None

    training, prior = tuple(stages if first else stages[1:]), Denoiser(lend, process, decoder_of)
    return System(restore, players, training, multiple=multiple, calls=calls, draws=True, prior=prior)
