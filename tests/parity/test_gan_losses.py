"""Losses of GANs of logits alone, and the penalties of Wasserstein GANs, against the references."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures

from dgan_jax.objectives import adversarial


@pytest.mark.parametrize("path", fixtures("gan_losses"))
def test_every_loss_is_the_published_one(path):
    data, phi = np.load(path), args_of(path)["phi"]
    real, fake = jnp.asarray(data["in.real_logits"]), jnp.asarray(data["in.fake_logits"])
    # Pairs in the order of flattened (C, H, W), which the toy critic's matrix takes.
    xr, xf = jnp.asarray(data["in.xr"]), jnp.asarray(data["in.xf"])
    judge = lambda x: jnp.tanh(x.reshape(len(x), -1) @ data["in.B"]) @ data["in.c"]
    penalty = adversarial.gradient_penalty(judge, xr, xf, jnp.asarray(data["in.alpha"]).ravel(), wanted=phi)
    ours = {
        "hinge_d": adversarial.hinge(real, fake),
        "hinge_g": adversarial.raised(fake),
        "hinge_d_half": 0.5 * adversarial.hinge(real, fake),
        "logistic_d": adversarial.logistic(real, fake),
        "nonsaturating_g": adversarial.non_saturating(fake),
        "minimax_g": adversarial.minimax(fake),
        "lsgan_d": adversarial.least_squares(real, fake),
        "lsgan_g": adversarial.least_squares_generator(fake),
        "wgan_d": adversarial.wasserstein(real, fake),
        "wgan_g": adversarial.raised(fake),
        "wgan_eps_d": adversarial.wasserstein(real, fake) + adversarial.drift(real),
        "gp": penalty,
        "gp_term_in_loss": penalty * 10 / phi**2,
    }
    assert {f"out.{name}" for name in ours} == {name for name in data.files if name.startswith("out.")}
    for name, value in ours.items():
        assert error(value[None], data[f"out.{name}"]) < 1e-5, name


def test_least_squares_pull_towards_their_codes():
    codes = adversarial.Codes(fake=-1.0, real=1.0, wanted=0.0)
    at = lambda value: jnp.full(4, value)
    assert adversarial.least_squares(at(1.0), at(-1.0), codes) == 0
    assert adversarial.least_squares(at(0.0), at(0.0), codes) == 2
    assert adversarial.least_squares_generator(at(0.0), codes) == 0
    assert jax.grad(lambda x: adversarial.least_squares_generator(x[None], codes))(jnp.asarray(2.0)) == 4
