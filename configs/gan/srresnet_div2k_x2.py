"""SRResNet x2 in its form of today, from a run of srresnet_div2k_x4 or afresh.

    dgan train srresnet_div2k_x2 --data.name FOLDER

After Ledig et al., arXiv 1609.04802, as BasicSR trains it: crops of 64, batch 16, a million steps, 1,369,859
parameters. Published, DIV2K100 in RGB, 2 pixels cut off: 34.67 dB, 0.9377. BasicSR begins with the weights for x4 where
they fit; here it begins afresh, since the enlarging layers differ. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srresnet
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srresnet.Config(),
        task=SuperResolution(scale=2),
        data=Data(name="div2k", size=64, batch=16),
        train=Train(steps=1_000_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )
