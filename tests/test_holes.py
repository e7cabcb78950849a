"""Hole samplers: what every one of them owes its callers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dgan_jax.tasks import holes
from dgan_jax.tasks.banks import Folder
from dgan_jax.tasks.boxes import Centre, Half, Pixels
from dgan_jax.tasks.strokes import rasterise

every_hole = pytest.mark.parametrize("name", list(holes.HOLES))
# Drawing many segments without LLVM's optimisation takes longer than compiling with it.
QUICK = {"xla_backend_optimization_level": 1}


def many(sampler, count, height, width):
    draw = jax.jit(jax.vmap(lambda key: sampler(key, height, width)), compiler_options=QUICK)
    return np.asarray(draw(jax.random.split(jax.random.key(3), count)))


@every_hole
def test_a_hole_is_binary_and_neither_all_nor_nothing(name):
    drawn = many(holes.named(name), 12, 40, 57)
    assert drawn.shape == (12, 40, 57, 1)
    assert drawn.dtype == np.float32
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert np.all(drawn.max((1, 2, 3)) == 1)
    assert np.all(drawn.min((1, 2, 3)) == 0)


@every_hole
def test_a_key_makes_one_hole_with_and_without_jit(name):
    sampler, key = holes.named(name), jax.random.key(7)
    jitted = jax.jit(lambda key: sampler(key, 33, 31))(key)
    np.testing.assert_array_equal(sampler(key, 33, 31), jitted)
    np.testing.assert_array_equal(sampler(key, 33, 31), jitted)


@pytest.mark.parametrize("name", ["brush", "thin", "medium", "irregular", "mat", "border", "grid", "pixels", "text"])
def test_keys_make_different_holes(name):
    drawn = many(holes.named(name), 8, 32, 32).reshape(8, -1)
    assert len(np.unique(drawn, axis=0)) > 4


@pytest.mark.parametrize("name", ["brush", "thin", "medium", "box"])
def test_lengths_scale_with_the_image(name):
    small, large = (many(holes.named(name), 128, size, size).mean() for size in (64, 128))
    assert small == pytest.approx(large, rel=0.12)
    assert many(holes.as_published(holes.HOLES[name]), 64, 64, 64).mean() > 1.5 * small


def test_holes_of_at_most_half_stay_below_it_or_take_the_least():
    assert many(holes.named("thick", max_coverage=0.5), 48, 32, 32).mean((1, 2, 3)).max() <= 0.5
    small = many(holes.named("centre", max_coverage=0.1), 1, 32, 32)
    np.testing.assert_array_equal(small[0], Centre()(jax.random.key(0), 32, 32))


@pytest.mark.parametrize(("share", "missing"), [(0.0, 1), (1.0, 63)])
def test_an_empty_or_full_hole_is_repaired(share, missing):
    assert holes.Within(sampler=Pixels(share=share))(jax.random.key(0), 8, 8).sum() == missing


def test_fixed_holes_are_where_their_names_say():
    key = jax.random.key(0)
    centre = np.zeros((8, 8))
    centre[2:6, 2:6] = 1
    np.testing.assert_array_equal(holes.named("centre")(key, 8, 8)[..., 0], centre)
    assert holes.named("expand")(key, 8, 8).sum() == 60
    assert holes.named("right_half")(key, 6, 7)[..., 0].sum(0).tolist() == [0, 0, 0, 6, 6, 6, 6]
    assert holes.named("lines")(key, 4, 3)[..., 0].tolist() == [[0] * 3, [1] * 3] * 2
    assert holes.named("every_second")(key, 4, 4).sum() == 12
    sides = {tuple(np.asarray(Half()(key, 2, 2)).ravel()) for key in jax.random.split(key, 32)}
    assert len(sides) == 4


def test_a_segment_covers_the_pixels_within_its_radius():
    ends, radii = jnp.asarray([[3.0, 4.0, 9.0, 6.0], [0.0, 0.0, 1.0, 1.0]]), jnp.asarray([2.2, -1.0])
    drawn = np.asarray(rasterise(ends, radii, 11, 13))[..., 0] > 0
    along = np.linspace([3.0, 4.0], [9.0, 6.0], 2001)
    x, y = np.meshgrid(np.arange(13), np.arange(11))
    distance = np.sqrt((x[..., None] - along[:, 0]) ** 2 + (y[..., None] - along[:, 1]) ** 2).min(-1)
    np.testing.assert_array_equal(drawn, distance <= 2.2)


@pytest.fixture
def masks(tmp_path):
    """Two masks of different sizes; the upper quarter, then the left quarter, is white."""
    first, second = np.zeros((64, 64), np.uint8), np.zeros((32, 40), np.uint8)
    first[:16], second[:, :10] = 255, 255
    Image.fromarray(first).save(tmp_path / "a.png")
    (tmp_path / "more").mkdir()
    Image.fromarray(np.stack([second] * 3, -1)).save(tmp_path / "more" / "b.png")
    return tmp_path


@pytest.mark.parametrize(("polarity", "share"), [("auto", 0.25), ("white-hole", 0.25), ("white-keep", 0.75)])
def test_mask_files_are_read_in_the_polarity_asked_for(masks, polarity, share):
    drawn = many(Folder(str(masks), polarity=polarity), 16, 32, 40)
    assert {round(float(hole.mean()), 1) for hole in drawn} <= {round(share, 1), round(share - 0.05, 1)}
    corner = drawn[:, 0, 0, 0]
    assert np.all(corner == (polarity != "white-keep"))


def test_the_rarer_colour_of_a_folder_is_the_hole(masks):
    for file in masks.rglob("*.png"):
        Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
    assert many(holes.named(f"folder:{masks}"), 8, 31, 17).mean() < 0.4


def test_mask_files_cover_the_size_and_lose_their_margins(masks):
    drawn = many(Folder(str(masks)), 16, 32, 40)
    # The square one is enlarged to 40 x 40 and loses four rows at the top and at the bottom.
    assert {tuple(np.flatnonzero(hole[:, -1, 0])) for hole in drawn} == {tuple(range(6)), ()}


@pytest.mark.parametrize("name", ["brsh", "folders:/x", ""])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match="unknown hole"):
        holes.named(name)


def test_a_near_miss_is_named():
    with pytest.raises(ValueError, match="did you mean 'brush'"):
        holes.named("brsh")


def test_folders_without_masks_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no mask files"):
        holes.named(f"folder:{tmp_path}")
    with pytest.raises(ValueError, match="does not exist"):
        holes.named(f"folder:{tmp_path / 'absent'}")
    with pytest.raises(ValueError, match="polarity"):
        Folder(str(tmp_path), polarity="black")


def test_impossible_bounds_are_refused():
    with pytest.raises(ValueError, match="coverage"):
        holes.named("brush", min_coverage=0.6, max_coverage=0.5)
    with pytest.raises(ValueError, match="two pixels"):
        holes.named("brush")(jax.random.key(0), 1, 1)
    with pytest.raises(ValueError, match="side"):
        Half(side="middle")
