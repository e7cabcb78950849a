"""DiffIR inpainting of Places2, 256x256 crops, as published: dgan train diffir_inpaint_places2 --data.name FOLDER

Xia et al., arXiv 2303.09472: the network and the training of diffir_inpaint_celebahq. The "big" network of the
Places2-Challenge data has --system.blocks 1 1 1 20 --system.encoder-blocks 8 (49,313,194 and 49,482,922 parameters).
The perceptual term is left out. Published (from the code's page), 512x512: narrow holes FID 0.4913, LPIPS 0.0758; wide
holes 1.9788, 0.1306. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffir
from dgan_jax.tasks.inpaint import Inpaint

STAGE = 40 * 25_000


def get_config() -> Experiment:
    return Experiment(
        system=diffir.Config(),
        task=Inpaint(hole="irregular", fill="pull_push"),
        data=Data(name="places2", size=256, batch=80),
        train=Train(steps=2 * STAGE, epoch=25_000, sample_every=5_000, checkpoint_every=5_000),
    )
