"""DiffIR that enlarges photographs x4, 64x64 crops, batch 4, all three stages, small enough for two CPU cores.

    dgan train diffir_photos_x4 --data.name FOLDER

Our recipe, not published: without VGG19's features, whose weights are not shipped, and therefore with a critic that
weighs little. Measured here, in 300 seconds: docs/results/restoration.md
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffir
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=diffir.Config(
            dim=24, blocks=(3, 1, 1, 1), refinement=2, heads=(1, 2, 4, 8), norm_bias=False, encoder_features=32,
            encoder_blocks=2, first_share=0.6, third_share=0.2, adversarial=0.01, vgg=0.0, critic_features=16,
            learning_rate=1e-3, first_halvings=(0.6, 0.8), second_halvings=(0.7,), ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=4),
        train=Train(steps=3_000, epoch=100, sample_every=500, checkpoint_every=500, log_every=20),
    )  # fmt: skip
