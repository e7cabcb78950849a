"""Noise of a field without end: windows of it agree wherever they overlap."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax.core import noise
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.samplers.denoising_gan import sample_from_keys

KEY = jax.random.key(5)
window = jax.jit(noise.normal, static_argnums=1)


def test_windows_show_one_field():
    whole = window(KEY, (150, 200, 2), jnp.array([0, 0]))
    for top, left, height, width in ((0, 0, 40, 40), (63, 1, 70, 65), (64, 128, 64, 64), (17, 90, 100, 100)):
        part = window(KEY, (height, width, 2), jnp.array([top, left]))
        np.testing.assert_array_equal(part, whole[top : top + height, left : left + width])
    assert not np.array_equal(whole, window(jax.random.key(6), (150, 200, 2), jnp.array([0, 0])))


def test_the_field_is_white_and_normal():
    field = np.asarray(window(KEY, (256, 256, 2), jnp.array([96, 5000])), np.float64)
    assert abs(field.mean()) < 0.01
    assert abs(field.std() - 1) < 0.01
    assert abs(np.mean(field**4) - 3) < 0.1
    unit = field - field.mean()
    for shift in ((0, 1), (1, 0), (0, noise.BLOCK), (noise.BLOCK, 0), (noise.BLOCK, noise.BLOCK)):
        assert abs(np.mean(unit * np.roll(unit, shift, (0, 1)))) < 0.015, shift
    assert abs(np.mean(unit[..., 0] * unit[..., 1])) < 0.015


def test_without_a_place_an_image_draws_as_it_always_did():
    np.testing.assert_array_equal(noise.normal(KEY, (6, 5, 3)), jax.random.normal(KEY, (6, 5, 3)))


def test_places_are_told_in_pixels_of_the_code():
    y = {"image": jnp.zeros((2, 64, 96, 3))}
    assert noise.places(y, 16) is None
    np.testing.assert_array_equal(
        noise.places({**y, "place": jnp.array([[448, 0], [0, 896]])}, 16), [[112, 0], [0, 224]]
    )


@pytest.mark.parametrize("steps", [1, 2])
def test_a_chain_draws_the_same_where_two_windows_overlap(steps):
    """A predictor that looks at single pixels only: then all that could differ is noise and latents."""
    process = gaussian(vp_betas(steps))
    predict = lambda x, t, z: jnp.tanh(x + z.mean())
    places = jnp.array([[0, 0], [24, 40]])
    same = jnp.stack([KEY, KEY])
    a, b = sample_from_keys(predict, process, same, (48, 64, 3), 4, spread=1.5, places=places)
    np.testing.assert_array_equal(a[24:, 40:], b[:24, :24])
    assert a.std() > 0.3
