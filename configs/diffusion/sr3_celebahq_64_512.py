"""SR3 from 64x64 to 512x512 faces, 2,000 steps: dgan train sr3_celebahq_64_512 --data.name FOLDER

The common re-implementation of Saharia et al., arXiv 2104.07636: 155,334,339 parameters, batch 2, Adam 3e-6, 1,000,000
steps. Published: PSNR 19.87, SSIM 0.445. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import sr3
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=sr3.Config(
            multipliers=(1, 2, 4, 8, 16), blocks=1, attention=(), groups=16, dropout=0.0, learning_rate=3e-6
        ),
        task=SuperResolution(scale=8),
        data=Data(name="celebahq", size=512, batch=2, crop="centre", resize=512),
        train=Train(steps=1_000_000, sample_every=20_000, checkpoint_every=5_000),
    )
