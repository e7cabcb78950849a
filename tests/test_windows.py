"""Sizes, windows and what becomes of them, with systems of one line."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.restoration import inpaint_biharmonic

from dgan_jax import api
from dgan_jax.core import noise
from dgan_jax.core.parts import System
from dgan_jax.data.pipeline import to_unit
from dgan_jax.ops import denoise, haze, library_fill, prefill
from dgan_jax.restore import Runner, photograph, runner, windows
from dgan_jax.systems.classical import biharmonic
from dgan_jax.tasks.dehaze import Dehaze
from dgan_jax.tasks.denoise import Denoise
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.tasks.superres import SuperResolution

GENERATOR = np.random.default_rng(0)
ECHO = System(lambda variables, y, keys: y["image"])
FIRST = System(lambda variables, y, keys: y["fill"])


def picture(height, width):
    return GENERATOR.integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height, width):
    rows, columns = np.linspace(0, 3, height)[:, None], np.linspace(0, 4, width)[None]
    waves = np.stack([np.sin(rows + 2 * columns), np.cos(rows * columns), np.sin(rows - columns)], -1)
    return np.round(127.5 + 100 * waves).astype(np.uint8)


# Where windows lie


@pytest.mark.parametrize("length", [256, 320, 448, 992])
def test_every_place_lies_half_an_overlap_inside_a_window_or_at_an_end(length):
    found = windows.starts(np.ones(length, bool), 256, 64, 32)
    depth = np.zeros(length)
    for start in found:
        assert start % 32 == 0
        inside = np.minimum(
            np.arange(256) + (10**6 if start == 0 else 0), 255 - np.arange(256) + 10**6 * (start + 256 == length)
        )
        depth[start : start + 256] = np.maximum(depth[start : start + 256], inside)
    assert depth.min() >= 31
    assert len(found) <= -(-(length - 64) // 192)


def test_windows_that_begin_at_large_steps_cover_all_the_same():
    for tile, step in ((96, 96), (128, 64), (192, 96)):
        found = windows.starts(np.ones(384, bool), tile, tile // 2, step)
        assert found == sorted(set(found))
        shown = np.zeros(384, bool)
        for start in found:
            assert start % step == 0
            shown[start : start + tile] = True
        assert shown.all()


def test_only_what_is_wanted_is_covered():
    wanted = np.zeros((2048, 2048), bool)
    wanted[1000:1010, 300:2000] = True
    wanted[100:1900, 800:804] = True
    found = windows.plan(2048, 2048, (256, 256), 64, 32, wanted)
    shown = np.zeros_like(wanted)
    for top, left, high, wide in found:
        shown[top : top + high, left : left + wide] = True
    assert shown[wanted].all()
    assert len(found) < 25, "the whole grid has 121"


def test_sizes_are_few():
    sides = {windows.padded_side(side, 16, 1) for side in range(1, 513)}
    assert sides == {32, 64, 96, 128, 192, 256, 320, 384, 448, 512}
    assert all(windows.padded_side(side, 16, 1) >= side for side in range(1, 513))
    for scale in (2, 3, 4, 8):
        for side in range(1, 200):
            assert windows.padded_side(side, 16, scale) * scale % 32 == 0


def test_the_range_changes_as_everywhere():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(runner.unit(every), to_unit(jnp.asarray(every)))
    np.testing.assert_array_equal(runner.eight_bit(runner.unit(every)), every)


def test_a_mirror_goes_on_for_ever():
    line = np.arange(3)[:, None, None]
    np.testing.assert_array_equal(windows.padded(line, 8, 1)[:, 0, 0], [0, 1, 2, 2, 1, 0, 0, 1])


def test_windows_of_one_picture_blend_to_it():
    image = GENERATOR.normal(size=(96, 160, 2)).astype(np.float32)
    out = np.full_like(image, np.nan)

    def write(top, mean):
        out[top : top + len(mean)] = mean

    blend = windows.Blend(96, 160, 2, 64, write)
    for window in windows.plan(96, 160, (64, 64), 16, 32):
        blend.add(window, windows.cut(image, window), 16)
    blend.finish()
    np.testing.assert_allclose(out, image, atol=1e-6)


# What windows know of the whole


def test_what_windows_draw_agrees_so_that_texture_keeps_its_strength():
    """The whole of a restoration is noise: its variance along the picture is that of one draw, at borders too."""
    restore = lambda variables, y, keys: (
        0.25 * noise.normals(keys, y["image"].shape[1:], noise.places(y, y["image"].shape[1]))
    )
    grey = np.full((128, 1024, 3), 128, np.uint8)
    told = {"image": grey[None], "hole": np.ones((1, 128, 1024, 1), bool)}
    told["hole"][0, :, :8] = False
    drawn = Runner(System(restore), Inpaint(fill="none"), {}, tile=256)(told, jax.random.split(jax.random.key(2), 1))[0]
    deviation = drawn[:, 32:].reshape(128, 31, 32, 3).std(axis=(0, 2, 3))
    # 12,288 values a column of cells: a deviation is known to 0.7 %.
    assert abs(deviation / (0.25 * 127.5) - 1).max() < 0.03


def test_a_sky_shows_no_border():
    """A network that sees its edges, as all do: it darkens what lies within 12 pixels of them."""

    def restore(variables, y, keys):
        edge = jnp.ones(y["image"].shape[1:3]).at[12:-12, 12:-12].set(0)
        return y["image"] - 0.2 * edge[None, ..., None]

    sky = np.broadcast_to(np.linspace(150, 160, 640).astype(np.uint8)[None, :, None], (192, 640, 3))
    out = Runner(System(restore), Denoise(), {}, tile=256)(
        {"image": sky[None], "sigma": np.full(1, 5, np.float32)}, jax.random.split(jax.random.key(0), 1)
    )[0]
    assert np.abs(out[12:-12, 12:-12].astype(int) - sky[12:-12, 12:-12]).max() <= 1


def test_a_hole_larger_than_a_window_is_filled_as_from_the_whole():
    image = smooth(264, 392)
    hole = np.zeros((264, 392, 1), bool)
    hole[30:220, 50:350] = True
    fill = jax.jit(functools.partial(prefill.harmonic, steps=8))
    whole = np.asarray(fill(runner.unit(image)[None], np.float32(hole)[None]))[0]
    filled = photograph(Runner(FIRST, Inpaint(fill="harmonic"), {}, tile=96), image, hole=hole)(0)
    missing = hole[..., 0]
    np.testing.assert_array_equal(filled[~missing], image[~missing])
    off = np.abs(filled - runner.eight_bit(whole).astype(np.float64))[missing]
    grey = np.abs(127.5 - runner.eight_bit(whole).astype(np.float64))[missing]
    assert off.mean() < 0.1 * grey.mean(), (off.mean(), grey.mean())
    across = np.abs(np.diff(filled.astype(int), axis=1))[32:218, 52:347]
    assert across.max() < 16, "a border of two windows"


def test_only_what_lies_around_the_hole_is_worked_on():
    seen = []

    def restore(variables, y, keys):
        jax.debug.callback(lambda: seen.append(1))
        return y["fill"]

    image, hole = smooth(1024, 1024), np.zeros((1024, 1024, 1), bool)
    hole[500:510, 500:700] = True
    told = []
    photograph(Runner(System(restore), Inpaint(fill="pull_push"), {}, tile=256), image, hole=hole)(
        0, lambda done, of: told.append((done, of))
    )
    jax.effects_barrier()
    assert len(seen) == len(told) == 2
    assert told == [(1, 2), (2, 2)]


def test_a_library_fill_needs_no_fill_of_ours():
    restore = lambda variables, y, keys: y["image"] + 0 * y["hole"]
    image, hole = smooth(40, 50), np.zeros((40, 50, 1), bool)
    hole[5:9, 5:9] = True
    made = Runner(System(restore, host=True), Inpaint(fill="coherent"), {})
    result = photograph(made, image, hole=hole)(0)
    np.testing.assert_array_equal(result[20:], image[20:])
    assert made.asked == {"image", "hole"}
    assert api.restoring("inpaint", system="telea").task.fill == "none"


def test_noise_is_estimated_once_and_as_of_the_whole():
    noisy = np.clip(smooth(300, 301) + GENERATOR.normal(0, 20, (300, 301, 3)), 0, 255).astype(np.uint8)
    found = denoise.noise_level_of_bytes(noisy)
    np.testing.assert_allclose(found, 127.5 * denoise.noise_level(runner.unit(noisy)), rtol=1e-5)
    task = Denoise()
    small, large = (photograph(Runner(ECHO, task, {}, tile=tile), noisy).y["sigma"] for tile in (None, 128))
    # In steps of half a grey level, and one of them is of the padded picture.
    np.testing.assert_allclose(small, large, rtol=0.05)
    np.testing.assert_allclose(127.5 * large, found, rtol=1e-5)


def test_the_colour_of_haze_is_that_of_the_whole():
    image = np.asarray(haze.scatter(smooth(256, 384) / 255, np.linspace(0, 3, 256)[:, None, None], 1.0, 0.8) * 255)
    given = {"image": image.astype(np.uint8)[None]}
    first = System(lambda variables, y, keys: y["start"])
    key = jax.random.split(jax.random.key(0), 1)
    whole, parts = (Runner(first, Dehaze(), {}, tile=tile)(given, key)[0].astype(int) for tile in (None, 128))
    # The guided filter's windows end at the margin, so not bit for bit.
    assert np.abs(whole - parts).mean() < 2


def test_an_enlarged_picture_in_windows_is_the_one_in_one_piece():
    image = smooth(72, 96)
    first = System(lambda variables, y, keys: y["image"])
    key = jax.random.split(jax.random.key(0), 1)
    for scale in (3, 4):
        whole, parts = (
            Runner(first, SuperResolution(scale=scale), {}, tile=tile)({"image": image[None]}, key)
            for tile in (None, 96)
        )
        assert np.abs(whole.astype(int) - parts).max() <= 1


def test_the_tile_follows_from_the_memory_at_hand(monkeypatch):
    made = Runner(ECHO, Denoise(), {})
    for memory, tile in ((1e12, 512), (2e9, 256), (5e8, 128), (1e6, 128)):
        monkeypatch.setattr(runner, "memory", lambda memory=memory: memory)
        assert made.chosen_tile() == tile
    assert Runner(ECHO, Denoise(), {}, tile=96).chosen_tile() == 96


# Fills of libraries


@pytest.mark.parametrize(("name", "reach"), [("telea", 10), ("navier_stokes", 10), ("nearest", 2), ("biharmonic", 16)])
def test_holes_that_lie_apart_are_filled_each_by_itself_as_they_are_together(name, reach, monkeypatch):
    image = np.clip(smooth(300, 420) + GENERATOR.normal(0, 20, (300, 420, 3)), 0, 255).astype(np.uint8)
    hole = np.zeros((300, 420, 1), bool)
    hole[20:30, 15:80] = hole[25:60, 200:207] = hole[280:, 400:] = True
    restorer = api.restoring("inpaint", system=name)
    apart = restorer(image, hole=hole)(0)
    whole = library_fill.regions
    found = list(whole(hole[..., 0], reach))
    assert len(found) == 3
    assert sum(own.sum() for _, own in found) == hole.sum()
    monkeypatch.setattr(library_fill, "regions", lambda missing, reach: whole(missing, None))
    np.testing.assert_array_equal(apart, restorer(image, hole=hole)(0))


@pytest.mark.parametrize("seed", [7, 10, 19])
def test_a_fill_is_cut_to_the_range_of_the_whole_picture_wherever_its_hole_lies(seed):
    noise = np.random.default_rng(seed).normal(0, 20, (300, 420, 3))
    image = np.clip(smooth(300, 420) + noise, 0, 255)[200:].astype(np.uint8)
    hole = np.zeros((100, 420, 1), bool)
    hole[80:, 400:] = True  # in a corner the solution runs far beyond what lies near
    place, own = next(library_fill.regions(hole[..., 0], 16))
    assert own.shape != hole.shape[:2], "there is something to leave out"
    filled = api.restoring("inpaint", system="biharmonic")(image, hole=hole)(0)
    solved = inpaint_biharmonic(image / 255.0, hole[..., 0], split_into_regions=True, channel_axis=-1)
    np.testing.assert_allclose(filled, np.round(255 * solved), atol=1)
    near = image[place][~own]
    assert (filled[place][own].max(0) > near.max(0)).any() or (filled[place][own].min(0) < near.min(0)).any()


def test_a_hole_that_is_too_large_for_the_solver_is_a_sentence(monkeypatch):
    image, hole = smooth(64, 64), np.zeros((64, 64, 1), bool)
    hole[10:50, 10:50] = True
    restorer = api.restoring("inpaint", system="biharmonic")
    monkeypatch.setattr(biharmonic, "memory", lambda: 7500 * 1000)
    with pytest.raises(ValueError, match=r"hole of 1600 connected pixels takes about .* take --system spline"):
        restorer(image, hole=hole)(0)
    small = hole.copy()
    small[10:50, 20:40] = False  # two halves, each of which fits
    restorer(image, hole=small)(0)
