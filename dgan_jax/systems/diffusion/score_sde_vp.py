"""Score-based model that keeps the variance: DDPM in continuous time.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, arXiv 2011.13456.
Sampling by predictor and corrector; the solvers of denoisers and of ODEs take its runs as well.
"""

import dataclasses

from dgan_jax.core.parts import Denoiser, Spec, System, Task
from dgan_jax.process.sde import VariancePreserving
from dgan_jax.systems import score

PAPER = "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole 2021, arXiv 2011.13456"
TASKS = ("generate",)
LENDS = (Denoiser,)
WHEN_RESTORING = score.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(score.Options):
    """Defaults are DDPM++ cont. for CIFAR-10."""

    beta_first: float = 0.1
    beta_last: float = 20.0


def build(config: Config, task: Task, spec: Spec) -> System:
    return score.build(config, task, spec, VariancePreserving(config.beta_first, config.beta_last, config.steps))
