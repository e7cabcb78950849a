"""CIFAR-10 at a small scale: four diffusion-GANs that generate, two that fill holes, each with the same minutes.

    dgan compare cifar10 --train-data TRAIN.npz --data "generate=TEST.npz" --data "thick holes=TEST.npz" -o out/

Without files it trains and measures on tfds:cifar10, if that is prepared (see dgan data prepare). Networks are a small
part of the published ones (`ddgan_cifar10_small` and its like), for two CPU cores: the rows compare with each other,
with nothing published. Measured: docs/results/cifar10.md
"""

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.tasks.generate import Generate
from dgan_jax.tasks.inpaint import Inpaint

SECONDS = 300.0
CLASSICAL = ("nearest", "bilinear", "biharmonic", "coherent", "telea", "navier_stokes")
GENERATORS = ("ddgan", "wavediff", "lddgan", "diffusion_gan_noise")


def get_compare() -> Compare:
    data = Data(name="tfds:cifar10", size=32, batch=32, crop="none", validation=0.0)
    return Compare(
        title="CIFAR-10 at a small scale",
        entries=(
            *(Entry(name=name, config=f"{name}_cifar10_small", seconds=SECONDS) for name in GENERATORS),
            Entry(name="ddgan, holes", config="ddgan_cifar10_inpaint", overrides={"data.batch": 8}, seconds=SECONDS),
            *(
                Entry(
                    name=f"dgan, {answer}", folder="dgan", config="dgan_cifar10_inpaint", seconds=SECONDS,
                    overrides={"system.estimate_share": 0.8}, choices={"realism": realism},
                )
                for answer, realism in (("least error", 0.0), ("sample", 1.0))
            ),
            *(Entry(name=name, system=name) for name in CLASSICAL),
        ),
        trials=(
            Trial(name="generate", task=Generate(), data=data, limit=1024, metrics=("swd_rgb",)),
            Trial(
                name="thick holes", task=Inpaint(hole="thick", fill="coherent"), data=data, limit=256,
                metrics=("psnr_hole", "ssim_hole", "seam", "swd_rgb", "diversity"),
            ),
        ),
        shown=8,
    )  # fmt: skip
