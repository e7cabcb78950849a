"""Differentiable augmentations against the references, at given draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc

from dgan_jax.ops import ada_augment, diffaugment

ALONE = {
    "brightness": lambda x, draws: diffaugment.brightness(x, *draws),
    "saturation": lambda x, draws: diffaugment.saturation(x, *draws),
    "contrast": lambda x, draws: diffaugment.contrast(x, *draws),
    "translation": lambda x, draws: diffaugment.translation(x, *draws),
    "cutout": lambda x, draws: diffaugment.cutout(x, *draws),
}
PARTS = {"color": ("brightness", "saturation", "contrast"), "translation": ("shift",), "cutout": ("centre",)}


@pytest.mark.parametrize("path", fixtures("diffaugment"))
def test_differentiable_augmentation_is_the_published_one(path):
    data, policy = np.load(path), args_of(path)["policy"]
    x = jnp.asarray(nhwc(data["in.x"]))

    def in_order(tag):
        """What a record drew, in the order of the calls."""
        names = [name for name in data.files if name.startswith(f"in.{tag}.")]
        number = lambda name: int("".join(letter for letter in name.split(".")[-1] if letter.isdigit()))
        return [jnp.asarray(data[name]) for name in sorted(names, key=number)]

    for name, apply in ALONE.items():
        assert error(apply(x, in_order(name)), nhwc(data[f"out.{name}"])) < 1e-5, name
    given = iter(in_order("policy"))
    fields = {"gate": jnp.zeros(len(x))}
    for step in diffaugment.steps(policy):
        for part in PARTS[step]:
            fields[part] = jnp.stack([next(given), next(given)], 1) if step != "color" else next(given)
    assert not list(given)
    for part in {part for parts in PARTS.values() for part in parts} - fields.keys():
        fields[part] = None
    ours = diffaugment.augment(x, diffaugment.Draws(**fields), policy)
    assert error(ours, nhwc(data["out.policy"])) < 1e-5


def test_draws_of_differentiable_augmentation_stay_within_their_reach():
    limits = diffaugment.Reach(translation=0.25)
    keys = jax.random.split(jax.random.key(0), 2000)
    draws = jax.vmap(lambda key: diffaugment.draw(key, (8, 12, 3), limits))(keys)
    assert (int(draws.shift.min()), int(draws.shift[:, 0].max()), int(draws.shift[:, 1].max())) == (-3, 2, 3)
    assert (int(draws.centre.min()), int(draws.centre[:, 0].max()), int(draws.centre[:, 1].max())) == (0, 8, 12)


@pytest.mark.parametrize("path", fixtures("ada_augment"))
def test_adaptive_augmentation_is_the_published_one_at_its_percentiles(path):
    data, args = np.load(path), args_of(path)
    x = jnp.asarray(nhwc(data["in.x"]))
    pipes = {name: ada_augment.Pipe(**spec) for name, spec in args["specs"].items()}

    @jax.jit
    def run(x):
        at = lambda pipe, percentile: ada_augment.augment(
            x, pipe, ada_augment.percentile(percentile, len(x), x.shape[1:]), 1.0
        )
        return {f"{name}.p{q}": at(pipe, q) for name, pipe in pipes.items() for q in args["percentiles"]}

    ours = run(x)
    assert {f"out.{name}" for name in ours} == {name for name in data.files if name.startswith("out.")}
    for name, value in ours.items():
        assert error(value, nhwc(data[f"out.{name}"])) < 1e-4, name


def test_at_probability_0_nothing_changes_and_the_gradient_goes_through():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 24, 24, 3)), jnp.float32)
    pipe = ada_augment.pipe("bgc")
    draws = jax.vmap(lambda key: ada_augment.draw(key, x.shape[1:], pipe))(jax.random.split(jax.random.key(0), 2))
    squares = lambda x, p: (lambda y: (jnp.sum(jnp.square(y)), y))(ada_augment.augment(x, pipe, draws, p))
    run = jax.jit(jax.value_and_grad(squares, has_aux=True))
    # The wavelet's way up and down is not quite the identity.
    assert error(run(x, 0.0)[0][1], x) < 1e-2
    slope = run(x, 0.8)[1]
    assert np.all(np.isfinite(slope))
    assert np.abs(slope).sum() > 0
