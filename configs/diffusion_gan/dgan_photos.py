"""Our two-stage restorer for photographs: holes thin and thick, x4 enlargement, noise; sized for two CPU cores.

    dgan train dgan_photos --data.name FOLDER

About two hours of one core of an AMD EPYC, the first half hour for the answer of least error. Measured here on 640
photographs, 2026-11-27: the weights of that name, which come with the package and whose page (dgan_jax/weights) says
how they were trained: in the same order and as long, but not in one run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import dgan
from dgan_jax.tasks.mixture import Mixture


def get_config() -> Experiment:
    return Experiment(
        system=dgan.Config(estimate_share=0.645),
        task=Mixture(kinds=("low", "noise", "hole"), noise=(5.0, 50.0), hole="crops", fill="coherent"),
        # One image at a time: on CPUs many small steps learn several times faster than few large ones.
        data=Data(name="bundled", size=128, batch=1),
        train=Train(steps=62_000, log_every=100, sample_every=3000, checkpoint_every=1000),
    )


def get_tiny() -> Experiment:
    """The same with networks of a few thousand parameters, from the answer of least error to both stages at once."""
    # Low rates: sign-like first steps are as large, and with them what rounding makes of gradients near zero.
    return Experiment(
        system=dgan.Config(
            learning_rate_adversarial=1e-4, learning_rate_critic=1e-4,
            steps=2, restore_steps=2, wavelet_levels=1, estimator_features=(8,), estimator_blocks=(1,),
            features=(8, 12), blocks=(1, 1), refiner_features=(8,), refiner_blocks=(1,),
            critic_features=(4, 8), critic_blocks=(1, 1), latent=4, estimate_share=0.5, refine_share=0.5, joint=True,
        ),
        task=Mixture(kinds=("low", "noise", "hole"), low=2, hole="box", fill="pull_push"),
        data=Data(size=16, batch=4),
        train=Train(steps=4),
    )  # fmt: skip
