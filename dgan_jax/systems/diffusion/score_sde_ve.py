"""Score-based model whose noise explodes: it learns the slope of the density of images under any amount of noise.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, arXiv 2011.13456.
Sampling by predictor and corrector; the solvers of denoisers and of ODEs take its runs as well.
"""

import dataclasses

from dgan_jax.core.parts import Denoiser, Spec, System, Task
from dgan_jax.process.sde import VarianceExploding
from dgan_jax.systems import score

PAPER = "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole 2021, arXiv 2011.13456"
TASKS = ("generate",)
LENDS = (Denoiser,)
WHEN_RESTORING = score.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(score.Options):
    """Defaults are NCSN++ cont. for CIFAR-10."""

    sigma_least: float = 0.01
    """Deviation of the least noise, of images in [0, 1] as published."""
    sigma_most: float = 50.0
    """Of the most; published: 90 for 64 pixels, 348 for CelebA-HQ, 378 for LSUN at 256."""
    end: float = 1e-5
    reduce: str = "half_sum"
    predictor: str = "reverse"
    corrector: str = "langevin"
    fir: bool = True
    input_pyramid: str = "residual"
    embedding: str = "fourier"
    by_sigma: bool = True
    ema: float = 0.999

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.sigma_least < self.sigma_most:
            raise ValueError(
                f"system.sigma_least must lie between 0 and system.sigma_most, got {self.sigma_least} and "
                f"{self.sigma_most}"
            )
        if self.embedding == "fourier" and not self.continuous:
            raise ValueError("the Fourier embedding is of the noise itself; a model of levels takes positional")
        if self.embedding == "positional" and self.continuous and self.by_sigma:
            raise ValueError("by_sigma of continuous times needs --system.embedding fourier, which knows the noise")


def build(config: Config, task: Task, spec: Spec) -> System:
    sde = VarianceExploding(2 * config.sigma_least, 2 * config.sigma_most, config.steps)
    return score.build(config, task, spec, sde, unit=2.0)
