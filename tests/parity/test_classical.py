"""Classical restoration against what the libraries themselves gave."""

import re

import jax
import numpy as np
import pytest
from published import error, fixtures, meta_of

from dgan_jax import systems, tasks
from dgan_jax.core.parts import Spec

LIBRARY = ("biharmonic", "telea", "navier_stokes", "nearest", "bilinear", "exemplar")
OURS = ("harmonic", "spline", "coherent")
TASK = tasks.find("inpaint")(hole="centre", fill="none")


def run(system, y):
    """The answer, from one program where it is one of jax's: eight times quicker than operation by operation."""
    restore = lambda y: system.restore({}, y, None)
    return restore(y) if system.host else jax.jit(restore)(y)


def restored(name, image, hole, **options):
    """image: [B, H, W, C] in [0, 1], hole: [B, H, W] -> the same range."""
    config = systems.find(name).Config(**options)
    system = systems.build(config, TASK, Spec(*image.shape[1:]))
    hole = hole[..., None].astype(np.float32)
    unit = (2 * image - 1).astype(np.float32) * (1 - hole)
    return np.asarray(run(system, {"image": unit, "hole": hole})) / 2 + 0.5


@pytest.mark.parametrize("path", fixtures("classical*"))
def test_biharmonic_solves_the_published_system(path):
    arrays = np.load(path)
    ours = restored("biharmonic", arrays["in.image"][None], arrays["in.mask"][None])[0]
    assert error(ours, arrays["out.biharmonic"]) < 1e-4


@pytest.mark.parametrize("name", ["telea", "navier_stokes"])
@pytest.mark.parametrize("path", fixtures("classical*"))
def test_opencv_fills_agree_within_two_grey_levels(path, name):
    arrays = np.load(path)
    for key in (key for key in arrays.files if key.startswith(f"out.{name}_r")):
        radius = float(key.rpartition("_r")[2])
        ours = restored(name, arrays["in.image"][None], arrays["in.mask"][None], radius=radius)[0]
        missing = arrays["in.mask"] > 0
        # The fixture went through uint8 as a whole; ours only in the hole.
        assert np.abs(np.round(ours * 255) - arrays[key].astype(float))[missing].max() <= 2


PLANES = {"gray": slice(1, 2), "red": slice(0, 1)}


def outputs(kind):
    """(path, output) of the fixtures whose outputs are named so."""
    paths = [parameter.values[0] for parameter in fixtures("classical*")]
    keys = [(path, key) for path in paths for key in np.load(path).files if re.match(f"out.{kind}", key)]
    return [pytest.param(*found, id=f"{found[0].stem}-{found[1][4:]}") for found in keys]


def cleaned(name, task, image, given=None, **options):
    """image: [H, W, C] in [0, 1] -> the same, by a system that is told `given`."""
    system = systems.build(systems.find(name).Config(**options), task, Spec(*image.shape))
    y = {"image": (2 * image - 1).astype(np.float32), **(given or {})}
    return run(system, {key: np.asarray(value)[None] for key, value in y.items()})[0] / 2 + 0.5


def level(key):
    """07 and 1 of a name stand for 0.7 and 1."""
    return float(f"0.{key[1:]}" if key.startswith("0") else key)


@pytest.mark.parametrize(("path", "key"), outputs("tv_chambolle"))
def test_total_variation_is_that_of_chambolle(path, key):
    arrays, steps = np.load(path), re.search(r"_(\d+)it", key)
    plane = PLANES.get("gray") if "gray" in key else slice(None)
    options = {"steps": int(steps[1]), "tolerance": 0.0} if steps else {}
    weight = level(re.search(r"_w(\d+)", key)[1])
    task = tasks.find("denoise")(blind=True)
    ours = cleaned("total_variation", task, arrays["in.noisy"][..., plane], weight=weight, **options)
    assert error(ours.reshape(arrays[key].shape), arrays[key]) < 1e-4


@pytest.mark.parametrize(("path", "key"), outputs("wiener_adaptive"))
def test_wieners_adaptive_filter_is_that_of_scipy(path, key):
    arrays, told = np.load(path), "noise" in key
    noisy = arrays["in.noisy"][..., PLANES["red"] if told else slice(None)]
    window = int(re.search(r"adaptive(\d+)", key)[1])
    # Of [0, 1], and a task's sigma is of [-1, 1].
    power = float(re.search(r"noise power (\d*\.\d+)", meta_of(path)["notes"])[1])
    given = {"sigma": np.float32(2 * power**0.5)} if told else {}
    ours = cleaned("wiener", tasks.find("denoise")(), noisy, given, window=window, mean_variance=not told)
    assert error(ours.reshape(arrays[key].shape), arrays[key]) < 1e-4


@pytest.mark.parametrize(("path", "key"), outputs("(wiener_deconv|richardson_lucy)"))
def test_deconvolution_without_a_margin_is_that_of_scikit_image(path, key):
    arrays, number = np.load(path), re.search(r"_b?(\d+)$", key)[1]
    red = arrays[key].ndim == 2
    name, options = ("richardson_lucy", {"steps": int(number)}) if red else ("wiener", {"balance": level(number)})
    given = {"kernel": arrays["in.kernel"][::-1, ::-1]}  # libraries convolve, tasks correlate
    blurred = arrays["in.blurred"][..., PLANES["red"] if red else slice(None)]
    ours = cleaned(name, tasks.find("deblur")(known=True), blurred, given, margin=0, **options)
    assert error(ours.reshape(arrays[key].shape), arrays[key]) < 1e-4


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("name", [*LIBRARY, *OURS])
def test_known_pixels_are_kept_and_the_hole_is_smooth(name, channels):
    ramp = np.linspace(0.1, 0.9, 29)[None, :, None] * np.ones((24, 29, channels))
    hole = np.zeros((2, 24, 29))
    hole[0, 6:13, 8:15], hole[1, 3::5] = 1, 1
    image = np.stack([ramp, ramp]).astype(np.float32)
    ours = restored(name, image, hole)
    assert ours.shape == image.shape
    known = hole == 0
    np.testing.assert_allclose(ours[known], image[known], atol=1e-6)
    assert np.abs(ours - image).max() < (0.15 if name in ("nearest", "telea", "navier_stokes", "exemplar") else 0.03)


@pytest.mark.parametrize("name", [*LIBRARY, *OURS])
def test_holes_of_nothing_of_everything_and_of_all_but_a_row_are_no_error(name):
    image = np.random.default_rng(0).random((3, 12, 14, 3)).astype(np.float32)
    hole = np.stack([np.zeros((12, 14)), np.ones((12, 14)), np.ones((12, 14))])
    hole[2, 4] = 0
    ours = restored(name, image, hole)
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours[0], image[0], atol=1e-6)
    np.testing.assert_array_equal(ours[1], 0.5)


@pytest.mark.parametrize(("name", "option"), [("telea", "radius"), ("navier_stokes", "radius"), ("harmonic", "steps")])
def test_bad_options_are_refused(name, option):
    with pytest.raises(ValueError, match=f"system.{option}"):
        systems.find(name).Config(**{option: 0})
