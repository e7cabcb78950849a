"""SRResNet: a residual network that enlarges by pixel shuffles, trained by its error alone.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a GAN", CVPR 2017, arXiv 1609.04802. Its form of
today (msrresnet, BasicSR's) does without batch norms and the skip around all blocks, adds to the bilinear enlargement
and learns by the mean absolute error; `original` is figure 4, by the squared one (configs/gan/srresnet_original_x4.py).
No code of the authors is public; how the original's slopes of PReLU are shared is our reading, one for each channel.
Not as published: crops are mirrored, not turned.
"""

import dataclasses

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.systems import enlarging

PAPER = "Ledig et al. 2017, arXiv 1609.04802"
TASKS = ("superres",)
WHEN_RESTORING = enlarging.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Regression):
    """Defaults are BasicSR's for DIV2K."""

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
    """One player, "generator"."""
    module = enlarging.residual_network(config, task, spec)
    return enlarging.regressing(config, task, spec, module, multiple=enlarging.scale_of(task))
