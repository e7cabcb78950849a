"""Losses and learning rates of enlarging GANs against the references."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc

from dgan_jax.core import restarts
from dgan_jax.objectives import adversarial, enlarging, relativistic
from dgan_jax.objectives.enlarging import Seen


def of(data, name):
    return data[f"out.{name}"]


@pytest.mark.parametrize("path", fixtures("sr_gan_losses"))
def test_the_games_of_enlarging_have_the_published_values_and_slopes(path):
    data = np.load(path)
    real, fake = (jnp.asarray(data[f"in.{name}"]) for name in ("real", "fake"))
    games = {
        "vanilla": (adversarial.non_saturating, adversarial.as_real, adversarial.as_fake),
        "hinge": (
            adversarial.raised,
            lambda r: adversarial.hinge(r, -jnp.ones(1)), lambda f: adversarial.hinge(jnp.ones(1), f),
        ),
        "wgan": (adversarial.raised, adversarial.raised, lambda f: adversarial.wasserstein(jnp.zeros(1), f)),
        "wgan_softplus": (adversarial.as_real, adversarial.as_real, adversarial.as_fake),
        "lsgan": (
            adversarial.least_squares_generator,
            lambda r: adversarial.least_squares(r, jnp.zeros(1)), lambda f: adversarial.least_squares(jnp.ones(1), f),
        ),
    }  # fmt: skip
    for name, losses in games.items():
        for part, loss, logits in zip(("g_fake", "d_real", "d_fake"), losses, (fake, real, fake), strict=True):
            assert error(loss(logits), of(data, f"{name}.{part}")) < 1e-5, (name, part)

    assert error(relativistic.generator(real, fake), of(data, "ragan.g")) < 1e-5
    slope = jax.grad(relativistic.generator, (0, 1))(real, fake)
    assert not np.any(slope[0]), "the real logits are constants"
    assert error(slope[1], of(data, "ragan.g_grad_fake")) < 1e-5
    for name, loss in (("ragan", relativistic.critic), ("ragan_full", relativistic.critic_of_the_paper)):
        assert error(loss(real, fake), of(data, f"{name}.d")) < 1e-5
        slopes = jax.grad(loss, (0, 1))(real, fake)
        assert error(slopes[0], of(data, f"{name}.d_grad_real")) < 1e-5
        assert error(slopes[1], of(data, f"{name}.d_grad_fake")) < 1e-5


@pytest.mark.parametrize("path", fixtures("sr_gan_losses"))
def test_the_distances_of_pixels_have_the_published_values(path):
    data = np.load(path)
    image, truth = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("p", "q"))
    seen = Seen(image, truth, {}, {}, None)
    for name, distance in (
        ("l1", enlarging.absolute), ("mse", enlarging.squared), ("charbonnier", enlarging.charbonnier)
    ):  # fmt: skip
        assert error(distance(seen), of(data, name)) < 1e-5, name


@pytest.mark.parametrize("path", fixtures("sr_lr_schedules"))
def test_learning_rates_are_the_published_ones_at_every_step(path):
    data, args = np.load(path), args_of(path)
    cosine, steps = args["cosine_restart"], args["multistep"]
    warm, ecdp = args["bebygan_cosine_warmup"], args["ecdp"]
    schedules = {
        "cosine_restart": restarts.cosine_restarts(
            cosine["lr"], cosine["periods"], cosine["eta_min"], cosine["weights"]
        ),
        "multistep": restarts.multistep(steps["lr"], steps["milestones"], steps["gamma"]),
        "bebygan_cosine_warmup": restarts.warm_cosine_restarts(
            warm["lr"], warm["T"], warm=warm["warm"], factor=warm["factor"], end=warm["min_lr"]
        ),
        "ecdp": restarts.warm_multistep(
            ecdp["lr"], [epoch * ecdp["steps_per_epoch"] for epoch in ecdp["milestones_epochs"]],
            warm=ecdp["warmup_steps"], gamma=ecdp["factor"],
        ),
    }  # fmt: skip
    assert schedules.keys() == args.keys()
    for name, schedule in schedules.items():
        wanted = of(data, name)
        ours = jax.jit(jax.vmap(schedule))(jnp.arange(len(wanted)))
        np.testing.assert_allclose(ours, wanted, rtol=2e-4, atol=1e-11, err_msg=name)
