"""Latent diffusion that fills holes, `inpainting_big`: dgan train ldm_inpaint_places --data.name FOLDER

Rombach et al., arXiv 2112.10752: 387,245,827 parameters, codes of VQ-f4. The rate rises for 1,000 steps and falls along
a cosine from a tenth of 1e-6 a picture of the batch, whose size is not told: here 96. For published files: dgan convert
FILE.ckpt --config ldm_inpaint_places. Published (Places): FID 1.50, LPIPS 0.137. Measured here: not yet run at this
size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ldm_inpaint
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=ldm_inpaint.Config(learning_rate=9.6e-6, learning_rate_end=9.6e-9, warmup=1_000, remat=True),
        task=Inpaint(hole="thick", fill="none"),
        data=Data(name="places2", size=256, batch=96),
        train=Train(steps=50_000, sample_every=5_000, checkpoint_every=2_500),
    )
