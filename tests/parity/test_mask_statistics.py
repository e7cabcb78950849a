"""Hole samplers against the distribution of the published ones: coverage, shape and place."""

import dataclasses
import re

import jax
import numpy as np
import pytest
from published import args_of, fixtures, without_effect
from scipy import ndimage

from dgan_jax.tasks.holes import HOLES, as_published

OURS = {
    "lama_thin": "thin",
    "lama_medium": "medium",
    "lama_thick": "thick",
    "lama_train": "irregular",
    "lama_train_narrow": "narrow",
    "lama_outpainting": "border",
    "lama_superres": "grid",
    "lama_dumb_train": "rectangle",
    "deepfill_brush": "brush",
    "deepfill_box": "box",
    "deepfill_train": "brush_box",
    "mat": "mat",
    "palette_hybrid": "palette_box",
    "palette_brush": "brush",
    "palette_irregular": "palette_walks",
}
LEVELS = np.asarray([0.05, 0.25, 0.5, 0.75, 0.95])
NAME = re.compile(r"out\.(?P<name>(?P<policy>\w+?)_(?P<size>\d+)(_range_(?P<low>\d+)_(?P<high>\d+))?)_moments")
PIXELS = 128 * 256**2


def policies():
    """One case per policy of every fixture that we draw too, as (fixture, name, sampler, size)."""
    for parameter in fixtures("mask_statistics*"):
        path = parameter.values[0]
        for found in filter(None, map(NAME.fullmatch, np.load(path).files)):
            if found["policy"] not in OURS:
                continue
            name = OURS[found["policy"]]
            # A policy with constants of its own for this size, or else those for 256 in absolute pixels.
            sampler = as_published(HOLES.get(f"{name}_{found['size']}", HOLES[name]))
            if found["low"]:
                share = tuple(float(digits[0] + "." + digits[1:]) for digits in (found["low"], found["high"]))
                sampler = dataclasses.replace(sampler, share=share)
            label = f"{path.stem}-{found['name']}"
            yield pytest.param(path, found["name"], sampler, int(found["size"]), id=label)


def drawn(sampler, size):
    """Holes of equally many pixels at any size, [N, size, size] of bool."""
    count = int(np.clip(PIXELS // size**2, 64, 512)) // 8 * 8
    # Drawing takes longer than compiling here: the tests' own XLA flags ask for the opposite.
    draw = jax.jit(
        lambda keys: jax.lax.map(lambda key: sampler(key, size, size)[..., 0] > 0, keys, batch_size=8),
        compiler_options={"xla_backend_optimization_level": 1},
    )
    return np.asarray(draw(jax.random.split(jax.random.key(2024), count)))


@pytest.mark.parametrize(("path", "name", "sampler", "size"), list(policies()))
def test_holes_are_distributed_as_published(path, name, sampler, size):
    arrays, args = np.load(path), args_of(path)
    theirs = args["samples"]
    without_effect(args, "seed")
    mean, deviation, _, empty, components, edges = arrays[f"out.{name}_moments"]
    holes = drawn(sampler, size)
    ours = len(holes)
    error = lambda deviation, count: 4 * deviation * np.sqrt(1 / count + 1 / ours)

    coverage = holes.mean((1, 2))
    assert abs(coverage.mean() - mean) < error(deviation, theirs) + 0.01 * mean
    assert abs(coverage.std() - deviation) < error(deviation, theirs) + 0.01 * mean
    assert np.mean(coverage == 0) <= empty + 0.02

    # How many of ours lie below each of their quantiles; coverage may be discrete.
    quantiles = arrays[f"out.{name}_coverage_quantiles"][1:-1, None]
    slack = error(np.sqrt(LEVELS * (1 - LEVELS)), theirs) + 0.01
    assert np.all((coverage < quantiles - 0.003).mean(1) < LEVELS + slack)
    assert np.all((coverage <= quantiles + 0.003).mean(1) > LEVELS - slack)

    # The original pens differ from discs by a pixel here and there: this changes counts more than areas.
    counted = np.asarray([ndimage.label(hole, np.ones((3, 3)))[1] for hole in holes])
    assert abs(counted.mean() - components) < error(counted.std(), 200) + 0.05 * components
    changes = np.sum(holes[:, 1:] != holes[:, :-1], (1, 2)) + np.sum(holes[..., 1:] != holes[..., :-1], (1, 2))
    assert abs(changes.mean() - edges) < error(changes.std(), 200) + 0.03 * edges

    quarter = size // 4
    place = holes[:, : 4 * quarter, : 4 * quarter].reshape(ours, 4, quarter, 4, quarter).mean((2, 4))
    excess = np.abs(place.mean(0) - arrays[f"out.{name}_position_4x4"]) - error(place.std(0), theirs)
    assert excess.max() < 0.015


def test_published_holes_differ_from_ours_where_ours_repair_them():
    assert HOLES["brush"].flips
    assert not as_published(HOLES["brush"]).flips
    assert as_published(HOLES["medium"]).first.absolute
