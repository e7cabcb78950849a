"""ESRGAN x4 as BasicSR trains it, from a run of rrdb_div2k_x4.

    dgan train esrgan_x4 --data.name FOLDER --train.begin_with RUN

Wang et al., arXiv 1809.00219: 400,000 steps by 0.01 of the mean absolute error, VGG19's features before their
activation (DGAN_WEIGHTS names the folder of its converted weights) and 0.005 of a relativistic critic of 14,499,401
parameters; crops of 128, batch 16. Restored with --realism from 0, the run that it began with, to 1; the paper shows
0.8. The paper prints pictures, not tables. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import esrgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=esrgan.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="df2k_ost", size=128, batch=16),
        train=Train(steps=400_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    return Experiment(
        system=esrgan.Config(
            features=4,
            blocks=1,
            growth=4,
            vgg=0.0,
            l1=1.0,
            adversarial=0.1,
            critic_features=2,
            critic_stages=2,
            critic_hidden=8,
            regression_share=0.5,
            milestones=(0.5,),
            realism=0.5,
            agree=True,
        ),
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
