"""SNGAN: a critic whose layers cannot stretch, by dividing their weights by their largest singular value.

Miyato, Kataoka, Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, arXiv
1802.05957. Residual networks (tables 4 and 5) or the DCGAN of table 3. Singular vectors are followed by one power
iteration whenever the critic trains and lie in its model state; images are drawn by running batch statistics.
"""

import dataclasses
import functools

from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Generator, Spec, Stage, System, Task
from dgan_jax.nets import dcgan, sngan
from dgan_jax.objectives.adversarial import GAMES
from dgan_jax.objectives.gan import gan
from dgan_jax.systems import adversaries

PAPER = "Miyato, Kataoka, Koyama, Yoshida 2018, arXiv 1802.05957"
TASKS = ("generate",)
LENDS = (Generator,)
NETWORKS = ("resnet", "dcgan")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(adversaries.Options):
    """Defaults are the official CIFAR-10 values: 64 real images for each of 5 updates of the critic and 128 generated
    ones for the generator's are a batch of 384."""

    network: str = "resnet"
    """resnet, or dcgan (published widths: 512 and 512)."""
    loss: str = "hinge"
    """hinge, non_saturating, minimax, least_squares or wasserstein."""
    features: int = 256
    critic_features: int = 128
    bottom: int = 4
    """Side of the first image; the last is 8 times as large."""
    latent: int = 128
    epsilon: float = 2e-5
    """Added to the generator's batch variances; checkpoints of the PyTorch twin have learnt with 1e-5."""
    dither: bool = True
    """Add noise of a quantum to real images, as the official code does."""
    n_critic: int = 5
    """Updates of the critic for one of the generator."""
    critic_parts: int = 6
    """Parts that a batch is cut into for the critic's updates, at least `n_critic`; 0: as many."""
    generator_parts: int = 3
    """Parts that a batch is cut into for the generator, which takes one."""
    decay: bool = True
    """Let the learning rates fall to 0, linearly from the start."""
    beta1: float = 0.0
    beta2: float = 0.9
    calibration_share: float = 0.0
    """Part of the steps, at the end, that the critic alone spends on the logistic loss: its logits then are log odds,
    which the solvers on a GAN take them for."""
    ema: float = 0.0
    """The official code draws by the last weights; its PyTorch twin by an average of 0.999."""

    def __post_init__(self) -> None:
        lookup("network", self.network, dict.fromkeys(NETWORKS))
        lookup("loss", self.loss, GAMES)
        super().__post_init__()
        if not 0 <= self.calibration_share < 1:
            raise ValueError(f"system.calibration_share must be in [0, 1), got {self.calibration_share}")


def modules(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """(generator, critic)."""
    if config.network == "dcgan":
        return (
            dcgan.SmallGenerator(config.features, config.bottom, spec.channels, config.epsilon, spec.axis_name),
            dcgan.SmallCritic(config.critic_features, config.bottom),
        )
    return (
        sngan.Generator(
            config.features, config.bottom, spec.channels, epsilon=config.epsilon, axis_name=spec.axis_name
        ),
        sngan.Critic(config.critic_features),
    )


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    adversaries.side_of(spec, 8 * config.bottom, "system.bottom")
    pace = adversaries.pace_of(config, spec.batch)
    generator, critic = modules(config, spec)
    unlabelled = (None,) if config.network == "resnet" else ()
    networks = adversaries.functions(
        generator, critic, config.latent, generator_state=("batch_stats",), critic_state=("spectral",),
        label=lambda y: unlabelled,
    )  # fmt: skip
    play = functools.partial(gan, networks, measure=task.measure, pace=pace, dither=config.dither)
    players = adversaries.players(generator, critic, config.latent, config.ema)
    last = round(spec.steps * config.calibration_share)
    rest = dataclasses.replace(spec, steps=spec.steps - last)
    system = adversaries.assembled(
        networks, play(lookup("loss", config.loss, GAMES)), adversaries.optimizers(config, rest), rest, players
    )
    if not last:
        return system
    logistic = play(GAMES["non_saturating"])
    alone = dataclasses.replace(logistic, phases=logistic.phases[: config.n_critic])
    critic_only = {"critic": adversaries.adam(config, config.learning_rate_critic, last * config.n_critic)}
    return dataclasses.replace(system, stages=(*system.stages, Stage("calibration", last, alone, critic_only)))
