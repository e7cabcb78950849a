"""DeepFill v2 on Places2, 256x256, as published: dgan train deepfill_v2_places2 --data.name FOLDER

Yu et al., arXiv 1806.03589: a box and brush strokes, batches of 16, 4,052,478 parameters. The number of steps is
ours. The weights of the original code, as its PyTorch port (nipponjo/deepfillv2-pytorch) gives them out, convert; that
port restores with them without fusing (--choose fuse=False), the original with it. The port's own weights, states_pt_*,
are for other paddings and are not read.

    dgan convert states_tf_places2.pth --config deepfill_v2_places2

Re-implemented by MMagic, free-form holes at 256x256: Places2 L1 8.64 %, PSNR 22.40, SSIM 0.815. Measured here: not yet
run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import deepfill_v2
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=deepfill_v2.Config(),
        task=Inpaint(hole="brush_box", fill="none"),
        data=Data(name="places2", size=256, batch=16),
        train=Train(steps=1_000_000, epoch=10_000, sample_every=4_000, checkpoint_every=4_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. The hole leaves patches to attend to."""
    return Experiment(
        system=deepfill_v2.Config(width=8, critic_width=4, critic_layers=2, ema=0.9),
        task=Inpaint(hole="centre", fill="none"),
        data=Data(name="places2", size=16, batch=4, crop="none"),
        train=Train(steps=4),
    )
