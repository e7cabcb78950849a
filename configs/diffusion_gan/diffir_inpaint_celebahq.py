"""DiffIR inpainting of faces, CelebA-HQ 256x256, as published: dgan train diffir_inpaint_celebahq --data.name FOLDER

Xia et al., arXiv 2303.09472: batch 10 on each of 8 GPUs, 40 epochs of 25,000 batches for each of two stages,
26,232,746 and 26,402,474 parameters. The perceptual term (weight 30) needs weights that are not ours and is left out;
the published second stage starts with a fresh critic, here it goes on. Published (from the code's page): LaMa's narrow
holes FID 4.5967, LPIPS 0.0769; wide holes 5.1440, 0.0918. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffir
from dgan_jax.tasks.inpaint import Inpaint

STAGE = 40 * 25_000


def get_config() -> Experiment:
    return Experiment(
        system=diffir.Config(),
        task=Inpaint(hole="irregular", fill="pull_push"),
        data=Data(name="tfds:celeb_a_hq/256", size=256, batch=80, crop="none", flip=False),
        train=Train(steps=2 * STAGE, epoch=25_000, sample_every=5_000, checkpoint_every=5_000),
    )
