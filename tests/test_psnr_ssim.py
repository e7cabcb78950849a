"""Metrics: what they refuse, what they say of identical images and holes, and the table of their names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax.metrics import planes, psnr, ssim
from dgan_jax.metrics.table import METRICS, named


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    original = rng.random((2, 40, 36, 3), np.float32)
    return original + 0.1 * rng.standard_normal(original.shape, np.float32), original


def hole(images, rows):
    mask = np.zeros((*images.shape[:3], 1), np.float32)
    mask[:, rows] = 1
    return mask


def test_eight_bit_rounds_half_to_even_and_clips():
    levels = np.array([-2.0, -1.0, 0.5 / 127.5 - 1.0, 1.5 / 127.5 - 1.0, 0.0, 1.0, 3.0], np.float32)
    assert (planes.eight_bit(levels) * 255.0).tolist() == pytest.approx([0, 0, 0, 2, 128, 255, 255])


def test_every_metric_of_the_table_gives_one_figure_per_image(pair):
    restored, original = (np.tile(images, (1, 5, 5, 1)) for images in pair)
    missing = hole(original, slice(3, 9))
    for name, metric in METRICS.items():
        value = jax.jit(metric.function)(restored, original, missing)
        assert value.shape == (2,), name
        assert np.isfinite(value).all(), name


def test_identical_images_have_infinite_psnr_a_similarity_of_one_and_no_error(pair):
    _, original = pair
    original = np.tile(original, (1, 5, 5, 1))
    missing = hole(original, slice(3, 9))
    for name, metric in METRICS.items():
        best = np.inf if metric.unit == "dB" else float(metric.higher_is_better)
        np.testing.assert_allclose(jax.jit(metric.function)(original, original, missing), best, rtol=1e-6, err_msg=name)


def test_psnr_inside_the_hole_sees_only_missing_pixels(pair):
    restored, original = pair
    rows = slice(4, 14)
    missing = hole(original, rows)
    inside = psnr.psnr(restored[:, rows], original[:, rows])
    np.testing.assert_allclose(psnr.psnr_hole(restored, original, missing), inside, rtol=1e-6)
    pasted = missing * restored + (1 - missing) * original
    whole = psnr.psnr(pasted, original)
    np.testing.assert_allclose(whole, inside - 10 * np.log10(missing.mean()), rtol=1e-5)


def test_a_hole_of_everything_gives_the_mean_of_the_mirrored_map(pair):
    restored, original = pair
    full = ssim.ssim(restored, original, pad=ssim.mirrored)
    np.testing.assert_allclose(ssim.ssim_hole(restored, original, np.ones((2, 40, 36, 1))), full, rtol=1e-5)


def test_a_hole_of_nothing_gives_nan(pair):
    missing = np.zeros((2, 40, 36, 1), np.float32)
    assert np.isnan(psnr.psnr_hole(*pair, missing)).all()
    assert np.isnan(ssim.ssim_hole(*pair, missing)).all()


def test_multi_scale_similarity_has_a_finite_slope_where_a_term_is_negative():
    checks = jnp.asarray(np.indices((176, 170)).sum(0) % 2, jnp.float32)[None, :, :, None]
    value, slope = jax.jit(jax.value_and_grad(lambda x: ssim.ms_ssim(x, 1.0 - checks).sum()))(checks)
    assert value == 0.0
    assert np.isfinite(slope).all()


def test_grey_images_have_a_y_plane(pair):
    grey = pair[0][..., :1]
    np.testing.assert_allclose(planes.luma(grey), planes.luma(np.repeat(grey, 3, -1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("metric", "change", "says"),
    [
        ("psnr_rgb", lambda x: (255 * x).astype(np.uint8), "float images in \\[0, 1\\], got uint8"),
        ("psnr_rgb", lambda x: x[0], "of one shape"),
        ("ssim_rgb_gauss", lambda x: x[:, :9], "window of 11 does not fit into images of 9x36"),
        ("ssim_rgb_uniform7", lambda x: x[:, :, :6], "window of 7 does not fit into images of 40x6"),
        ("psnr_y_crop4", lambda x: x[:, :8], "border of 4 leaves nothing of images of 8x36"),
        ("psnr_y_crop4", lambda x: x[..., :2], "1 or 3 channels, got 2"),
        ("ms_ssim_rgb", lambda x: x, "sides above 160"),
        ("psnr_hole", lambda x: x, "no"),
        ("ssim_hole", lambda x: x, "take ssim_rgb"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(pair, metric, change, says):
    restored, original = (change(images) for images in pair)
    with pytest.raises(ValueError, match=says):
        METRICS[metric].function(restored, original, None)


def test_two_shapes_are_refused(pair):
    restored, original = pair
    with pytest.raises(ValueError, match="of one shape"):
        psnr.psnr(restored[:, :-1], original)
    with pytest.raises(ValueError, match="a hole for images"):
        psnr.psnr_hole(restored, original, np.ones((2, 40, 36, 3)))


def test_a_misspelt_metric_is_met_with_the_nearest_name():
    assert list(named(["ssim_y_crop4", "psnr_rgb"])) == ["ssim_y_crop4", "psnr_rgb"]
    with pytest.raises(ValueError, match="unknown metric 'pnsr_rgb'; did you mean 'psnr_rgb'"):
        named(["pnsr_rgb"])
