"""Refusion's NAFNet in the SDE of IR-SDE, enlarging by 4: dgan train irsde_refusion_div2k_x4 --data.name FOLDER

Luo et al., arXiv 2304.08291: 76,608,387 parameters, the posterior as the way back. Measured here: not yet run at this
size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import irsde
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=irsde.Config(network="nafnet", sampler="posterior"),
        task=SuperResolution(scale=4, enlarge="torch"),
        data=Data(name="div2k", size=128, batch=4),
        train=Train(steps=700_000, sample_every=10_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = irsde.Config(
        steps=3, network="nafnet", sampler="posterior", features=4, down=(1,), up=(1,), loss="l2", halvings=(0.5,),
    )  # fmt: skip
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
