"""AutoGAN: a generator that was found by search, trained as SNGAN is.

Gong, Chang, Jiang, Wang, "AutoGAN: Neural Architecture Search for Generative Adversarial Networks", ICCV 2019, arXiv
1908.03835. The search itself (a recurrent controller rewarded by Inception Scores, two GPU days) is not here: what it
found is, the published A, and B and C of the code.
"""

import dataclasses

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Generator, Spec, System, Task
from dgan_jax.nets import autogan, sngan
from dgan_jax.objectives.adversarial import GAMES
from dgan_jax.objectives.gan import Networks, gan
from dgan_jax.systems import adversaries

PAPER = "Gong, Chang, Jiang, Wang 2019, arXiv 1908.03835"
TASKS = ("generate",)
LENDS = (Generator,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(adversaries.Options):
    """Defaults are the published CIFAR-10 values; see sngan on the parts of a batch."""

    architecture: str = "a"
    """a (the published figures), b or c."""
    features: int = 256
    critic_features: int = 128
    bottom: int = 4
    """Side of the first image; the last is 8 times as large."""
    latent: int = 128
    n_critic: int = 5
    """Updates of the critic for one of the generator."""
    critic_parts: int = 6
    """Parts that a batch is cut into for the critic's updates, at least `n_critic`; 0: as many."""
    generator_parts: int = 3
    """Parts that a batch is cut into for the generator, which takes one."""
    decay: bool = False
    """Let the learning rates fall to 0, linearly; the published commands do not."""
    beta1: float = 0.0
    beta2: float = 0.9
    ema: float = 0.999

    def __post_init__(self) -> None:
        lookup("architecture", self.architecture, autogan.ARCHITECTURES)
        super().__post_init__()


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    adversaries.side_of(spec, 8 * config.bottom, "system.bottom")
    pace = adversaries.pace_of(config, spec.batch)
    generator = autogan.Generator(config.architecture, config.features, config.bottom, spec.channels, spec.axis_name)
    critic = sngan.Critic(config.critic_features)
    drawing = adversaries.functions(generator, critic, config.latent, generator_state=("batch_stats",), critic_state=())
    judging = adversaries.functions(
        generator, critic, config.latent, generator_state=(), critic_state=("spectral",), label=lambda y: (None,)
    )
    networks = Networks(drawing.generate, judging.judge, config.latent)
    objective = gan(networks, GAMES["hinge"], measure=task.measure, pace=pace)
    players = adversaries.players(generator, critic, config.latent, config.ema)
    return adversaries.assembled(networks, objective, adversaries.optimizers(config, spec), spec, players)
