"""Patch completion: textures go on, matches are those of a full search, the same key gives the same answer."""

import jax
import numpy as np
import pytest

from dgan_jax import api, systems, tasks
from dgan_jax.core.parts import Spec
from dgan_jax.ops import completion_mean, filling, patchmatch, prefill, seamless
from dgan_jax.ops.completion import complete, pieces
from dgan_jax.ops.completion_mean import DRAWN, USUAL
from dgan_jax.ops.filling import Style
from dgan_jax.ops.patchmatch import HALF, PATCH, PLANES, Prices


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


@pytest.mark.parametrize("options", [{}, {"realism": 0.0, "runs": 4}], ids=["realistic", "least error"])
def test_a_wall_goes_on(options):
    image, hole = bricks(), square()
    ours, smooth = run(image, hole, **options), prefill.coherent(image[None], hole[None, ..., None])[0]
    np.testing.assert_array_equal(ours[~hole], image[~hole])
    # The least error follows trials, however good, only so far: what is left to the smooth fill keeps its error.
    left = DRAWN * (1 - USUAL) if options else 0.0
    assert error(image, ours, hole) < (left + (0.02 if options else 0.25)) * error(image, smooth, hole)


def test_its_options_are_chosen_where_photographs_are_restored():
    wall, hole = np.rint(127.5 * bricks() + 127.5).astype(np.uint8), square()[..., None].astype(np.float32)
    answers = [
        api.restoring("inpaint", system="completion", choices=choices)(wall, hole=hole)(0)
        for choices in ({}, {"realism": 0.0, "runs": 2})
    ]
    drawn, least = (answer.astype(float) for answer in answers)
    assert np.abs(drawn - least).max() > 3
    with pytest.raises(ValueError, match=r"unknown field of system completion 'reelism'; did you mean 'realism'"):
        api.restoring("inpaint", system="completion", choices={"reelism": 0.5})


def test_a_key_decides():
    image, hole = np.random.default_rng(0).uniform(-1, 1, (40, 44, 1)).astype(np.float32), square(40, 44, 12, 10)
    first, again, other = (run(image, hole, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("channels", [1, 6])
def test_any_number_of_channels_goes_on_in_pieces_too(channels):
    wall = 127.5 + 127.5 * np.repeat(bricks(72, 90)[..., :1], channels, axis=-1)
    hole = square(72, 90, 10, 20, 50) & ~square(72, 90, 30, 40, 20)
    style = Style(tile=48, margin=14, around=64)
    assert len(list(pieces(hole.shape, style))) > 4
    values = complete(np.where(hole[..., None], 0, wall).astype(np.float32), hole, 0, style)
    assert np.sqrt(np.mean(np.square(values - wall[hole]))) < 30


def test_it_is_a_fill_of_the_task():
    image, hole = bricks(), square()[..., None].astype(np.float32)
    task = tasks.find("inpaint")(fill="completion")
    y = jax.jit(jax.vmap(task.observe))({"image": np.stack([image, -image]), "hole": np.stack([hole, hole])})
    for filled, original in zip(y["fill"], (image, -image), strict=True):
        assert error(original, filled, hole[..., 0] > 0) < 0.2
        np.testing.assert_array_equal(filled[hole[..., 0] == 0], original[hole[..., 0] == 0])


def test_fake_holes_have_the_shape_and_lie_beside():
    hole = square(60, 80, 10, 50, 20)
    for fake in completion_mean.fakes(hole, 2, 0):
        assert 0.5 * hole.sum() < np.sum(fake & ~hole) <= hole.sum()


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_the_weight_of_the_completion_is_that_of_least_squares(share):
    rng, counts = np.random.default_rng(0), np.arange(5000) < 4000
    true, smooth = rng.normal(size=(2, 5000, 3))
    completed = smooth + (true - smooth) / share  # what lies `share` of the way to it is the truth
    noisy = completed + 0.5 * rng.normal(size=true.shape)
    own = completion_mean.weight([(noisy, smooth, true, counts)], 0.25)
    drawn = completion_mean.DRAWN
    assert own == pytest.approx((1 - drawn) * share + drawn * completion_mean.USUAL, abs=0.01)
    assert completion_mean.weight([], 0.0) == completion_mean.USUAL


def test_weights_deep_in_a_wide_hole_still_add_up():
    hole = np.ones((400, 40), bool)
    hole[:14] = False
    means = filling.measured(np.zeros((400, 40, 1), np.float32), hole)
    work = filling.Filling(
        filling.make_level(means, Style()), Style(), np.eye(1, dtype=np.float32), np.ones(1, np.uint32)
    )
    assert work.weight.min() > 1e-15


def test_windows_cover_their_pieces_and_pieces_the_image():
    size, style = (301, 200), Style(tile=128, margin=20)
    count = np.zeros(size, int)
    for piece, window in pieces(size, style):
        count[piece] += 1
        for inner, outer in zip(piece, window, strict=True):
            assert outer.start <= inner.start < inner.stop <= outer.stop <= outer.start + 128
    np.testing.assert_array_equal(count, 1)


def test_without_a_whole_patch_the_smooth_fill_is_the_answer():
    image, hole = bricks(24, 24), np.zeros((24, 24), bool)
    hole[::3, ::3] = True
    smooth = prefill.coherent(image[None], hole[None, ..., None])[0]
    # Padded for the sake of programs, the fill sees another border: an eighth of a grey level.
    np.testing.assert_allclose(run(image, hole), smooth, atol=1e-3)


def test_enough_sweeps_find_what_a_full_search_finds():
    rng, side = np.random.default_rng(0), 20
    features, weight = rng.random((side, side, PLANES)).astype(np.float32), rng.random((side, side)).astype(np.float32)
    allowed = np.zeros((side, side), bool)
    allowed[HALF:-HALF, 10:-HALF] = True
    rows, columns = np.array([5, 9, 12]), np.array([4, 6, 3])
    matches, state = patchmatch.none(side, side), np.array([7], np.uint32)
    patchmatch.search(
        features.reshape(side, -1), weight, rows, columns, allowed, matches, Prices(0.0, 0.0), state, 200, side
    )
    cut = lambda array, y, x: array[y - HALF : y + HALF + 1, x - HALF : x + HALF + 1]
    for y, x in zip(rows, columns, strict=True):
        own = cut(weight, y, x)[..., None]
        costs = {
            (int(a), int(b)): float((own * (cut(features, y, x) - cut(features, a, b)) ** 2).sum() / own.sum())
            for a, b in np.argwhere(allowed)
        }
        best = min(costs, key=costs.__getitem__)
        assert (matches.row[y, x], matches.column[y, x]) == best
        assert matches.cost[y, x] == pytest.approx(costs[best], rel=1e-4)
    assert matches.uses.sum() == 3
    assert PATCH == 2 * HALF + 1


def test_a_piece_that_is_too_dark_is_blended_away():
    y, x = np.mgrid[:32, :40]
    image, hole = (2.0 * x + y)[..., None].astype(np.float32), square(32, 40, 10, 12, 12)
    rows, columns = np.nonzero(hole)
    source = np.stack([rows, columns + 14], axis=-1).astype(np.int32)
    copied = image.copy()
    copied[hole] = image[source[:, 0], source[:, 1]] - 70.0
    np.testing.assert_allclose(seamless.blend(copied, hole, source, screen=0.0), image[hole], atol=0.3)
    held = seamless.blend(copied, hole, source, screen=1e4)
    np.testing.assert_allclose(held, copied[hole], atol=0.3)


@pytest.mark.parametrize(("option", "value"), [("realism", 1.5), ("runs", 0), ("threads", 0)])
def test_bad_options_are_refused_by_name(option, value):
    with pytest.raises(ValueError, match=f"system.{option}"):
        systems.find("completion").Config(**{option: value})
