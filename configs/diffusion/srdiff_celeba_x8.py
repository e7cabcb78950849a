"""SRDiff that enlarges faces by 8, 100 steps: dgan train srdiff_celeba_x8 --data.name FOLDER

Li et al., arXiv 2104.14951: 10,545,795 parameters, batch 32, 300,000 steps of the diffusion, whose rate is halved every
100,000. Published: PSNR 25.45, SSIM 0.746, LPIPS 0.106. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import srdiff
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srdiff.Config(
            multipliers=(1, 2, 2, 4), encoder_features=32, encoder_blocks=8, encoder_share=0.25, halvings=(1 / 3, 2 / 3)
        ),
        task=SuperResolution(scale=8),
        data=Data(name="celeba", size=160, batch=32, flip=False),
        train=Train(steps=400_000, sample_every=10_000, checkpoint_every=5_000),
    )
