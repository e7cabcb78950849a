"""NCSN++ (variance exploding) on CelebA-HQ at 256 pixels: dgan train score_sde_ve_celebahq256 --data.name celebahq/

Song et al., arXiv 2011.13456: batch 64, 2.4 million steps, 65,574,549 parameters, 2,000 levels. Measured here: not yet
run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import score_sde_ve
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=score_sde_ve.Config(
            steps=2000, sigma_most=348.0, multipliers=(1, 1, 2, 2, 2, 2, 2), blocks=2, input_pyramid="input_skip",
            output_pyramid="output_skip", dropout=0.0, snr=0.075,
        ),
        task=Generate(),
        data=Data(name="celebahq", size=256, batch=64),
        train=Train(steps=2_400_000, sample_every=20_000, checkpoint_every=5_000),
    )  # fmt: skip
