"""Losses and learning rates of enlarging GANs against the references."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, meta_of, nhwc

from dgan_jax.core import restarts
from dgan_jax.objectives import adversarial, best_buddy, enlarging, ranking, relativistic
from dgan_jax.objectives.enlarging import Seen
from dgan_jax.ops import resize


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


@pytest.mark.parametrize("path", fixtures("sr_bebygan_losses"))
def test_best_buddies_and_flat_regions_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    image, truth = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("x", "gt"))
    weights = args["alpha"], args["beta"]
    loss = lambda image: best_buddy.best_buddy(image, truth, *weights)
    value, slope = jax.jit(jax.value_and_grad(loss))(image)
    chosen = best_buddy.buddies(image, truth, *weights)
    assert np.mean(np.asarray(chosen) == of(data, "index")) >= 0.999
    assert error(value, of(data, "bbl")) < 1e-4
    # A buddy that rounding chose among two has slopes of its own.
    same = np.array_equal(chosen, of(data, "index"))
    assert error(slope, nhwc(of(data, "grad_x"))) < (1e-4 if same else 0.05)
    for name, factor in (("gt_half", 2), ("gt_quarter", 4)):
        assert error(resize.reduce(truth, factor, "torch"), nhwc(of(data, name))) < 1e-5, name

    low = nhwc(of(data, "bp_lr"))
    scale = truth.shape[1] // low.shape[1]
    assert error(resize.reduce(truth, scale), low) < 1e-5
    assert best_buddy.back_projection(truth, jnp.asarray(low)) < 1e-6
    assert abs(best_buddy.back_projection(truth + 0.25, jnp.asarray(low)) - 0.25) < 1e-5
    assert "unbiased std in 11x11 < 0.025" in meta_of(path)["notes"].lower()
    for name, options in (("flat_mask", {}), ("flat_mask_k5", {"size": 5, "deviation": 0.06})):
        mask = best_buddy.flat(jnp.asarray(low), scale, **options)
        assert np.mean(np.asarray(mask) == nhwc(of(data, name))) >= 0.995, name
        assert 0 < np.mean(mask) < 1 or not np.ptp(of(data, name))


@pytest.mark.parametrize("path", fixtures("sr_gan_losses"))
def test_the_rankers_losses_are_the_published_ones(path):
    data = np.load(path)
    first, second, *labels = (data[f"in.{name}"] for name in ("score1", "score2", "label1", "label2"))
    worse = np.where(labels[0] >= labels[1], 1.0, -1.0).astype(np.float32)
    assert error(ranking.margin(first, second, worse), of(data, "rank_margin")) < 1e-5
    weight = 0.03  # as the fixture's notes say
    assert error(weight * ranking.content(jnp.asarray(second)), of(data, "rank_content")) < 1e-5
