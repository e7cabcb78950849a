"""Latent diffusion of faces, codes of 3x64x64: dgan train ldm_celebahq256 --data.name FOLDER

Rombach et al., arXiv 2112.10752: 274,056,163 parameters, VQ-f4 (a run of it gives the codec: --train.begin_with
autoencoder=RUN), batch 48, Adam 9.6e-5. For published files: dgan convert FILE.ckpt --config ldm_celebahq256.
Published: FID 5.11 by 500 steps of DDIM. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ldm
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=ldm.Config(remat=True),
        task=Generate(),
        data=Data(name="celebahq", size=256, batch=48, crop="centre", resize=256),
        train=Train(steps=410_000, sample_every=10_000, checkpoint_every=5_000),
    )
