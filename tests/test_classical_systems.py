"""Classical systems on small pictures: they beat what they were given, know their levels, and refuse bad options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from dgan_jax import systems, tasks
from dgan_jax.core.parts import Spec
from dgan_jax.ops import block_matching, blur_estimate, bm3d, denoise, exemplar, filters, haze, library_filters, resize
from dgan_jax.systems import denoising

DENOISERS = ("total_variation", "nonlocal_means", "bm3d", "bilateral", "wiener", "median")
UPSCALERS = ("upscale_nearest", "upscale_bilinear", "upscale_bicubic", "upscale_lanczos")


def picture(height=40, width=44, channels=3):
    """Flat shapes with soft shading, [H, W, C] in [-1, 1], float32: what classical methods are made for."""
    y, x = np.mgrid[:height, :width]
    shapes = 0.6 * ((x - 14) ** 2 + (y - 18) ** 2 < 90) - 0.5 * ((x > 26) & (y > 10)) + 0.004 * x
    tints = np.array([1.0, 0.7, -0.8])[:channels]
    return ndimage.gaussian_filter(shapes[..., None] * tints, (0.5, 0.5, 0)).astype(np.float32)


def run(name, task, y, **options):
    """y: without a batch axis."""
    y = {key: np.asarray(value)[None] for key, value in y.items()}
    system = systems.build(systems.find(name).Config(**options), task, Spec(*y["image"].shape[1:]))
    restore = lambda y: system.restore({}, y, None)
    # One program where it is one of jax's: operation by operation takes eight times as long.
    return np.asarray(restore(y) if system.host else jax.jit(restore)(y))[0]


def rmse(a, b):
    return float(np.sqrt(np.mean(np.square(np.clip(a, -1, 1) - b))))


def noisy(sigma, channels=3):
    clean = picture(channels=channels)
    noise = np.random.default_rng(0).standard_normal(clean.shape)
    return clean, (clean + sigma / 127.5 * noise).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("name", DENOISERS)
def test_a_denoiser_that_is_told_the_level_beats_the_noisy_image(name, channels):
    clean, image = noisy(25, channels)
    ours = run(name, tasks.find("denoise")(), {"image": image, "sigma": np.float32(25 / 127.5)})
    assert ours.shape == image.shape
    assert ours.dtype == np.float32
    assert rmse(ours, clean) < 0.75 * rmse(image, clean)


@pytest.mark.parametrize("name", ["total_variation", "nonlocal_means", "bm3d", "bilateral", "wiener"])
def test_an_untold_level_is_estimated_and_serves_nearly_as_well(name):
    clean, image = noisy(25)
    told, untold = {"image": image, "sigma": np.float32(25 / 127.5)}, {"image": image}
    errors = [rmse(run(name, tasks.find("denoise")(blind=y is untold), y), clean) for y in (told, untold)]
    assert errors[1] == pytest.approx(errors[0], rel=0.1)


def test_estimated_levels_are_those_of_the_images():
    images = np.stack([noisy(sigma)[1] for sigma in (10, 40)])
    np.testing.assert_allclose(denoising.noise({"image": images}), [10 / 255, 40 / 255], rtol=0.15)


@pytest.mark.parametrize("name", DENOISERS)
def test_denoisers_survive_an_image_of_one_colour(name):
    image = np.full((12, 13, 3), 0.25, np.float32)
    np.testing.assert_allclose(run(name, tasks.find("denoise")(blind=True), {"image": image}), 0.25, atol=1e-3)


def test_photon_noise_is_removed_in_the_scale_where_it_is_even():
    clean, sigma, seen = picture(), 25 / 127.5, []
    counts = np.random.default_rng(0).poisson((clean / 2 + 0.5) / (sigma / 2) ** 2)
    y = {"image": (2 * counts * (sigma / 2) ** 2 - 1)[None].astype(np.float32), "sigma": np.array([sigma])}
    task = tasks.find("denoise")(noise="poisson")

    def clean_up(image, level):
        seen.append((image, level))
        return image

    # Untouched, the way there and back adds the constant of the inverse alone: 1/4 photon.
    same = denoising.denoised(clean_up, task, y)
    np.testing.assert_allclose(same - y["image"], 2 * 0.25 * (sigma / 2) ** 2, atol=1e-5)
    even, level = seen[0]
    deviations = [np.std((even - denoise.anscombe(clean / 2 + 0.5, (2 / sigma) ** 2) * level)[mask])
                  for mask in (clean > 0.2, clean < -0.2)]  # fmt: skip
    np.testing.assert_allclose(deviations, level, rtol=0.15)
    assert rmse(run("total_variation", task, {k: v[0] for k, v in y.items()}), clean) < 0.6 * rmse(y["image"], clean)


@pytest.mark.parametrize("name", ["total_variation", "nonlocal_means", "bm3d", "bilateral"])
def test_jpeg_artefacts_become_fewer_whether_the_quality_is_told_or_assumed(name):
    clean = picture(48, 48)
    for task in (tasks.find("jpeg")(quality=(10, 10)), tasks.find("jpeg")(quality=(10, 10), blind=True)):
        y = jax.jit(task.measure)(jax.random.key(0), {"image": jnp.asarray(clean)})
        ours = run(name, task, y, **({"quality": 10.0} if task.blind else {}))
        assert rmse(ours, clean) < 0.95 * rmse(y["image"], clean)
    assert denoising.artefacts({**y, "quality": np.float32([0.1])}, 25) == pytest.approx(5 * 4.5 / 255)
    assert denoising.artefacts({"image": y["image"][None]}, 25) == pytest.approx(2 * 4.5 / 255)


def test_the_spline_wavelet_is_the_published_one_and_has_an_inverse():
    forth = bm3d.spline_wavelet()
    # Sums of 5 and of 1 vanish: a line has no detail but where the period closes, and a constant none at all.
    np.testing.assert_allclose(forth[1:] @ np.ones(8), 0, atol=1e-12)
    np.testing.assert_allclose(forth[0], np.sqrt(1 / 8), rtol=1e-12)
    np.testing.assert_allclose(forth[4], np.array([1, -1, 0, 0, 0, 0, 0, 0]) / np.sqrt(2), atol=1e-12)
    assert np.linalg.cond(forth) < 5


def test_bm3d_finds_the_blocks_that_a_search_by_definition_finds():
    guide = np.random.default_rng(0).random((27, 31), dtype=np.float32)
    refs, most = np.array([0, 9, 23]), 5
    apart, places, found = np.empty((3, most), np.float32), np.empty((3, most, 2), np.int64), np.empty(3, np.int64)
    block_matching.alike(guide, 6, refs, 7, np.float32(9.5), apart, places, found)
    block = lambda y, x: guide[y : y + 8, x : x + 8]
    for ref, near, count in zip(refs, places, found, strict=True):
        reached = [(y, x) for y in range(14) for x in range(max(0, ref - 7), min(23, ref + 7) + 1)]
        far = {place: np.sum((block(*place) - block(6, ref)) ** 2) for place in reached}
        wanted = [place for place in sorted(far, key=far.get) if far[place] <= 9.5][:most]
        assert [tuple(place) for place in near[:count]] == wanted


def test_bm3d_does_not_depend_on_threads_and_takes_any_size(monkeypatch):
    image = noisy(25)[1].astype(np.float64) / 2 + 0.5
    monkeypatch.setattr(bm3d, "BAND", 9)
    answers = []
    for cores in (1, 3):
        monkeypatch.setattr(bm3d, "cores", lambda cores=cores: cores)
        answers.append(bm3d.bm3d(image, 0.1))
    np.testing.assert_array_equal(*answers)
    for shape in ((1, 1, 3), (5, 40, 1), (41, 8, 3)):
        assert np.isfinite(bm3d.bm3d(image[: shape[0], : shape[1], : shape[2]], 0.1)).all()
    np.testing.assert_array_equal(bm3d.bm3d(image, 0.0), image)


def blurred(kernel):
    clean = picture(60, 64)
    return clean, np.asarray(filters.filter2d(clean, jnp.asarray(kernel, jnp.float32)))


SLANTED = np.triu(np.ones((5, 5))) / 15
"""A kernel that no symmetry hides: convolved instead of correlated it moves the picture."""


@pytest.mark.parametrize(("name", "options"), [("wiener", {}), ("wiener", {"balance": 0.0}), ("richardson_lucy", {})])
@pytest.mark.parametrize("kernel", [filters.gaussian(13, 1.5), SLANTED], ids=["gaussian", "slanted"])
def test_a_known_blur_is_undone_up_to_the_border(name, options, kernel):
    clean, image = blurred(kernel)
    ours = run(name, tasks.find("deblur")(known=True), {"image": image, "kernel": kernel}, **options)
    assert rmse(ours, clean) < 0.75 * rmse(image, clean)
    border = np.ones(clean.shape[:2], bool)
    border[4:-4, 4:-4] = False
    # Finding the balance by itself takes the seam for structure.
    assert rmse(ours[border], clean[border]) < (2 if options else 0.8) * rmse(image[border], clean[border])


@pytest.mark.parametrize("name", ["wiener", "richardson_lucy"])
def test_an_unknown_blur_is_estimated_from_edges(name):
    clean, image = blurred(filters.gaussian(13, 1.5))
    assert rmse(run(name, tasks.find("deblur")(), {"image": image}), clean) < 0.8 * rmse(image, clean)


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
def test_the_blur_of_an_edge_is_measured(sigma):
    step = np.where(np.arange(64) < 30, 0.2, 0.9)[None, :, None] * np.ones((50, 1, 3))
    image = ndimage.gaussian_filter(step, (sigma, sigma, 0), mode="nearest")
    assert blur_estimate.edge_blur(image) == pytest.approx(sigma, rel=0.2)


def test_a_step_is_nearly_sharp_and_an_even_image_has_no_blur_and_a_kernel_of_one_pixel():
    step = np.where(np.arange(64) < 30, 0.2, 0.9)[None, :, None] * np.ones((50, 1, 3))
    assert blur_estimate.edge_blur(step) < 0.6
    assert blur_estimate.edge_blur(np.full((20, 20, 3), 0.5)) == 0
    kernel = blur_estimate.kernels({"image": np.full((1, 20, 20, 3), 0.5)})
    assert kernel.sum() == kernel.max() == 1


def test_estimated_kernels_are_gaussian():
    ours = blur_estimate.gaussian_kernel(1.3, 15)
    np.testing.assert_allclose(ours, filters.gaussian(15, 1.3), atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [2, 3])
def test_enlarging_a_ramp_keeps_it_a_ramp(scale, channels):
    ramp = np.linspace(-0.8, 0.8, 12, dtype=np.float32)[None, :, None] * np.ones((9, 1, channels), np.float32)
    wanted = np.interp((np.arange(12 * scale) + 0.5) / scale - 0.5, np.arange(12), ramp[0, :, 0])
    inside = slice(3 * scale, -3 * scale)
    for name in UPSCALERS:
        task = tasks.find("superres")(scale=scale)
        ours = run(name, task, {"image": np.zeros((9 * scale, 12 * scale, channels)), "low": ramp})
        assert ours.shape == (9 * scale, 12 * scale, channels)
        # Lanczos' window does not keep a ramp quite.
        slack = {"upscale_nearest": 0.5 * 1.6 / 11, "upscale_lanczos": 0.004}.get(name, 1e-4)
        np.testing.assert_allclose(ours[4, inside, 0], wanted[inside], atol=slack, err_msg=name)


def test_bicubic_enlarging_is_matlabs():
    low = picture(10, 11)
    task = tasks.find("superres")(scale=4)
    ours = run("upscale_bicubic", task, {"image": np.zeros((40, 44, 3)), "low": low})
    # Interpolating at the third of four phases, in the interior: Keys' kernel by hand, a = -0.5.
    d = np.array([1.125, 0.125, 0.875, 1.875])
    taps = np.where(d <= 1, 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2)
    np.testing.assert_allclose(ours[4 * 5 + 2, 4 * 4 + 2], np.einsum("i,j,ijc", taps, taps, low[4:8, 3:7]), atol=1e-5)
    np.testing.assert_allclose(ours, resize.enlarge(low, 4), atol=1e-6)


def test_the_dark_channel_clears_haze():
    clean = 0.5 * np.tile(picture(), (2, 2, 1))[:64, :64] - 0.3
    clean[::4, ::4] = -1.0  # somewhere something is dark
    depth = np.linspace(5, 0.3, 64, dtype=np.float32)[:, None, None] * np.ones((64, 64, 1), np.float32)
    hazy = np.asarray(haze.scatter(clean, depth, 1.0, 0.8))
    ours = run("dark_channel", tasks.find("dehaze")(), {"image": hazy}, patch=5)
    for rows, left in ((slice(20, 40), 0.7), (slice(40, 64), 0.4)):
        assert rmse(ours[rows], clean[rows]) < left * rmse(hazy[rows], clean[rows])


def stripes(height=48, width=52, period=6):
    _, x = np.mgrid[:height, :width]
    wave = 0.5 + 0.4 * np.sign(np.sin(2 * np.pi * (x + 0.5) / period))
    return np.repeat(wave[..., None], 3, axis=-1)


@pytest.mark.parametrize(("rows", "columns"), [((18, 30), (20, 34)), ((0, 12), (30, 52)), ((40, 44), (0, 52))])
def test_exemplars_continue_a_texture_exactly(rows, columns):
    image, hole = stripes(), np.zeros((48, 52), bool)
    hole[slice(*rows), slice(*columns)] = True
    filled = exemplar.fill(np.where(hole[..., None], 0.0, image), hole)
    np.testing.assert_array_equal(filled, image)


def test_exemplars_are_copied_from_far_away_where_nothing_near_is_whole():
    image, hole = stripes(70, 20).swapaxes(0, 1), np.zeros((20, 70), bool)
    hole[:, :40] = True
    hole[:, 2:5] = False  # no patch fits in
    filled = exemplar.fill(np.where(hole[..., None], 0.0, image), hole, patch=7, reach=10)
    np.testing.assert_array_equal(filled, image)


def test_where_no_whole_patch_is_known_patches_are_smaller():
    hole = np.ones((20, 20), bool)
    hole[::4] = hole[:, ::4] = False
    assert exemplar.largest_patch(hole, 9) == 1
    hole[5:10, 3:8] = False
    assert exemplar.largest_patch(hole, 9) == 5
    whole = exemplar.sources(hole, 5)
    brute = [
        [2 <= r < 18 and 2 <= c < 18 and not hole[r - 2 : r + 3, c - 2 : c + 3].any() for c in range(20)]
        for r in range(20)
    ]
    np.testing.assert_array_equal(whole, brute)


def test_the_best_exemplar_is_that_of_a_search_by_loops():
    rng = np.random.default_rng(0)
    field, target = (rng.random(shape).astype(np.float32) for shape in ((14, 15, 3), (5, 4, 3)))
    known, allowed = rng.random((5, 4)) < 0.6, rng.random((10, 12)) < 0.7
    costs = np.full(allowed.shape, np.inf)
    for r, c in np.argwhere(allowed):
        costs[r, c] = np.square(field[r : r + 5, c : c + 4] - target)[known].sum()
    found = exemplar.best(target, known, field, allowed, np.zeros(2))
    assert tuple(found) == np.unravel_index(np.argmin(costs), costs.shape)


def test_a_margin_is_cut_off_again():
    image = picture(9, 10)
    np.testing.assert_array_equal(library_filters.with_margin(lambda x: x, image, 4), image)
    shapes = []
    library_filters.with_margin(lambda x: shapes.append(x.shape) or x, image, 4)
    assert shapes == [(17, 18, 3)]


def test_a_wrapped_image_has_no_step_where_its_ends_meet():
    image, seen = np.linspace(0, 1, 20)[:, None, None] * np.linspace(1, 2, 30)[None, :, None], []
    ours = library_filters.wrapped(lambda x: seen.append(x) or x, image, 15)
    np.testing.assert_array_equal(ours, image)
    assert seen[0].shape == (35, 45, 1)
    largest = lambda x, axis: np.abs(np.diff(np.concatenate([x, x.take([0], axis)], axis), axis=axis)).max()
    assert max(largest(seen[0], axis) for axis in (0, 1)) < 0.25 < largest(image, 0)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("total_variation", "strength", 0.0),
        ("total_variation", "steps", 0),
        ("total_variation", "quality", 0.0),
        ("nonlocal_means", "patch", 4),
        ("nonlocal_means", "strength", -1.0),
        ("bm3d", "strength", 0.0),
        ("bm3d", "quality", 101.0),
        ("bilateral", "radius", 0.0),
        ("median", "window", 2),
        ("wiener", "window", 4),
        ("wiener", "balance", -1.0),
        ("richardson_lucy", "steps", 0),
        ("richardson_lucy", "margin", -2),
        ("dark_channel", "patch", 4),
        ("dark_channel", "omega", 0.0),
        ("exemplar", "patch", 1),
        ("exemplar", "reach", 3),
    ],
)
def test_bad_options_are_refused_by_name(name, option, value):
    with pytest.raises(ValueError, match=f"system.{option}"):
        systems.find(name).Config(**{option: value})
