"""PSNR and SSIM against scikit-image, BasicSR, pytorch-msssim and LaMa, on any pairs, sizes and borders."""

import json
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import FOLDER, error

from dgan_jax.metrics import planes, psnr, ssim

# The fixture names no weights for its run of three scales; these are the ones that explain its three values to 1e-7.
WEIGHTS = {"5": ssim.MS_WEIGHTS, "3": (0.3, 0.3, 0.4)}
BASICSR_BIAS = 1e-8


def load(name: str) -> dict[str, np.ndarray]:
    path = FOLDER / f"{name}.npz"
    return dict(np.load(path)) if path.exists() else {}


def unit(images: np.ndarray) -> jax.Array:
    """uint8 -> float32 in [0, 1], always with a batch axis."""
    images = jnp.asarray(images, jnp.float32) / 255.0
    return images if images.ndim == 4 else images[None]


TABLES, PAIRS = load("ssim_psnr"), load("sr_metrics")
COLUMNS = json.loads(str(PAIRS["meta"]))["args"]["columns"] if PAIRS else []
NUMBERS = sorted(int(key[4:]) for key in PAIRS if re.fullmatch(r"in\.a\d+", key))
LUMAS = [key[5:] for key in PAIRS if re.fullmatch(r"out\.y\d+", key)]
FIGURES = [key[4:] for key in TABLES if re.fullmatch(r"out\.(psnr|ssim|ms_ssim)(?!.*_every)\w*", key)]
MAPS = [key[4:] for key in TABLES if re.fullmatch(r"out\.ssim_gaussian_map_every\d+", key)]
GRADIENTS = [key[4:] for key in TABLES if re.fullmatch(r"out\.grad_one_minus_ms_ssim_every\d+", key)]


def column(name: str):
    """The function behind a column of `sr_metrics`."""
    if match := re.fullmatch(r"(pt_)?(psnr|ssim)_(rgb|y)_c(\d+)", name):
        tensor, kind, plane, crop = match.groups()
        options = {"bias": BASICSR_BIAS} if tensor and kind == "psnr" else {}
        functions = {"psnr_rgb": psnr.psnr, "psnr_y": psnr.psnr_y, "ssim_rgb": ssim.ssim, "ssim_y": ssim.ssim_y}
        return partial(functions[f"{kind}_{plane}"], crop=int(crop), **options)
    return {
        "sk_psnr_rgb": psnr.psnr,
        "sk_ssim_uniform7": partial(ssim.ssim, window=ssim.UNIFORM7),
        "sk_ssim_gauss_pop": ssim.ssim,
        "sk_ssim_gauss_sample": partial(ssim.ssim, window=ssim.sample(ssim.GAUSSIAN)),
    }[name]


def figure(name: str):
    """The function behind an output of `ssim_psnr`."""
    if match := re.fullmatch(r"ssim_valid_gaussian(\d+)", name):
        return partial(ssim.ssim, window=ssim.gaussian(int(match[1])))
    if match := re.fullmatch(r"ms_ssim(?:_(\d)_scales)?", name):
        return partial(ssim.ms_ssim, weights=WEIGHTS[match[1] or "5"])
    return {
        "psnr_rgb": psnr.psnr,
        "ssim_gaussian": ssim.ssim,
        "ssim_uniform7": partial(ssim.ssim, window=ssim.UNIFORM7),
        "ssim_uniform7_population": partial(ssim.ssim, window=ssim.UNIFORM7._replace(unbias=1.0)),
        "ssim_zero_padded": partial(ssim.ssim, pad=ssim.zeros),
    }[name]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_super_resolution_figures_is_met_on_every_pair(name):
    place = COLUMNS.index(name)
    score = jax.jit(column(name))
    ours = [float(score(unit(PAIRS[f"in.b{k}"]), unit(PAIRS[f"in.a{k}"]))[0]) for k in NUMBERS]
    np.testing.assert_allclose(ours, [PAIRS[f"out.m{k}"][place] for k in NUMBERS], rtol=1e-4)


@pytest.mark.parametrize("number", LUMAS)
def test_the_y_plane_is_that_of_basicsr(number):
    ours = 255.0 * planes.luma(unit(PAIRS[f"in.a{number}"]))[0, ..., 0]
    assert error(ours, PAIRS[f"out.y{number}"]) < 1e-6


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_met_on_every_image(name):
    ours = jax.jit(figure(name))(unit(TABLES["in.b"]), unit(TABLES["in.a"]))
    np.testing.assert_allclose(ours, TABLES[f"out.{name}"], rtol=1e-4)


@pytest.mark.parametrize("name", MAPS)
def test_the_mirrored_map_is_that_of_scikit_image(name):
    every = int(re.search(r"\d+$", name)[0])
    full, _ = ssim.similarity(unit(TABLES["in.b"][0]), unit(TABLES["in.a"][0]), ssim.GAUSSIAN, ssim.mirrored)
    assert error(full[0, ::every, ::every], TABLES[f"out.{name}"]) < 1e-4


@pytest.mark.parametrize("name", GRADIENTS)
def test_the_gradient_of_multi_scale_similarity_is_met(name):
    every = int(re.search(r"\d+$", name)[0])
    original, restored = unit(TABLES["in.a"]), unit(TABLES["in.b"])
    slope = jax.jit(jax.grad(lambda a: 1.0 - jnp.mean(ssim.ms_ssim(restored, a))))(original)
    assert error(np.moveaxis(slope, -1, 1)[..., ::every, ::every], TABLES[f"out.{name}"]) < 1e-4
