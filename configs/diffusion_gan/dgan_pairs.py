"""Our restorer on damage of one's own: pairs of good and damaged pictures, matched by name; sized for two CPU cores.

    dgan train dgan_pairs --data.name clean/ --data.damaged damaged/

or, of one array file with the entries image and damaged, --data.name pairs.npz. Its first estimate is the damaged
picture itself. Measured here: two minutes of it, on scan lines and faded colours (docs/pairs.md).
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import dgan
from dgan_jax.tasks.paired import Paired


def get_config() -> Experiment:
    return Experiment(
        system=dgan.Config(estimate_share=0.645),
        task=Paired(),
        data=Data(name="clean", damaged="damaged", size=128, batch=1),
        train=Train(steps=62_000, log_every=100, sample_every=1000, checkpoint_every=1000),
    )
