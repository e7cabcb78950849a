"""DeepFill v2 that fills a box and brush strokes in photographs, 64x64 crops, small enough for two CPU cores.

    dgan train deepfill_v2_photos_inpaint --data.name FOLDER

Our small recipe, not published: narrow networks, a quicker rate and a critic of little weight. Measured here: not yet
run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import deepfill_v2
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=deepfill_v2.Config(
            width=24, critic_width=16, critic_layers=4, adversarial=0.01, learning_rate_generator=5e-4,
            learning_rate_critic=2e-4, ema=0.99,
        ),
        task=Inpaint(hole="brush_box", fill="none"),
        data=Data(name="bundled", size=64, batch=8),
        train=Train(steps=1000, epoch=100, log_every=20, sample_every=200, checkpoint_every=200),
    )  # fmt: skip
