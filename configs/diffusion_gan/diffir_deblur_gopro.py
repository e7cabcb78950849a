"""DiffIR motion deblurring, trained on GoPro's sharp frames: dgan train diffir_deblur_gopro --data.name FOLDER

Xia et al., arXiv 2303.09472: 300,000 and 400,000 steps, the first 100,000 of the second stage on the prior alone;
26,742,206 and 26,911,934 parameters. Published are crops that grow from 192 to 512 while batches shrink from 64 to 8, a
first stage whose rate follows restarted cosines, and GoPro's own pairs of blurred and sharp frames. Here crops are 192
from end to end, rates are constant up to the last 300,000 steps, and the blur is drawn by the task. Published (from the
code's page), on GoPro's pairs: 33.20 dB, SSIM 0.963. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffir
from dgan_jax.tasks.deblur import Deblur

FIRST, PRIOR, LAST = 300_000, 100_000, 300_000


def get_config() -> Experiment:
    return Experiment(
        system=diffir.Config(
            dim=48, blocks=(3, 5, 6, 6), refinement=4, expansion=2.0, first_share=FIRST / (FIRST + PRIOR + LAST),
            prior_share=PRIOR / (PRIOR + LAST), second_halvings=(80_000 / LAST, 160_000 / LAST, 240_000 / LAST),
            clip=0.0, ema=0.999,
        ),
        task=Deblur(kind="motion"),
        data=Data(name="gopro", size=192, batch=64),
        train=Train(steps=FIRST + PRIOR + LAST, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
