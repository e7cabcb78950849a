"""DiffIR that fills brush strokes in photographs, 64x64 crops, batch 4, small enough for two CPU cores.

    dgan train diffir_photos_inpaint --data.name FOLDER

Our small-batch recipe, not published: it sees and corrects a cheap fill of the hole, counts errors in the hole too, and
keeps the critic's weights small. Measured here, in 300 seconds: docs/results/restoration.md
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffir
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=diffir.Config(
            dim=12, blocks=(1, 1, 1, 2), heads=(1, 1, 2, 4), encoder_features=16, encoder_blocks=2, residual=True,
            known=1.0, missing=10.0, adversarial=0.02, feature_matching=0.2, critic_features=16, critic_layers=3,
            learning_rate=5e-4, second_halvings=(0.7,), ema=0.99,
        ),
        task=Inpaint(hole="brush"),
        data=Data(name="bundled", size=64, batch=4),
        train=Train(steps=600, epoch=100, sample_every=100, checkpoint_every=100, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = diffir.Config(
        dim=4, blocks=(1, 0, 0, 1), heads=(1, 1, 2, 2), encoder_features=4, encoder_blocks=1, steps=2,
        critic_features=4, critic_layers=1, ema=0.5,
    )  # fmt: skip
    return Experiment(
        system=small, task=Inpaint(hole="box", fill="pull_push"), data=Data(name="bundled", size=16, batch=4),
        train=Train(steps=4),
    )  # fmt: skip
