"""Enlarging by 4, Set5 and Set14, beside published figures: dgan compare superres_x4 --data set5=FILE --data set14=FILE

FILE is a folder or an archive of the original images; they are cut to multiples of 4 and reduced as MATLAB does.
Add runs with --add NAME=RUN. Measured here, two CPU cores, a minute: upscale_bicubic has psnr_y_crop4 28.43 on Set5 and
26.09 on Set14, where papers print 28.42 and 26.00 (their images are cut to multiples of 4, or of 12).
"""

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.tasks.superres import SuperResolution

SYSTEMS = ("upscale_nearest", "upscale_bilinear", "upscale_bicubic", "upscale_lanczos")
METRICS = ("psnr_y_crop4", "ssim_y_crop4", "psnr_rgb_crop4")


def get_compare() -> Compare:
    sets = ("set5", "set14")
    return Compare(
        title="Enlarging by 4",
        entries=tuple(Entry(name=name, system=name) for name in SYSTEMS),
        metrics=METRICS,
        trials=tuple(
            Trial(
                name=name, task=SuperResolution(scale=4), data=Data(name=name, validation=0.0), crop="none", limit=0,
                published=(name, "x4, bicubic"),
            )
            for name in sets
        ),
    )  # fmt: skip
