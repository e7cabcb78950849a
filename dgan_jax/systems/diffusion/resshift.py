"""ResShift: a short chain that carries the clean image over to its damaged form, in pixels or in codes.

Yue, Wang, Loy, "ResShift: Efficient Diffusion Model for Image Super-resolution by Residual Shifting", NeurIPS 2023,
arXiv 2307.12348; the four-step form with LPIPS: arXiv 2403.07319.

The network sees the state and, beside it, what was measured: the small image where it has the codes' size, else the
task's condition, averaged over the pixels of a code. It says the clean code. Not as published: the network is guided
diffusion's U-Net, where the authors' has the attention of a Swin transformer; the autoencoder, where one is not given,
is trained here first.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax import pretrained
from dgan_jax.core import checks
from dgan_jax.core.parts import Context, Measurement, Player, Space, Spec, Stage, System, Task
from dgan_jax.metrics.lpips import lpips, parameters
from dgan_jax.objectives.conditional import Draws, denoising
from dgan_jax.objectives.errors import mean_squared
from dgan_jax.process import residual
from dgan_jax.samplers import posterior
from dgan_jax.systems import codec, conditional

PAPER = "Yue, Wang, Loy 2023, arXiv 2307.12348"
TASKS = conditional.TASKS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(codec.VQOptions, conditional.UNet):
    """Defaults are the published values for enlarging by 4, in codes of 64x64."""

    steps: int = 4
    """Steps T of the chain."""
    kappa: float = 2.0
    """Noise of the chain's end, in units of the codes."""
    least: float = 0.2
    """Noise of the chain's first state, at most."""
    last: float = 0.99
    """Square root of the share of the damaged image in the chain's end."""
    power: float = 0.3
    """How fast the shares grow: the exponents of a geometric series are warped by this."""
    perceptual: float = 10.0
    """Weight of LPIPS (VGG), whose trunk is read from DGAN_WEIGHTS; 0 does without."""
    features: int = 160
    multipliers: tuple[int, ...] = (1, 2, 2, 4)
    attention: tuple[int, ...] = (64, 32, 16, 8)
    head_channels: int = 32
    resample_in_blocks: bool = False
    learning_rate: float = 5e-5
    warmup: int = 5_000
    learning_rate_end: float = 2e-5
    ema: float = 0.999
    autoencoder: str = "vq"
    """Codes are draws from a Gaussian (kl) or entries of a book (vq); none: the chain is one of pixels."""

    def __post_init__(self) -> None:
        conditional.UNet.__post_init__(self)
        codec.Options.__post_init__(self)
        checks.at_least_one(self, "steps")
        if self.perceptual < 0:
            raise ValueError(f"system.perceptual is a weight, 0 or more, got {self.perceptual}")

    def kinds(self) -> tuple[str, ...]:
        return ("kl", "vq", "none")


def build(config: Config, task: Task, spec: Spec) -> System:
    """The U-Net "denoiser", averaged, and with codes the autoencoder and its critic of patches."""
    coder = codec.none(spec) if config.autoencoder == "none" else codec.codec(config, spec)
    roots = residual.shift_roots(
        config.steps, kappa=config.kappa, least=config.least, last=config.last, power=config.power
    )
    process = residual.residual_shift(roots, kappa=config.kappa)
    network = conditional.unet_of(config, spec.height // coder.factor, coder.channels)

    def predict(
        params: Any, x: jax.Array, t: jax.Array, condition: jax.Array, keys: jax.Array | None = None
    ) -> jax.Array:
        seen = residual.scaled(process, x, t + 1, latent=coder.network is not None)
        return conditional.says(network, params, (jnp.concatenate([seen, condition], axis=-1), t), keys)

    def apart(context: Context, image: jax.Array, x0: jax.Array, space: Space) -> jax.Array:
        judge = lpips("vgg", context.frozen["lpips"])
        return jnp.mean(judge(jnp.clip(space.decode(x0), -1, 1) / 2 + 0.5, image / 2 + 0.5, None))

    def loss(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        space = coder.space(params, context.model_state, None)
        x0, y0 = space.encode(image), space.encode(task.start(y))
        x = residual.diffuse(process, x0, draws.t + 1, draws.noise, y0)
        said = predict(params["denoiser"], x, draws.t, codec.beside(task, y, coder.factor), draws.key)
        error = mean_squared(said, x0)
        if not config.perceptual:
            return error, {"error": error}
        perceptual = apart(context, image, said, space)
        return error + config.perceptual * perceptual, {"error": error, "perceptual": perceptual}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        space, condition = coder.of(variables), codec.beside(task, y, coder.factor)
        noise = conditional.draws(y, keys, coder.shape(y["image"].shape))
        ask = lambda x, t: predict(variables["params"]["denoiser"], x, t, condition)
        begin = residual.begin(process, noise(conditional.START), space.encode(task.start(y)))
        step = lambda *given: residual.posterior_sample(process, *given)
        image = space.decode(posterior.sample(ask, step, config.steps, begin, noise))
        return conditional.finished(task, y, image)

    def inputs(y: Measurement) -> tuple:
        shape = (y["image"].shape[0], *coder.shape(y["image"].shape))
        planes = shape[-1] + codec.beside(task, y, coder.factor).shape[-1]
        return jnp.zeros((*shape[:3], planes)), jnp.zeros(shape[0], jnp.int32)

    objective = denoising(loss=loss, measure=task.measure, shape=coder.shape, times=(0, config.steps - 1))
    optimizer = conditional.optimizer_of(config, coder.rest)
    frozen: dict[str, Any] = {}
    check: Any = lambda: None
    if config.perceptual:
        frozen = {"lpips": lambda: parameters("vgg", pretrained.read("vgg16", None).params)}
        check = lambda: pretrained.place("vgg16", None)
    stage = Stage("denoising", coder.rest, objective, {"denoiser": optimizer}, check=check)
    multiple = 2 ** (len(config.multipliers) - 1) * coder.factor
    calls = config.steps + 2 * (coder.network is not None)  # encoder and decoder are calls too
    return System(
        restore, {**coder.players, "denoiser": Player(network, inputs, config.ema)}, (*coder.stages, stage),
        multiple=multiple, calls=calls, draws=True, frozen=frozen,
    )  # fmt: skip
