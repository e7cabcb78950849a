"""ResShift that enlarges by 4 on ImageNet 256, four steps in codes: dgan train resshift_imagenet256_x4

Yue, Wang, Loy, arXiv 2307.12348 and 2403.07319: a network of 118,593,583 parameters with Swin attention, codes of
3x64x64 of the autoencoder VQ-f4, which a run of it gives (--train.begin_with autoencoder=RUN), batch 96, 400,000 steps,
rates from 5e-5 to 2e-5. The authors damage images in many ways at once (Real-ESRGAN); here they are reduced. Published
(15 steps, x4 on ImageNet-Test): PSNR 25.0, LPIPS 0.231. For published files, U-Net or autoencoder: dgan convert
FILE.pth --config resshift_imagenet256_x4. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import resshift
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=resshift.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="tfds:imagenet2012", size=256, batch=96, crop="centre", resize=256),
        train=Train(steps=400_000, sample_every=10_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """In codes, every part of it as small as it gets: for tests. What is hardly trained says one entry of a book."""
    small = resshift.Config(
        steps=2, features=4, multipliers=(1,), blocks=1, attention=(), head_channels=2, groups=2, swin_features=4,
        swin_depth=1, window=2, perceptual=0.0, warmup=0, autoencoder="kl", code_channels=2, code_scale=0.0,
        autoencoder_features=4, autoencoder_multipliers=(1, 2), autoencoder_blocks=1, autoencoder_groups=2,
        autoencoder_share=0.5, patch_features=8, patch_layers=1, adversarial_start=0,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=16, batch=8, crop="none"),
        train=Train(steps=4),
    )
