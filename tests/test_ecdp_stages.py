"""ECDP where no published array is needed: its stages, its last one's gradient, and options that cannot work."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import systems
from dgan_jax.core.parts import Context, Spec
from dgan_jax.objectives.conditional import Draws
from dgan_jax.systems.diffusion import ecdp
from dgan_jax.tasks.superres import SuperResolution

SMALL = ecdp.Config(
    features=4, multipliers=(1,), blocks=1, time_features=4, encoder_features=4, encoder_blocks=1, encoder_growth=2,
    shown=(0,), perceptual_steps=2,
)  # fmt: skip
SPEC = Spec(height=16, width=16, channels=3, steps=20)


def filled(shapes):
    draw = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: 0.1 * draw.normal(size=leaf.shape).astype(np.float32), shapes)


@pytest.mark.parametrize(
    ("shares", "stages"),
    [
        ((0.5, 0.25), {"encoder": 10, "denoising": 5, "perceptual": 5}),
        ((0.5, 0.0), {"encoder": 10, "denoising": 10}),
        ((0.0, 1.0), {"perceptual": 20}),
    ],
)
def test_a_training_has_the_stages_that_have_a_share(shares, stages):
    config = dataclasses.replace(SMALL, encoder_share=shares[0], perceptual_share=shares[1])
    system = systems.build(config, SuperResolution(scale=2), SPEC)
    assert {stage.name: stage.steps for stage in system.stages} == stages
    assert set(system.frozen) == ({"vgg19"} if shares[1] else set())
    if shares[1] == 0.25:
        ema = [float(system.players["denoiser"].ema(jnp.asarray(step))) for step in (14, 15)]
        np.testing.assert_allclose(ema, [config.ema, config.perceptual_ema])


def test_the_gradient_of_a_whole_restoration_reaches_both_networks(monkeypatch):
    # VGG19's features are tested where they are; here any distance will do.
    apart = lambda params, layers, ours, theirs: params["weight"] * layers["conv5_4"] * jnp.mean((ours - theirs) ** 2)
    monkeypatch.setattr(ecdp, "features_apart", apart)
    nets = ecdp.networks_of(SMALL, 2, 3)
    system = systems.build(SMALL, SuperResolution(scale=2), SPEC)
    y = {"image": jnp.zeros((1, 16, 16, 3)), "low": jax.random.normal(jax.random.key(0), (1, 8, 8, 3)) / 4}
    params = {
        name: filled(jax.eval_shape(player.module.init, jax.random.key(0), *player.inputs(y))["params"])
        for name, player in system.players.items()
    }
    image = jnp.zeros((1, 16, 16, 3))
    noise = jax.random.normal(jax.random.key(1), image.shape)
    draws = Draws(jnp.ones(1, jnp.int32), jnp.zeros(1), noise, noise, jax.random.split(jax.random.key(2), 1))
    _, _, seen = ecdp.losses(SMALL, nets)

    @jax.jit
    def run(params):
        context = Context({}, {}, jnp.zeros((), jnp.int32), {"vgg19": {"weight": 3.0}})
        return jax.value_and_grad(lambda params: seen(params, context, image, y, draws), has_aux=True)(params)

    (value, report), slopes = run(params)
    np.testing.assert_allclose(value, SMALL.perceptual * report["perceptual"])
    assert float(value) > 0
    for name in ("encoder", "denoiser"):
        assert all(np.isfinite(leaf).all() and np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(slopes[name])), name


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shown": (1, 8)}, "the last one too"),
        ({"encoder_share": 0.6, "perceptual_share": 0.6}, "parts of one training"),
        ({"sampler": "euler"}, "known: ancestral, ddim, ode"),
        ({"rtol": 0.0}, "must be positive"),
        ({"restore_steps": 301}, "1 to 300"),
        ({"halvings": (1.0,)}, r"in \(0, 1\)"),
    ],
)
def test_a_config_that_cannot_work_says_why(changes, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(ecdp.Config(), **changes)
