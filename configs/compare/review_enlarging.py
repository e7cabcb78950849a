"""The review's tables 2 and 3 at a small scale: every system that enlarges by 4, each with the same seconds.

    dgan compare review_enlarging --train-data FOLDER --data set5=IMAGES --data bsd100=IMAGES -o out/

Without folders it trains on the photographs that come with scikit-image and measures on those held out. The review's
own figures are of DIV2K and of trainings of days; here networks are small ones (the configs `*_photos_x4`, and those
of the diffusion-GANs that fill holes, taught to enlarge instead), for one CPU core: the rows compare with each other.
Measured: docs/results/review_enlarging.md
"""

from typing import Any

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.tasks.superres import SuperResolution

SECONDS = 30.0
TASK = SuperResolution(scale=4)
METRICS = ("psnr_y_crop4", "ssim_y_crop4", "swd_rgb")

CLASSICAL = ("nearest", "bilinear", "bicubic", "lanczos")
REGRESSORS = ("srresnet", "rrdb", "srvgg")
GANS = ("srgan", "esrgan", "bebygan", "ranksrgan")
DIFFUSIONS = ("srdiff", "irsde", "resshift", "i2sb")
HOLES = ("ddgan", "wavediff")
"""Diffusion-GANs whose small configs fill holes."""
DDIM: dict[str, dict[str, Any]] = {
    "sr3": {"system": "ddim", "steps": 10},
    "ecdp": {"sampler": "ddim", "restore_steps": 10},
}
"""What these are restored with, in ten network calls; their own ways take fifty, and as many as an ODE asks for."""
DGAN = {"dgan, least error": {"realism": 0.0}, "dgan, sample": {"realism": 1.0}}


def entries() -> list[Entry]:
    """Rows in the order of the review's families: GANs, diffusions, diffusion-GANs; before them what is no network."""

    def trained(name: str, **more: Any) -> Entry:
        # Pictures on the way would cost more time than the training.
        overrides = {"train.sample_every": 0, **more.pop("overrides", {})}
        return Entry(name=name, seconds=SECONDS, overrides=overrides, **{"config": f"{name}_photos_x4", **more})

    return [
        *(Entry(name=f"upscale_{how}", system=f"upscale_{how}") for how in CLASSICAL),
        *(trained(name) for name in (*REGRESSORS, *GANS)),
        *(trained(f"{name}, ddim 10", config=f"{name}_photos_x4", choices=how) for name, how in DDIM.items()),
        *(trained(name) for name in DIFFUSIONS),
        *(trained(name, config=f"{name}_photos_inpaint", task=TASK, overrides={"data.batch": 4}) for name in HOLES),
        trained("srddgan", overrides={"data.batch": 4}),
        trained("diffir"),
        *(trained(row, folder="dgan", config="dgan_photos", task=TASK, choices=how) for row, how in DGAN.items()),
    ]


def get_compare() -> Compare:
    data = Data(name="bundled", size=128, batch=1, validation=0.0)
    trial = lambda name: Trial(name=name, task=TASK, data=data, limit=10, metrics=METRICS)
    return Compare(
        title="Enlarging by 4: the review's systems, the same seconds each",
        entries=tuple(entries()),
        trials=(trial("set5"), trial("bsd100")),
        shown=5,
    )
