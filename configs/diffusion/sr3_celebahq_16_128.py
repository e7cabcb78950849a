"""SR3 from 16x16 to 128x128 faces, 2,000 steps: dgan train sr3_celebahq_16_128 --data.name FOLDER

The common re-implementation of Saharia et al., arXiv 2104.07636: 97,807,491 parameters, batch 4, Adam 1e-4, 1,000,000
steps. Published: PSNR 23.26, SSIM 0.675. For its files: dgan convert FILE.pth --config sr3_celebahq_16_128. Measured
here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import sr3
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=sr3.Config(),
        task=SuperResolution(scale=8),
        data=Data(name="celebahq", size=128, batch=4, crop="centre", resize=128),
        train=Train(steps=1_000_000, sample_every=20_000, checkpoint_every=5_000),
    )
