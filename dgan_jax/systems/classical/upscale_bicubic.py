"""Cubic convolution, as MATLAB's imresize: the baseline of every table on super-resolution.

Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, a = -0.5; mirrored at the border.
Measured here, x4, centre crops 256x256 of 20 BSD100 photographs: 24.64 dB psnr_y_crop4, 23.35 dB psnr_rgb.
(`dgan evaluate upscale_bicubic --task superres --data FOLDER --size 256`)
Whole images with sides cut to multiples of 12, psnr_y_crop4: Set5 28.40 dB, Set14 26.09 dB, the figures known of this
chain to 0.01 dB; to multiples of 4 (`--crop none`), 28.43 and 26.09 dB.
"""

import dataclasses

import jax

from dgan_jax.core.parts import Measurement, Spec, System, Task
from dgan_jax.ops import resize
from dgan_jax.tasks.superres import SuperResolution

PAPER = "Keys 1981, IEEE TASSP 29(6)"
TASKS = ("superres",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to choose."""


def build(config: Config, task: Task, spec: Spec) -> System:
    del config, spec
    assert isinstance(task, SuperResolution)
    scale = task.scale

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del variables, keys
        return resize.enlarge(y["low"], scale, "matlab")

    return System(restore=restore)
