"""Every pixel becomes a square.

The pixel at floor(i / scale), as torch and OpenCV take it.
Measured here, x4, centre crops 256x256 of 20 BSD100 photographs: 23.75 dB psnr_y_crop4, 22.46 dB psnr_rgb.
(`dgan evaluate upscale_nearest --task superres --data FOLDER --size 256`)
"""

import dataclasses

import jax

from dgan_jax.core.parts import Measurement, Spec, System, Task
from dgan_jax.ops import resize
from dgan_jax.tasks.superres import SuperResolution

PAPER = "Parker, Kenyon, Troxel 1983, IEEE TMI 2(1)"
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
        return resize.enlarge(y["low"], scale, "nearest")

    return System(restore=restore)
