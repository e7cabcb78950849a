"""Metrics that need no weights: errors, seams, diversity and the sliced Wasserstein distance, against plain NumPy."""

from functools import partial
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from dgan_jax.metrics import diversity, l1, planes, seam, sets, ssim
from dgan_jax.metrics import sliced_wasserstein as swd

WEIGHTS = (0.3, 0.3, 0.4)
"""Three scales instead of five: images may be small."""


def scenes(count, height, width, channels=3, seed=0):
    """Smooth random pictures in [0, 1], float32."""
    noise = np.random.default_rng(seed).random((count, height, width, channels))
    return (3 * ndimage.gaussian_filter(noise, (0, 1, 1, 0)) - 1).clip(0, 1).astype(np.float32)


def mask(images, rows, columns=slice(None)):
    hole = np.zeros((*images.shape[:3], 1), np.float32)
    hole[:, rows, columns] = 1
    return hole


@pytest.fixture(scope="module")
def pair():
    original = scenes(2, 20, 24)
    noise = np.random.default_rng(1).standard_normal(original.shape)
    return (original + 0.1 * noise).astype(np.float32), original


def test_absolute_error_is_in_percent_and_the_whole_is_the_hole_times_its_share(pair):
    restored, original = pair
    hole = mask(original, slice(3, 9), slice(5, 20))
    inside = l1.l1_hole(restored, original, hole)
    np.testing.assert_allclose(inside, 100 * np.abs(restored - original)[:, 3:9, 5:20].mean((1, 2, 3)), rtol=1e-5)
    pasted = np.where(hole > 0, restored, original)
    np.testing.assert_allclose(l1.l1(pasted, original), inside * hole.mean((1, 2, 3)), rtol=1e-5)


def seam_by_loops(restored, original, hole):
    excess = []
    height, width = hole.shape
    for row in range(height):
        for column in range(width):
            for other in ((row + 1, column), (row, column + 1)):
                if other[0] < height and other[1] < width and hole[row, column] != hole[other]:
                    steps = [np.abs(image[row, column] - image[other]) for image in (restored, original)]
                    excess.append(np.maximum(0, steps[0] - steps[1]))
    return 100 * np.mean(excess)


def test_the_seam_score_is_the_mean_excess_over_pairs_of_neighbours(pair):
    restored, original = pair
    hole = (np.random.default_rng(2).random((2, 20, 24, 1)) < 0.3).astype(np.float32)
    expected = [seam_by_loops(r, o, h[..., 0]) for r, o, h in zip(restored, original, hole, strict=True)]
    np.testing.assert_allclose(jax.jit(seam.seam)(restored, original, hole), expected, rtol=1e-5)


def test_a_fill_that_is_too_bright_beside_an_even_surrounding_scores_its_excess():
    original = np.full((1, 12, 12, 3), 0.4, np.float32)
    hole = mask(original, slice(4, 8), slice(3, 9))
    np.testing.assert_allclose(seam.seam(original + 0.07 * hole, original, hole), 7.0, rtol=1e-4)
    # Smoother than the original at the border is no seam.
    assert seam.seam(original, original + 0.07 * hole, hole) == 0


def test_what_lies_inside_the_hole_is_no_seam(pair):
    _, original = pair
    hole = mask(original, slice(4, 12), slice(4, 12))
    changed = original.copy()
    changed[:, 5:11, 5:11] = 1.0
    np.testing.assert_array_equal(seam.seam(changed, original, hole), 0.0)
    assert np.isnan(seam.seam(changed, original, np.zeros_like(hole))).all()


@pytest.mark.parametrize("metric", [l1.l1_hole, seam.seam, ssim.ms_ssim_hole])
def test_a_metric_of_holes_refuses_a_task_without_any(metric, pair):
    with pytest.raises(ValueError, match="hole"):
        metric(*pair, None)


def ms_ssim_by_scipy(a, b, share):
    """One channel, float64; `share` [H, W] weighs the maps."""
    product = 1.0
    smooth = partial(ndimage.gaussian_filter, sigma=1.5, truncate=10 / 3, mode="reflect")
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            a, b, share = (x.reshape(len(x) // 2, 2, -1, 2).mean((1, 3)) for x in (a, b, share))
        mean_a, mean_b = smooth(a), smooth(b)
        var_a, var_b, cov = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2, smooth(a * b) - mean_a * mean_b
        term = (2 * cov + ssim.C2) / (var_a + var_b + ssim.C2)
        if scale == len(WEIGHTS) - 1:
            term = term * (2 * mean_a * mean_b + ssim.C1) / (mean_a**2 + mean_b**2 + ssim.C1)
        product *= ((term * share).sum() / share.sum()) ** weight
    return product


def test_multi_scale_similarity_in_a_hole_is_that_of_scipys_filters():
    original = scenes(1, 44, 56, 1)
    restored = (original + 0.1 * np.random.default_rng(1).standard_normal(original.shape)).astype(np.float32)
    hole = mask(original, slice(5, 18), slice(9, 37))
    expected = ms_ssim_by_scipy(*(x[0, ..., 0].astype(np.float64) for x in (restored, original, hole)))
    score = jax.jit(partial(ssim.ms_ssim_hole, weights=WEIGHTS))
    np.testing.assert_allclose(score(restored, original, hole), expected, rtol=1e-4)
    assert np.isnan(score(restored, original, 0 * hole)).all()


def test_multi_scale_similarity_of_luma_is_that_of_the_y_plane():
    original = scenes(1, 52, 50)
    restored = (original + 0.1 * np.random.default_rng(1).standard_normal(original.shape)).astype(np.float32)
    y = lambda images: planes.shave(planes.luma(images), 4)
    expected = jax.jit(lambda a, b: ssim.ms_ssim(y(a), y(b), weights=WEIGHTS))(restored, original)
    score = jax.jit(partial(ssim.ms_ssim_y, crop=4, weights=WEIGHTS))
    np.testing.assert_allclose(score(restored, original), expected, rtol=1e-5)


def test_diversity_is_the_mean_over_pairs_of_samples():
    samples = np.stack([scenes(2, 8, 9, seed=n) for n in range(4)])
    hole = mask(samples[0], slice(2, 6))
    inside = samples[:, :, 2:6]
    expected = np.mean([100 * np.abs(a - b).mean((1, 2, 3)) for a, b in combinations(inside, 2)], axis=0)
    np.testing.assert_allclose(jax.jit(diversity.diversity)(samples, hole), expected, rtol=1e-5)
    np.testing.assert_allclose(diversity.diversity(inside, None), expected, rtol=1e-5)
    np.testing.assert_allclose(diversity.deviation(samples, hole), 255 * inside.std(0).mean((1, 2, 3)), rtol=1e-5)
    same = np.repeat(samples[:1], 3, 0)
    assert not np.any(diversity.diversity(same, hole))
    with pytest.raises(ValueError, match="at least 2 samples"):
        diversity.diversity(samples[:1], hole)


def test_diversity_takes_any_distance_of_the_table():
    samples = np.stack([scenes(2, 14, 15, seed=n) for n in range(3)])
    alike = lambda a, b, hole: ssim.ssim_hole(a, b, hole)
    hole = mask(samples[0], slice(2, 12))
    expected = np.mean([ssim.ssim_hole(a, b, hole) for a, b in combinations(samples, 2)], axis=0)
    np.testing.assert_allclose(diversity.diversity(samples, hole, distance=alike), expected, rtol=1e-5)


def pyramid_by_scipy(image):
    """[H, W] float64, sides halved down to 16."""
    taps = np.outer(*[[1, 4, 6, 4, 1]] * 2) / 256
    levels = [image]
    while (min(levels[-1].shape) + 1) // 2 >= 16:
        fine = levels[-1]
        coarse = ndimage.convolve(fine, taps, mode="mirror")[::2, ::2]
        spread = np.zeros_like(fine)
        spread[::2, ::2] = coarse
        levels[-1] = fine - ndimage.convolve(spread, 4 * taps, mode="mirror")
        levels.append(coarse)
    return levels


@pytest.mark.parametrize("size", [(64, 64), (63, 70), (16, 40), (31, 31)])
def test_the_pyramid_is_that_of_scipys_filters_for_even_and_odd_sides(size):
    image = scenes(1, *size, 1)
    ours, expected = jax.jit(swd.pyramid)(image), pyramid_by_scipy(image[0, ..., 0].astype(np.float64))
    assert [level.shape[1:3] for level in ours] == [level.shape for level in expected]
    for level, wanted in zip(ours, expected, strict=True):
        np.testing.assert_allclose(level[0, ..., 0], wanted, atol=1e-6)


@pytest.mark.parametrize("counts", [(3, 3), (2, 4)])
def test_the_distance_is_the_mean_over_directions_of_scipys(counts):
    fake, real = (
        {"0": np.random.default_rng(n).random((n, swd.COUNT, swd.SIDE, swd.SIDE, 2)).astype(np.float32) ** (1 + i)}
        for i, n in enumerate(counts)
    )
    points = []
    for patches in (fake["0"], real["0"]):
        flat = patches.reshape(-1, swd.SIDE**2, 2).astype(np.float64)
        points.append(((flat - flat.mean((0, 1))) / flat.std((0, 1))).reshape(len(flat), -1))
    dirs = np.random.default_rng(0).standard_normal((points[0].shape[1], swd.DIRECTIONS))
    shadows = [x @ (dirs / np.linalg.norm(dirs, axis=0)) for x in points]
    expected = 1000 * np.mean([stats.wasserstein_distance(a, b) for a, b in zip(*(s.T for s in shadows), strict=True)])
    np.testing.assert_allclose(swd.distance(fake, real), expected, rtol=1e-4)


@pytest.mark.parametrize("name", sets.SETS)
def test_a_set_is_no_distance_from_itself_and_ever_farther_from_its_blurred_copies(name):
    metric, images = sets.SETS[name], scenes(6, 40, 36)
    hole, describe = mask(images, slice(8, 30), slice(6, 28)), jax.jit(metric.features)
    original = sets.join([describe(images[:4], hole[:4]), describe(images[4:], hole[4:])])
    figures = [metric.figure(original, original)]
    for sigma in (0.4, 0.8, 1.6):
        blurred = ndimage.gaussian_filter(images, (0, sigma, sigma, 0))
        figures.append(metric.figure(sets.join([describe(blurred, hole)]), original))
    assert figures[0] == 0.0
    assert (np.diff(figures) > 1).all(), figures


def test_the_size_of_batches_does_not_change_the_features():
    images = scenes(4, 20, 33, 1)
    whole = swd.anywhere(images)["0"]
    np.testing.assert_array_equal(whole, np.concatenate([swd.anywhere(images[i : i + 1])["0"] for i in range(4)]))


def test_patches_in_a_hole_surround_missing_pixels_all_of_them_alike():
    place = np.stack(np.meshgrid(np.arange(24), np.arange(30), indexing="ij"), -1).astype(np.float32)
    missing = np.zeros((24, 30), bool)
    missing[5:9, 10:14] = missing[20, 29] = True
    shares = jnp.linspace(0.0, 0.9999, swd.COUNT)
    patches = np.asarray(swd.around(place, missing, shares))
    centres = patches[:, 3, 3].astype(int)
    found, times = np.unique(centres, axis=0, return_counts=True)
    expected = [*np.argwhere(missing)[:-1].tolist(), [20, 26]]  # the last is moved in from the border
    assert found.tolist() == sorted(expected)
    assert times.min() >= swd.COUNT // 17


def test_an_image_without_a_hole_is_left_out():
    images = scenes(3, 20, 20)
    hole = mask(images, slice(4, 9))
    hole[1] = 0
    metric = sets.SETS["swd_hole"]
    some, original = metric.features(1 - images, hole), metric.features(images, hole)
    assert np.isnan(original["0"][1]).all()
    pick = lambda features: {name: np.asarray(value)[[0, 2]] for name, value in features.items()}
    assert metric.figure(some, original) == metric.figure(pick(some), pick(original)) > 0
    nothing = {name: np.asarray(value)[[1]] for name, value in original.items()}
    assert np.isnan(metric.figure(nothing, nothing))


def test_features_of_images_of_different_sizes_are_joined_with_a_row_each():
    metric = sets.SETS["swd_rgb"]
    parts = [metric.features(scenes(2, 40, 44), None), metric.features(scenes(1, 20, 18), None)]
    joined = sets.join(parts)
    assert [value.shape[0] for value in joined.values()] == [3, 3]
    np.testing.assert_array_equal(joined["0"][2], parts[1]["0"][0])
    assert np.isnan(joined["1"][2]).all()
    assert metric.figure(joined, joined) == 0.0


def test_plain_arrays_are_joined_too():
    assert sets.join([np.zeros((2, 5)), jnp.ones((1, 5))]).tolist() == [[0.0] * 5] * 2 + [[1.0] * 5]


def test_images_below_sixteen_pixels_and_missing_holes_are_refused():
    with pytest.raises(ValueError, match="at least 16"):
        swd.anywhere(scenes(1, 15, 40))
    with pytest.raises(ValueError, match="take swd_rgb"):
        sets.SETS["swd_hole"].features(scenes(1, 20, 20), None)
