"""ResShift: a short chain that carries the clean image over to its damaged form, in pixels or in codes.

Yue, Wang, Loy, "ResShift: Efficient Diffusion Model for Image Super-resolution by Residual Shifting", NeurIPS 2023,
arXiv 2307.12348; the four-step form with LPIPS: arXiv 2403.07319.

The network sees the state and, beside it, what was measured: the small image where it has the codes' size, else all
that the task's condition has, which the authors' network, with the attention of a Swin transformer, halves to that size
by itself. It says the clean code. Not as published: the autoencoder, where one is not given, is trained here first;
and there is a smaller network, guided diffusion's U-Net, that starts from the task's first estimate.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax import pretrained
from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Context, Measurement, Player, Space, Spec, Stage, System, Task
from dgan_jax.metrics.lpips import lpips, parameters
from dgan_jax.nets.adm_unet import ADMUNet
from dgan_jax.nets.swin_unet import SwinUNet
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
    network: str = "swin"
    """swin, the authors', which sees and starts from the damaged image as it is, holes black; or adm: guided
    diffusion's U-Net, which sees means over the pixels of a code, and starts from the task's first estimate."""
    swin_features: int = 192
    """Width of the Swin blocks, at every level."""
    swin_depth: int = 2
    """Swin blocks in a row; in every second one windows are moved by half."""
    window: int = 8
    """Side of the windows in which there is attention."""
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
        checks.at_least_one(self, "steps", "swin_features", "swin_depth", "window")
        lookup("network", self.network, dict.fromkeys(("swin", "adm")))
        if self.perceptual < 0:
            raise ValueError(f"system.perceptual is a weight, 0 or more, got {self.perceptual}")

    def kinds(self) -> tuple[str, ...]:
        return ("kl", "vq", "none")


def network_of(config: Config, side: int, channels: int) -> SwinUNet | ADMUNet:
    """The network for codes of `side` x `side`."""
    if config.network == "adm":
        return conditional.unet_of(config, side, channels)
    return SwinUNet(
        out_channels=channels, side=side, features=config.features, multipliers=config.multipliers,
        blocks=(config.blocks,) * len(config.multipliers), attention=config.attention, heads=config.heads,
        head_channels=config.head_channels, swin_features=config.swin_features, swin_depth=config.swin_depth,
        window=config.window, scale_shift=config.scale_shift, resample_in_blocks=config.resample_in_blocks,
        groups=config.groups, dropout=config.dropout, dtype=jnp.dtype(config.dtype), remat=config.remat,
    )  # fmt: skip


def damaged(config: Config, task: Task, y: Measurement) -> jax.Array:
    """The image that the chain ends at: as it was measured, holes black, or the task's first estimate."""
    if config.network == "adm":
        return task.start(y)
    return y["image"] - y["hole"] if "hole" in y else y["image"]


def told(config: Config, task: Task, y: Measurement, factor: int) -> jax.Array:
    """What the network sees beside the state, at the size of the codes or of the image."""
    if config.network == "adm":
        return codec.beside(task, y, factor)
    if "hole" in y:
        return jnp.concatenate([damaged(config, task, y), 2 * y["hole"] - 1], axis=-1)
    low = y.get("low")
    small = low is not None and low.shape[1] * factor == y["image"].shape[1]
    return low if small else task.condition(y)  # type: ignore[return-value]


def build(config: Config, task: Task, spec: Spec) -> System:
    """The network "denoiser", averaged, and with codes the autoencoder and its critic of patches."""
    coder = codec.none(spec) if config.autoencoder == "none" else codec.codec(config, spec)
    roots = residual.shift_roots(
        config.steps, kappa=config.kappa, least=config.least, last=config.last, power=config.power
    )
    process = residual.residual_shift(roots, kappa=config.kappa)
    network = network_of(config, spec.height // coder.factor, coder.channels)

    def predict(
        params: Any, x: jax.Array, t: jax.Array, condition: jax.Array, keys: jax.Array | None = None
    ) -> jax.Array:
        seen = residual.scaled(process, x, t + 1, latent=coder.network is not None)
        if config.network == "swin":
            return conditional.says(network, params, (seen, t, condition), keys)
        return conditional.says(network, params, (jnp.concatenate([seen, condition], axis=-1), t), keys)

    def apart(context: Context, image: jax.Array, x0: jax.Array, space: Space) -> jax.Array:
        judge = lpips("vgg", context.frozen["lpips"])
        return jnp.mean(judge(jnp.clip(space.decode(x0), -1, 1) / 2 + 0.5, image / 2 + 0.5, None))

    def loss(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        space = coder.space(params, context.model_state, None)
        x0, y0 = space.encode(image), space.encode(damaged(config, task, y))
        x = residual.diffuse(process, x0, draws.t + 1, draws.noise, y0)
        said = predict(params["denoiser"], x, draws.t, told(config, task, y, coder.factor), draws.key)
        error = mean_squared(said, x0)
        if not config.perceptual:
            return error, {"error": error}
        perceptual = apart(context, image, said, space)
        return error + config.perceptual * perceptual, {"error": error, "perceptual": perceptual}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        space, condition = coder.of(variables), told(config, task, y, coder.factor)
        noise = conditional.draws(y, keys, coder.shape(y["image"].shape))
        ask = lambda x, t: predict(variables["params"]["denoiser"], x, t, condition)
        begin = residual.begin(process, noise(conditional.START), space.encode(damaged(config, task, y)))
        step = lambda *given: residual.posterior_sample(process, *given)
        image = space.decode(posterior.sample(ask, step, config.steps, begin, noise))
        return conditional.finished(task, y, image)

    def inputs(y: Measurement) -> tuple:
        shape = (y["image"].shape[0], *coder.shape(y["image"].shape))
        t, seen = jnp.zeros(shape[0], jnp.int32), told(config, task, y, coder.factor)
        if config.network == "swin":
            return jnp.zeros(shape), t, seen
        return jnp.zeros((*shape[:3], shape[-1] + seen.shape[-1])), t

    objective = denoising(loss=loss, measure=task.measure, shape=coder.shape, times=(0, config.steps - 1))
    optimizer = conditional.optimizer_of(config, coder.rest)
    frozen: dict[str, Any] = {}
    check: Any = lambda: None
    if config.perceptual:
        frozen = {"lpips": lambda: parameters("vgg", pretrained.read("vgg16", None).params)}
        check = lambda: pretrained.place("vgg16", None)
    stage = Stage("denoising", coder.rest, objective, {"denoiser": optimizer}, check=check)
    multiple = network.multiple if isinstance(network, SwinUNet) else 2 ** (len(config.multipliers) - 1)
    calls = config.steps + 2 * (coder.network is not None)  # encoder and decoder are calls too
    return System(
        restore, {**coder.players, "denoiser": Player(network, inputs, config.ema)}, (*coder.stages, stage),
        multiple=multiple * coder.factor, calls=calls, draws=True, frozen=frozen,
    )  # fmt: skip
