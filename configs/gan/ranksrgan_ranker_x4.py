"""RankSRGAN's ranker as published: a run of its own, from the results of three trained networks.

    dgan train ranksrgan_ranker_x4 --data.name FOLDER --train.begin_with \
        level_esrgan=RUN#generator,level_srgan=RUN#generator,level_srresnet=RUN#generator

Zhang et al., arXiv 1908.06382: crops of 296 of DIV2K and Flickr2K, batch 16, 400,000 steps; the levels are of
esrgan_pirm, srgan_x4 and srresnet_div2k_x4, NIQE orders them; 13,734,281 parameters. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import ranksrgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=ranksrgan.Config(ranker_share=1.0, levels="networks", vgg=0.0),
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=296, batch=16),
        train=Train(steps=400_000, epoch=10_000, sample_every=0, checkpoint_every=5_000),
    )
