"""LSGM's training: norms by followed singular vectors, groups in balance, each player by its own weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax.core.parts import Context
from dgan_jax.nets.nvae import Code, normalised
from dgan_jax.objectives import hierarchical, lsgm
from dgan_jax.process.latent_sde import VariancePreserving, times_of
from dgan_jax.systems.diffusion import lsgm as system


def test_the_spectral_sum_is_that_of_the_largest_singular_values():
    draw = np.random.default_rng(0)
    conv = lambda *shape: {"kernel": draw.normal(size=shape), "log_norm": draw.normal(size=shape[-1:])}
    params = jax.tree.map(jnp.float32, {"a": conv(3, 3, 2, 4), "b": {"c": conv(1, 1, 5, 3), "d": conv(3, 3, 2, 4)}})
    vectors = hierarchical.first_vectors(jax.eval_shape(lambda: params))
    for _ in range(30):
        value, vectors = hierarchical.spectral_sum(params, vectors)
    kernels = [normalised(each["kernel"], each["log_norm"]) for each in (params["a"], *params["b"].values())]
    wanted = sum(np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])))[1][0] for kernel in kernels)
    assert value == pytest.approx(wanted, rel=1e-4)


def test_groups_that_say_more_weigh_more_while_the_weight_rises():
    kl = jnp.asarray([[1.0, 3.0], [1.0, 3.0]])
    np.testing.assert_allclose(hierarchical.balanced(kl, jnp.asarray(True)), np.array([1.01, 3.01]) / 2.01, rtol=1e-6)
    np.testing.assert_array_equal(hierarchical.balanced(kl, jnp.asarray(False)), 1)


def test_each_player_learns_by_its_own_weights():
    """A code that is a parameter, a prior that says a constant times x: both gradients are known."""
    sde, least, weighting = VariancePreserving(), 0.01, "drop_all_iw"
    say = lambda a, x, t, keys: a * x
    coded = lambda own, state, image, rho: (
        jnp.zeros((2, 2, 2, 100)), Code(own["eps"], own["eps"], jnp.zeros_like(own["eps"])), state
    )  # fmt: skip
    parts = lsgm.Autoencoding(coded, (1, 1, 2), 2, dict, lsgm.Rise(1.0, 1.0, 0.0), 0.0)
    draws = lsgm.Draws(jnp.zeros((2, 1, 1, 2)), jnp.ones((2, 1, 1, 2)), jnp.asarray([0.3, 0.8]), jnp.zeros(2))
    params = {"autoencoder": {"eps": jnp.full((2, 1, 1, 2), 0.5)}, "denoiser": jnp.asarray(0.4)}
    context = Context({"autoencoder": {}}, {"singular": {}}, jnp.zeros((), jnp.int32))
    phase = lsgm.joint(parts, sde, say, weighting=weighting, least=least).phases[0]
    assert phase.players == ("autoencoder", "denoiser")
    loss = lambda params: phase.loss(params, context, {"image": jnp.zeros((2, 2, 2, 3))}, draws)[0]
    slopes = jax.grad(loss)(params)
    times = times_of(weighting, sde, least, draws.u)
    signal, noise = sde.marginal(times.t)
    x = 0.5 * signal + noise
    # Means over two images of sums over two values.
    np.testing.assert_allclose(slopes["denoiser"], jnp.sum(times.prior * 2 * (0.4 * x - 1) * x), rtol=1e-5)
    wanted = times.likelihood * (0.4 * x - 1) * 0.4 * signal
    np.testing.assert_allclose(slopes["autoencoder"]["eps"][..., 0].ravel(), wanted, rtol=1e-5)


def test_weightings_that_do_not_go_with_an_sde_are_refused():
    with pytest.raises(ValueError, match="drop_all_uniform"):
        system.Config(sde="geometric")
