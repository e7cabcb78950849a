"""Patch completion: textures go on, matches are those of a full search, the same key gives the same answer."""

import jax
import numpy as np
import pytest

from dgan_jax import systems, tasks
from dgan_jax.core.parts import Spec
from dgan_jax.ops import prefill


def bricks(height=64, width=64):
    """[H, W, 3] in [-1, 1]: a wall whose every brick is alike."""
    y, x = np.mgrid[:height, :width]
    row = y // 8
    mortar = (y % 8 < 2) | ((x + 6 * (row % 2)) % 12 < 2)
    return np.where(mortar[..., None], [0.7, 0.7, 0.6], [0.4, -0.5, -0.6]).astype(np.float32)


def square(height=64, width=64, top=20, left=24, side=16):
    hole = np.zeros((height, width), bool)
    hole[top : top + side, left : left + side] = True
    return hole


def run(image, hole, seed=0, **options):
    y = {"image": image[None] * ~hole[None, ..., None], "hole": hole[None, ..., None].astype(np.float32)}
    system = systems.build(systems.find("completion").Config(**options), tasks.find("inpaint")(), Spec(*image.shape))
    return np.asarray(system.restore({}, y, jax.random.split(jax.random.key(seed), 1)))[0]


def error(image, filled, hole):
    return float(np.sqrt(np.mean(np.square(image - filled)[hole])))


@pytest.mark.parametrize("options", [{}, {"realism": 0.0, "runs": 2}], ids=["realistic", "least error"])
def test_a_wall_goes_on(options):
    image, hole = bricks(), square()
    ours, smooth = run(image, hole, **options), prefill.coherent(image[None], hole[None, ..., None])[0]
    np.testing.assert_array_equal(ours[~hole], image[~hole])
    assert error(image, ours, hole) < 0.25 * error(image, smooth, hole)


def test_a_key_decides():
    image, hole = np.random.default_rng(0).uniform(-1, 1, (40, 44, 1)).astype(np.float32), square(40, 44, 12, 10)
    first, again, other = (run(image, hole, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
