"""The GAN of Goodfellow et al. with the networks of DCGAN: a generator and a critic, each the other's teacher.

Goodfellow et al., "Generative Adversarial Networks", NeurIPS 2014, arXiv 1406.2661: equation 1 (minimax), or the
generator's non-saturating loss that the paper trains with. Radford, Metz, Chintala, "Unsupervised Representation
Learning with Deep Convolutional GANs", ICLR 2016, arXiv 1511.06434: networks, initialisation and Adam. The paper's own
networks, small and dense, were for digits and have no weights that one could want. Batch statistics: real and generated
images are normalised apart, each by its own batch; images are drawn by running means of these.
"""

import dataclasses

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Generator, Spec, System, Task
from dgan_jax.nets import dcgan
from dgan_jax.objectives.adversarial import GAMES
from dgan_jax.objectives.gan import gan
from dgan_jax.systems import adversaries

PAPER = "Goodfellow et al. 2014, arXiv 1406.2661; Radford et al. 2016, arXiv 1511.06434"
TASKS = ("generate",)
LENDS = (Generator,)
LOSSES = ("non_saturating", "minimax")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(adversaries.Options):
    """Defaults are those of PyTorch's DCGAN example but for `levels`, which is for 32x32 images."""

    loss: str = "non_saturating"
    """The generator's: non_saturating or minimax (equation 1, whose slope fades while the critic is sure)."""
    features: int = 64
    """Width of the generator's last hidden level; each one before it is twice as wide."""
    critic_features: int = 64
    levels: int = 3
    """Doublings of a 4x4 image: 3 for 32x32, 4 for 64x64."""
    latent: int = 100

    def __post_init__(self) -> None:
        lookup("loss", self.loss, dict.fromkeys(LOSSES))
        super().__post_init__()


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    adversaries.side_of(spec, 4 * 2**config.levels, "system.levels")
    pace = adversaries.pace_of(config, spec.batch)
    generator = dcgan.Generator(config.features, config.levels, spec.channels, spec.axis_name)
    critic = dcgan.Critic(config.critic_features, config.levels, spec.axis_name)
    statistics = ("batch_stats",)
    networks = adversaries.functions(
        generator, critic, config.latent, generator_state=statistics, critic_state=statistics
    )
    objective = gan(networks, lookup("loss", config.loss, GAMES), measure=task.measure, pace=pace)
    players = adversaries.players(generator, critic, config.latent, config.ema)
    return adversaries.assembled(networks, objective, adversaries.optimizers(config, spec), spec, players)
