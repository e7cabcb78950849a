"""ECDP: a diffusion of what the enlarged image lacks, in continuous time, restored along its probability flow.

Yuan, Yuan, "Efficient Conditional Diffusion Model with Probability Flow Sampling for Image Super-resolution", AAAI
2024, arXiv 2404.10688.

Three stages. The encoder, an RRDB trunk with a head, learns to enlarge by its absolute error. Then U-Net and encoder
learn together: the network says both the noise and the clean state, of which the noise counts where there is little,
the clean state where there is much of it. Last, and only where `perceptual_share` is not 0, whole restorations are
held to the truth by the features of a VGG19. Images are in [0, 1] in here, as published.

Not as published: gradients of the last stage go back through equal steps along the flow, each computed anew, where the
authors solve an adjoint equation; and what is made is brought to agree exactly with the small image.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax import pretrained
from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task, Variables
from dgan_jax.core.restarts import multistep
from dgan_jax.nets.ecdp import ECDPEncoder, ECDPHead, ECDPUNet
from dgan_jax.objectives.conditional import Draws, denoising
from dgan_jax.objectives.perceptual import features_apart
from dgan_jax.ops import resize
from dgan_jax.process.gaussian import Chain, Gaussian, expand, gaussian_of, through
from dgan_jax.process.sde import VariancePreserving
from dgan_jax.samplers import ancestral, ddim
from dgan_jax.samplers import probability_flow as ode
from dgan_jax.systems import conditional

PAPER = "Yuan, Yuan 2024, arXiv 2404.10688"
TASKS = ("superres",)
WHEN_RESTORING = ("sampler", "restore_steps", "rtol", "atol", "temperature")
STEPS = 300
"""Steps of the discrete form; the network is told t of them, which may be a fraction."""
SDE = VariancePreserving(0.1, 20.0, STEPS)
LEAST = 0.1
"""The t at which the flow ends."""
FIRST = {"ddim": 0, "ancestral": 5}
"""The transition at which a discrete way back goes over to the clean state."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published values for DF2K."""

    rescale: float = 5.0
    """What differences of images in [0, 1] are multiplied by."""
    antialias: bool = False
    """Resize as torchvision does from 0.17 on; which version made the published figures is not known."""
    sampler: str = "ode"
    """The way back: ode (as exactly as is asked for), ddim or ancestral (in `restore_steps`)."""
    restore_steps: int = STEPS
    """Calls of ddim and ancestral; the latter jumps to the clean image from its sixth state, and has 295 at most."""
    rtol: float = 1.5e-3
    """Tolerated error of the ODE's steps, in parts of a value ..."""
    atol: float = 1.5e-3
    """... and besides. Published: 1e-3, of an estimate that is two thirds of ours, and for a whole batch."""
    temperature: float = 1.0
    """What the noise that a restoration starts with is multiplied by."""
    features: int = 64
    """Width of the U-Net's first level; a multiple of 4, and widths above 128 of 32."""
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    time_features: int = 128
    encoder_features: int = 64
    encoder_blocks: int = 23
    encoder_growth: int = 32
    shown: tuple[int, ...] = (1, 8, 15, 22)
    """The encoder's blocks whose features the U-Net sees, counted from 0; the last one is among them."""
    encoder_share: float = 1 / 3
    """Part of the training that goes to the encoder; 0 only for one that is given (train.begin_with)."""
    encoder_rate: float = 2e-4
    encoder_halvings: tuple[float, ...] = (0.6, 0.8, 0.9)
    """Where that rate is halved, as parts of its stage."""
    learning_rate: float = 1e-4
    """Of the U-Net, when both learn ..."""
    learning_rate_encoder: float = 1e-5
    """... and of the encoder, then and in the last stage."""
    halvings: tuple[float, ...] = (0.6, 0.8)
    warmup: int = 500
    """Steps in which rates rise from near 0 in the first two stages."""
    clip: float = 10.0
    """Largest absolute value of a gradient's entry."""
    perceptual_share: float = 0.0
    """Part of the training that goes to whole restorations and VGG19's features, whose weights are read from
    DGAN_WEIGHTS; 1 for a run that begins with another (train.begin_with)."""
    perceptual: float = 0.5
    """Weight of these features' distance."""
    perceptual_steps: int = 20
    """Steps along the flow that gradients go back through, two calls each."""
    perceptual_rate: float = 1e-5
    beta2: float = 0.999
    ema: float = 0.999
    perceptual_ema: float = 0.9
    """Decay of the averages in the last stage."""
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""
    remat: bool = False
    """Recompute the blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        checks.known_dtype(self)
        checks.decay(self)
        checks.at_least_one(
            self, "features", "blocks", "time_features", "encoder_features", "encoder_blocks", "encoder_growth",
            "perceptual_steps",
        )  # fmt: skip
        lookup("sampler", self.sampler, dict.fromkeys(("ode", *FIRST)))
        if not 1 <= self.restore_steps <= STEPS:
            raise ValueError(f"system.restore_steps must be 1 to {STEPS}, got {self.restore_steps}")
        if self.encoder_blocks - 1 not in self.shown or not all(0 <= i < self.encoder_blocks for i in self.shown):
            raise ValueError(
                f"system.shown names some of blocks 0 to {self.encoder_blocks - 1}, the last one too; got {self.shown}"
            )
        if min(self.encoder_share, self.perceptual_share) < 0 or self.encoder_share + self.perceptual_share > 1:
            raise ValueError(
                f"system.encoder_share and perceptual_share are parts of one training, got {self.encoder_share} and "
                f"{self.perceptual_share}"
            )
        for name in ("rescale", "rtol", "atol", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"system.{name} must be positive, got {getattr(self, name)}")
        if not all(0 < place < 1 for place in (*self.halvings, *self.encoder_halvings)):
            raise ValueError("system.halvings and encoder_halvings are parts of their stages, in (0, 1)")


def halves(said: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What the network says: the noise, and the clean state."""
    noise, clean = jnp.split(said, 2, axis=-1)
    return noise, clean


def hybrid(said: jax.Array, x: jax.Array, t: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The clean state and the noise that both sayings make together, of the state x at t [B] in (0, 300].

    Through the velocity v = signal noise - noise_level clean: where there is little noise it is the noise that was
    said, where there is much minus the clean state.
    """
    signal, level = (expand(value, x) for value in SDE.marginal(t / STEPS))
    noise, clean = halves(said)
    velocity = signal * noise - level * clean
    return signal * x - level * velocity, level * x + signal * velocity


def noisy(clean: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """The state at t [B] in [0, 300]."""
    signal, level = (expand(value, clean) for value in SDE.marginal(t / STEPS))
    return signal * clean + level * noise


def errors(said: jax.Array, clean: jax.Array, noise: jax.Array) -> jax.Array:
    """[B]: squared errors of both sayings, summed over pixels."""
    ours, theirs = halves(said), (noise, clean)
    each = [jnp.sum(jnp.square(a - b), axis=(1, 2, 3)) for a, b in zip(ours, theirs, strict=True)]
    return each[0] + each[1]


Say = Any
"""(x [B, H, W, C], t [B] in (0, 300]) -> what the network says, [B, H, W, 2 C]."""


def flow_of(say: Say) -> ode.Flow:
    """The probability flow; its t goes up to 300, by which the solver chooses its first step."""

    def score(x: jax.Array, time: jax.Array) -> jax.Array:
        t = STEPS * time
        return -hybrid(say(x, t), x, t)[1] / expand(SDE.marginal(time)[1], x)

    flow = ode.of_sde(SDE, score, LEAST / STEPS)
    return ode.Flow(lambda x, t: flow.velocity(x, t / STEPS) / STEPS, LEAST, float(STEPS), flow.prior_std)


def process() -> Gaussian:
    """The discrete form: the same levels of noise at t = 0, 1 ... 300."""
    log_signal: Any = SDE.log_signal(np.arange(STEPS + 1) / STEPS)  # type: ignore[arg-type]  # float64, as tables are
    return gaussian_of(np.exp(log_signal), np.sqrt(-np.expm1(2 * log_signal)))


def chain(sampler: str, steps: int) -> Chain:
    """The discrete way back in so many steps, from state 300 or, where there are fewer of them, evenly chosen."""
    first = FIRST[sampler]
    times = np.linspace(STEPS - 1, first, min(steps, STEPS - first)).round().astype(int)[::-1]
    return through(process(), times, variance="large")


def discrete(say: Say, sampler: str, way: Chain, x: jax.Array, noise: ancestral.Noise) -> jax.Array:
    """From the noisiest state of the chain to the clean one."""

    def predict(x: jax.Array, t: jax.Array, number: jax.Array) -> tuple[jax.Array, None]:
        del number
        told = t.astype(jnp.float32) + 1
        return hybrid(say(x, told), x, told)[0], None

    if sampler == "ddim":
        return ddim.sample(predict, process(), way, x, noise)
    return ancestral.sample(predict, process(), way, x, noise)


def rate_of(config: Config, rate: float, halvings: tuple[float, ...], steps: int) -> optax.Schedule:
    """Rising in a straight line whose first step is not 0, then halved."""
    fall = multistep(rate, [round(steps * place) for place in halvings])
    return lambda step: jnp.minimum(step + 1, max(config.warmup, 1)) / max(config.warmup, 1) * fall(step)


def adam(config: Config, rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    return optax.chain(optax.clip(config.clip), optax.adam(rate, b1=0.9, b2=config.beta2, eps=1e-8))


def averaged_anew(variables: Variables) -> Variables:
    """The encoder that the first stage leaves, as other weights: its average begins with them, as published."""
    params = variables["params"]
    return {**variables, "params": {**params, "encoder": jax.tree.map(jnp.copy, params["encoder"])}}


@dataclasses.dataclass(frozen=True)
class Networks:
    """The three networks, and what they make of parameters and a measurement."""

    config: Config
    scale: int
    encoder: ECDPEncoder
    head: ECDPHead
    unet: ECDPUNet

    def low(self, y: Measurement) -> jax.Array:
        return y["low"] / 2 + 0.5

    def enlarged(self, y: Measurement) -> jax.Array:
        """The small image enlarged, not cut to [0, 1]."""
        return resize.enlarge(self.low(y), self.scale, "torch_aa" if self.config.antialias else "torch")

    def encode(self, params: Any, y: Measurement) -> tuple[jax.Array, jax.Array]:
        made: Any = self.encoder.apply({"params": params["encoder"]}, self.low(y))
        return made

    def says(self, params: Any, told: jax.Array) -> Say:
        return lambda x, t: conditional.says(self.unet, params["denoiser"], (x, t, told))

    def clean(self, image: jax.Array, y: Measurement) -> jax.Array:
        """What is diffused; image in [-1, 1]."""
        return self.config.rescale * (image / 2 + 0.5 - self.enlarged(y))

    def image(self, clean: jax.Array, y: Measurement) -> jax.Array:
        """The image in [0, 1], but for what goes past it."""
        return clean / self.config.rescale + self.enlarged(y)


def networks_of(config: Config, scale: int, channels: int) -> Networks:
    dtype = jnp.dtype(config.dtype)
    encoder = ECDPEncoder(
        features=config.encoder_features, blocks=config.encoder_blocks, growth=config.encoder_growth,
        shown=config.shown, dtype=dtype, remat=config.remat,
    )  # fmt: skip
    unet = ECDPUNet(
        out_channels=2 * channels, features=config.features, multipliers=config.multipliers, blocks=config.blocks,
        time_features=config.time_features, antialias=config.antialias, dtype=dtype, remat=config.remat,
    )  # fmt: skip
    return Networks(config, scale, encoder, ECDPHead(scale=scale, out_channels=channels, dtype=dtype), unet)


def losses(config: Config, nets: Networks) -> tuple[Any, Any, Any]:
    """Of the three stages, as `objectives.conditional` takes them."""

    def learn(params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws) -> tuple[jax.Array, dict]:
        del context, draws
        made: Any = nets.head.apply({"params": params["head"]}, nets.encode(params, y)[1])
        error = jnp.mean(jnp.sum(jnp.abs(made - (image / 2 + 0.5)), axis=(1, 2, 3)))
        return error, {"error": error}

    def loss(params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws) -> tuple[jax.Array, dict]:
        del context
        clean, t = nets.clean(image, y), STEPS * draws.share
        said = nets.says(params, nets.encode(params, y)[0])(noisy(clean, t, draws.noise), t)
        error = jnp.mean(errors(said, clean, draws.noise))
        return error, {"error": error}

    def seen(params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws) -> tuple[jax.Array, dict]:
        flow = flow_of(nets.says(params, nets.encode(params, y)[0]))
        # Each call is computed again for its gradient: the way back needs the memory of one.
        flow = flow._replace(velocity=jax.checkpoint(flow.velocity))
        made = nets.image(ode.stepped(flow, draws.noise, config.perceptual_steps), y)
        apart = features_apart(context.frozen["vgg19"], {"conv5_4": 1.0}, made, image / 2 + 0.5)
        return config.perceptual * apart, {"perceptual": apart}

    return learn, loss, seen


def stages_of(config: Config, task: Task, spec: Spec, nets: Networks) -> tuple[Stage, ...]:
    """Those that have steps."""
    learn, loss, seen = losses(config, nets)
    first, last = round(spec.steps * config.encoder_share), round(spec.steps * config.perceptual_share)
    rest = spec.steps - first - last
    shared: dict[str, Any] = {"measure": task.measure, "shape": lambda image: image, "times": (1, STEPS)}
    alone = adam(config, rate_of(config, config.encoder_rate, config.encoder_halvings, first))
    rates = {"denoiser": config.learning_rate, "encoder": config.learning_rate_encoder}
    both = {name: adam(config, rate_of(config, rate, config.halvings, rest)) for name, rate in rates.items()}
    slow = {"denoiser": config.perceptual_rate, "encoder": config.learning_rate_encoder}
    stages = (
        Stage(
            "encoder", first, denoising(loss=learn, player="encoder", along=("head",), **shared),
            {"encoder": alone, "head": alone},
        ),
        Stage("denoising", rest, denoising(loss=loss, along=("encoder",), **shared), both, begin=averaged_anew),
        Stage(
            "perceptual", last, denoising(loss=seen, along=("encoder",), **shared),
            {name: adam(config, rate) for name, rate in slow.items()},
            check=lambda: pretrained.place("vgg19", None),
        ),
    )  # fmt: skip
    return tuple(stage for stage in stages if stage.steps)


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "encoder", "head" (which only the first stage needs; not averaged) and "denoiser", the U-Net."""
    if config.perceptual_share and spec.channels != 3:
        raise ValueError(f"VGG19 sees 3 channels, got {spec.channels}; try --system.perceptual_share 0")
    nets = networks_of(config, task.scale, spec.channels)  # type: ignore[attr-defined]

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        params, noise = variables["params"], conditional.draws(y, keys, y["image"].shape[1:])
        say = nets.says(params, nets.encode(params, y)[0])
        x = config.temperature * noise(conditional.START)
        if config.sampler == "ode":
            x, _ = ode.carried(flow_of(say), x, rtol=config.rtol, atol=config.atol)
        else:
            x = discrete(say, config.sampler, chain(config.sampler, config.restore_steps), x, noise)
        return conditional.finished(task, y, 2 * nets.image(x, y) - 1)

    told = lambda y, count: jnp.zeros((*y["low"].shape[:3], count * config.encoder_features))
    last = spec.steps - round(spec.steps * config.perceptual_share)
    ema: Any = config.ema
    if config.perceptual_share:
        ema = lambda step: jnp.where(step < last, config.ema, config.perceptual_ema)
    players = {
        "encoder": Player(nets.encoder, lambda y: (y["low"],), ema),
        "head": Player(nets.head, lambda y: (told(y, 1),)),
        "denoiser": Player(
            nets.unet, lambda y: (y["image"], jnp.ones(y["image"].shape[0]), told(y, len(config.shown))), ema
        ),
    }
    frozen: dict[str, Any] = {}
    if config.perceptual_share:
        frozen = {"vgg19": lambda: cast(Any, pretrained.read("vgg19", None)).params}
    # The encoder is a call too; how many the ODE takes depends on the image.
    calls = None if config.sampler == "ode" else len(chain(config.sampler, config.restore_steps).times) + 1
    return System(
        restore, players, stages_of(config, task, spec, nets), multiple=nets.scale, calls=calls, draws=True,
        frozen=frozen,
    )  # fmt: skip
