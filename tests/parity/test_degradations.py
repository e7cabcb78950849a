"""Degradations against BasicSR, MATLAB's formulas and the stated definitions: images [H, W, C], no batch axis."""

import re
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import error, fixtures, meta_of

from dgan_jax.ops import back_projection, filters, haze, jpeg, resize


def outputs(pattern: str, *names: str) -> list:
    """A parameter (path, key, match) for each output whose name matches the whole pattern."""
    found = []
    for parameter in fixtures(*names):
        path = parameter.values[0]
        for key in np.load(path).files:
            if match := re.fullmatch(pattern, key):
                found.append(pytest.param(path, key, match, id=f"{path.stem}-{key}"))
    return found


def unit(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) / np.float32(255) if image.dtype == np.uint8 else image


def scale_of(text: str) -> Fraction:
    """d4 is one quarter, u3 is three; d1.5 works as well."""
    value = Fraction(text[1:])
    return 1 / value if text[0] in "dn" else value


@pytest.mark.parametrize(
    ("path", "key", "match"), outputs(r"out\.(?:(img\d*)_)?([dun]a?[\d.]+)(_noaa)?", "degr_imresize*")
)
def test_resizing_is_that_of_matlab(path, key, match):
    image, scale, noaa = match.groups()
    name = "matlab_noaa" if noaa or scale.startswith("na") else "matlab"
    source = unit(np.load(path)[f"in.{image or 'img'}"])
    ours = resize.rescale(jnp.asarray(source), scale_of(scale.replace("na", "n")), name)
    assert error(ours, np.load(path)[key]) < 1e-5


@pytest.mark.parametrize(("path", "key", "match"), outputs(r"out\.(img\d*)_d(\d+)_u8", "degr_imresize*"))
def test_resizing_bytes_rounds_after_each_axis(path, key, match):
    image, factor = match.groups()
    theirs = np.load(path)[key].astype(int)
    ours = np.asarray(resize.reduce_bytes(np.load(path)[f"in.{image}"], int(factor))).astype(int)
    assert np.abs(ours - theirs).max() <= 1
    assert np.mean(ours == theirs) >= 0.999


def kernel_of(cls: str, args: list, options: dict) -> jax.Array:
    """The kernel of a BasicSR function and its arguments, in our words."""
    if cls == "circular_lowpass_kernel":
        return filters.circular_lowpass(args[0], args[1], pad_to=options.get("pad_to", 0))
    size, sigma_x, sigma_y, angle, *beta = args
    ellipse = (sigma_x,) if options.get("isotropic", True) else (sigma_x, sigma_y, angle)
    kind = {
        "bivariate_Gaussian": filters.gaussian,
        "bivariate_generalized_Gaussian": filters.generalised,
        "bivariate_plateau": filters.plateau,
    }[cls]
    return kind(size, *beta, *ellipse)


@pytest.mark.parametrize(("path", "key", "match"), outputs(r"out\.(\w+)", "degr_blur_kernels*"))
def test_a_blur_kernel_is_that_of_basicsr(path, key, match):
    assert error(kernel_of(*meta_of(path)["args"][match[1]]), np.load(path)[key]) < 1e-5


@pytest.mark.parametrize(("path", "key", "match"), outputs(r"out\.k(\d+)", "degr_motion_kernels*"))
def test_a_motion_kernel_follows_its_formula(path, key, match):
    assert error(filters.motion(*meta_of(path)["args"][int(match[1])]), np.load(path)[key]) < 1e-5


@pytest.mark.parametrize("path", fixtures("degr_filter2d*"))
def test_filtering_mirrors_the_border_and_does_not_flip_the_kernel(path):
    arrays = np.load(path)
    ours = filters.filter2d(jnp.asarray(unit(arrays["in.img"])), jnp.asarray(arrays["in.kernel"]))
    assert error(ours, arrays["out.filtered"]) < 1e-5


@pytest.mark.parametrize("path", fixtures("degr_haze*"))
def test_haze_is_atmospheric_scattering(path):
    arrays, args = np.load(path), meta_of(path)["args"]
    depth = jnp.asarray(arrays["in.depth"])[..., None]
    hazy = haze.scatter(unit(arrays["in.img"]), depth, args["beta"], jnp.asarray(args["A"]))
    assert error(haze.transmission(depth, args["beta"])[..., 0], arrays["out.transmission"]) < 1e-5
    assert error(hazy, arrays["out.hazy"]) < 1e-5


@pytest.mark.parametrize(("path", "key", "match"), outputs(r"out\.(hard|soft|cv2)_q([\d.]+)", "degr_jpeg*"))
def test_jpeg_is_that_of_diffjpeg_and_close_to_the_library(path, key, match):
    kind, quality = match[1], float(match[2])
    image, theirs = np.load(path)["in.img"].astype(np.float32), np.load(path)[key]
    if kind == "cv2":
        # For information, says the fixture: our own codec has the library's tables and differs by its fast transform.
        assert np.abs(np.asarray(jpeg.jpeg(image, quality)) - theirs.astype(float)).mean() < 1.0
        return
    rounding = jpeg.soft_round if kind == "soft" else jnp.round
    ours = np.asarray(jpeg.jpeg(image, quality, codec=jpeg.DIFFJPEG, rounding=rounding)) / 255
    if kind == "soft":
        assert error(ours, theirs) < 2e-3
    else:
        assert np.abs(ours - theirs).mean() < 0.5 / 255
    # Where no tie fell the other way, which moves a whole block, nothing differs.
    assert np.mean(np.abs(ours - theirs) < 1e-4) > 0.9


@pytest.mark.parametrize(
    ("path", "key", "match"), outputs(r"out\.(reverse_filter|back_projection)_(\d+)", "sr_back_projection*")
)
def test_back_projection_is_that_of_the_matlab_scripts(path, key, match):
    arrays = np.load(path)
    function = getattr(back_projection, match[1])
    ours = function(jnp.asarray(arrays["in.sr"]), jnp.asarray(arrays["in.lr"]), steps=int(match[2]))
    assert error(ours, arrays[key]) < 1e-5
