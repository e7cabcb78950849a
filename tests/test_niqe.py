"""NIQE in its published definition, with the statistics of our photographs: what it finds of noise, blur and blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from dgan_jax.metrics import niqe
from dgan_jax.ops import filters


@pytest.mark.parametrize(("kind", "shape"), [("normal", 2.0), ("laplace", 1.0), ("uniform", None)])
def test_the_fitted_distribution_has_the_shape_of_the_samples(kind, shape):
    draw = getattr(np.random.default_rng(0), kind)
    samples = draw(-1, 1, (2, 40_000)) if kind == "uniform" else draw(0, [[1.0], [3.0]], (2, 40_000))
    found, left, right, mean = (np.asarray(x) for x in niqe.fitted(jnp.asarray(samples, jnp.float32)))
    if shape is None:
        assert np.all(found > 5), "flatter than any Gaussian"
        return
    np.testing.assert_allclose(found, shape, rtol=0.05)
    # A Gaussian's scale is its deviation times sqrt(2); a Laplacian's is its own.
    scale = np.array([1.0, 3.0]) * (np.sqrt(2) if kind == "normal" else 1)
    np.testing.assert_allclose(left, scale, rtol=0.05)
    np.testing.assert_allclose(right, scale, rtol=0.05)
    assert np.all(np.abs(mean) < 0.1 * scale)


def test_an_uneven_distribution_leans_to_its_longer_side():
    draw = np.random.default_rng(0).normal(size=(1, 40_000))
    uneven = np.where(draw < 0, draw, 2 * draw)
    _, left, right, mean = niqe.fitted(jnp.asarray(uneven, jnp.float32))
    assert right[0] / left[0] == pytest.approx(2, rel=0.05)
    assert mean[0] > 0


def test_elimination_solves_what_lapack_does():
    draw = np.random.default_rng(0).normal(size=(2, 36, 50))
    matrix, vector = draw @ draw.transpose(0, 2, 1), draw[..., 0]
    ours = niqe.solved(jnp.asarray(matrix, jnp.float32), jnp.asarray(vector, jnp.float32))
    np.testing.assert_allclose(ours, np.linalg.solve(matrix, vector[..., None])[..., 0], rtol=1e-3, atol=1e-5)


def test_photographs_are_better_than_what_became_of_them():
    """Two photographs that the statistics were not fitted on."""
    for photograph in (data.astronaut()[:288, :288], data.coffee()[:288, :288]):
        good = jnp.asarray(photograph, jnp.float32)[None] / 255
        blurred = filters.filter2d(good, filters.gaussian(13, 2.0))
        noisy = jnp.clip(good + 0.1 * jax.random.normal(jax.random.key(0), good.shape), 0, 1)
        blocky = jnp.repeat(jnp.repeat(good[:, ::4, ::4], 4, axis=1), 4, axis=2)
        figures = jax.jit(niqe.niqe)(jnp.concatenate([good, blurred, noisy, blocky]))
        assert np.all(np.isfinite(figures))
        assert np.argmin(figures) == 0, figures


def test_statistics_are_fitted_on_sharp_blocks_and_small_images_are_refused():
    photographs = [data.astronaut()[:192, :192], data.coffee()[:192, :288]]
    good = niqe.fit(photographs, block=32)
    assert (good.mean.shape, good.covariance.shape) == ((36,), (36, 36))
    assert niqe.pristine().mean.shape == (36,)
    assert np.linalg.eigvalsh(niqe.pristine().covariance)[0] > 0
    # Of what they were fitted on, statistics find less than of noise.
    own, noise = (
        niqe.niqe(jnp.asarray(image[None], jnp.float32), block=32, good=good)[0]
        for image in (photographs[1] / 255, np.random.default_rng(0).uniform(size=(192, 288, 3)))
    )
    assert own < noise
    with pytest.raises(ValueError, match="blocks of 96x96"):
        niqe.niqe(jnp.zeros((1, 64, 64, 3)))
