"""SRGAN: SRResNet against a critic, with features of VGG19.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a GAN", CVPR 2017, arXiv 1609.04802. It begins with a
run of srresnet (train.begin_with) and keeps it: `realism` mixes the two networks, as ESRGAN does (arXiv 1809.00219,
section 3.4). Its form of today (BasicSR's) looks at features before their activation by the mean absolute error; the
original at those behind it, squared and divided by 12.75^2 (configs/gan/srgan_original_x4.py; no code of the authors is
public). Not as published: crops are mirrored, not turned.
"""

import dataclasses

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.objectives.enlarging import vanilla
from dgan_jax.systems import enlarging

PAPER = "Ledig et al. 2017, arXiv 1609.04802"
TASKS = ("superres",)
WHEN_RESTORING = ("realism", *enlarging.WHEN_RESTORING)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Adversarial):
    """Defaults are BasicSR's."""

    network: str = "msrresnet"
    """msrresnet, original, or trunk, the generator of RankSRGAN."""
    features: int = 64
    blocks: int = 16
    start: float = 0.1
    """Deviation of the first weights around the blocks, in units of He's; not of the original's. With the published
    tenth, hundreds of steps pass before anything is learnt."""

    def __post_init__(self) -> None:
        super().__post_init__()
        enlarging.check_network(self)


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator", "regressor" and "critic"."""
    module = enlarging.residual_network(config, task, spec)
    return enlarging.adversary(config, task, spec, module, multiple=enlarging.scale_of(task), game=vanilla())
