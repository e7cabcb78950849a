"""Score-based model whose variance stays below that of the variance preserving one: better likelihoods.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, arXiv 2011.13456.
Sampling by predictor and corrector; the solvers of denoisers and of ODEs take its runs as well. The published corrector
fails with this SDE for want of its alphas; here they are those of the variance preserving one.
"""

import dataclasses

from dgan_jax.core.parts import Denoiser, Spec, System, Task
from dgan_jax.process.sde import SubVariancePreserving
from dgan_jax.systems import score

PAPER = "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole 2021, arXiv 2011.13456"
TASKS = ("generate",)
LENDS = (Denoiser,)
WHEN_RESTORING = score.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(score.Options):
    """Defaults are DDPM++ cont. (sub-VP) for CIFAR-10."""

    beta_first: float = 0.1
    beta_last: float = 20.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.continuous:
            raise ValueError("of the sub-VP SDE no discrete form is known; keep system.continuous")
        if self.predictor == "ancestral":
            raise ValueError("of the sub-VP SDE no ancestral steps are known; try euler or reverse")


def build(config: Config, task: Task, spec: Spec) -> System:
    return score.build(config, task, spec, SubVariancePreserving(config.beta_first, config.beta_last, config.steps))
