"""RankSRGAN x4 as published, from a run of ranksrgan_ranker_x4 and one of its generator by the error alone.

    dgan train ranksrgan_x4 --data.name FOLDER --train.begin_with ranker=RUN,generator=RUN

Zhang et al., arXiv 1908.06382: crops of 296, batch 8, 500,000 steps by VGG19's features before their activation
(DGAN_WEIGHTS names the folder of its converted weights), 0.005 of a critic of 17,827,401 parameters and 0.03 of the
ranker's score. The generator's run is one of srresnet_div2k_x4 --system.network trunk. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import ranksrgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=ranksrgan.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=296, batch=8),
        train=Train(steps=500_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    return Experiment(
        system=ranksrgan.Config(
            features=2, blocks=1, ranker_share=0.5, niqe_block=8,
            ranker_features=2, ranker_stages=2, vgg=0.0, l1=1.0, adversarial=0.1, critic_features=2, critic_stages=2,
            critic_hidden=4, milestones=(0.5,), ema=0.9, agree=True,
        ),
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=16, batch=8, crop="none"),
        train=Train(steps=4),
    )  # fmt: skip
