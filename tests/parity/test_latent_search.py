"""Walks in latent space against the references, on their toy networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from published import args_of, error, fixtures, meta_of

from dgan_jax.samplers import latent_search


def toy(data):
    """(generator, logit of a latent) of the two sampler fixtures."""
    generate = lambda z: jnp.tanh(z @ data["in.A"])
    return generate, lambda z: jnp.tanh(generate(z) @ data["in.B"]) @ data["in.c"]


def chain(step, data, count):
    """(after the first, after the last) of as many steps as there are noises."""
    noises = jnp.stack([data[f"in.noise{i}"] for i in range(count)])
    assert f"in.noise{count}" not in data.files
    body = lambda z, noise: (lambda new: (new, new))(step(z, noise))
    end, zs = jax.jit(lambda z: jax.lax.scan(body, z, noises))(jnp.asarray(data["in.z0"]))
    return zs[0], end


@pytest.mark.parametrize("path", fixtures("ddls_steps"))
def test_discriminator_driven_latent_sampling_repeats_its_steps(path):
    data, args = np.load(path), args_of(path)
    _, logit = toy(data)
    step = lambda z, noise: latent_search.langevin_step(logit, z, noise, args["step"])
    first, last = chain(step, data, args["steps"])
    assert error(latent_search.energy(logit, jnp.asarray(data["in.z0"])), data["out.energy_0"]) < 1e-5
    assert error(first, data["out.z_after_1"]) < 1e-5
    assert error(last, data["out.z_final"]) < 1e-5


@pytest.mark.parametrize("path", fixtures("dgflow_steps"))
def test_the_gradient_flow_repeats_its_steps_for_every_divergence(path):
    data, args = np.load(path), args_of(path)
    generate, logit = toy(data)
    recorded = {name.split(".")[1] for name in data.files if name.startswith("out.")}
    assert recorded == set(latent_search.DIVERGENCES)
    for divergence in recorded:
        step = functools.partial(
            latent_search.flow_step, logit, eta=args["eta"], gamma=args["gamma"],
            weight=latent_search.DIVERGENCES[divergence],
        )  # fmt: skip
        first, last = chain(step, data, args["steps"])
        assert error(first, data[f"out.{divergence}.z_after_1"]) < 1e-5
        assert error(last, data[f"out.{divergence}.z_final"]) < 1e-5
        assert error(generate(last), data[f"out.{divergence}.x_final"]) < 1e-5


@pytest.mark.parametrize("path", fixtures("semantic_inpainting"))
def test_semantic_inpainting_weighs_and_searches_as_published(path):
    data, args, meta = np.load(path), args_of(path), meta_of(path)
    known, name = jnp.asarray(data["in.mask"]), meta["name"]
    of_code = latent_search.context_weights(known, args["nsize"], as_coded=True)
    assert error(of_code, data["out.weights_code"]) < 1e-5
    assert error(latent_search.context_weights(known, args["nsize"]), data["out.weights_paper"]) < 1e-5

    shapes = {key: tuple(shape) for key, shape in meta["state"]}
    draw, judge = (recipe.tensor(f"{name}.{key}", shapes[f"{name}.{key}"]) for key in ("W.weight", "v.weight"))
    y = np.clip(0.5 * recipe.array(f"{name}.img", (args["B"], len(draw))), -1, 1)
    weights = jnp.broadcast_to(of_code, (3, *known.shape)).ravel()

    def loss(z):
        """Of each image; its own prior's gradient is that of the batch's mean times the batch."""
        image = jnp.tanh(z @ draw.T)
        context = jnp.sum(jnp.abs(weights * (image - y)), axis=1)
        return context + args["lambda_p"] * jnp.mean(jax.nn.softplus(-(image @ judge.T)[:, 0]))

    def body(carry, _):
        step = functools.partial(latent_search.momentum_step, rate=args["lr"], momentum=args["momentum"])
        return step(jax.grad(lambda z: loss(z).sum()), *carry), loss(carry[0])

    z = jnp.asarray(recipe.array(f"{name}.z", (args["B"], args["Z"])))
    (z, _), losses = jax.jit(lambda z: jax.lax.scan(body, (z, jnp.zeros_like(z)), None, args["iterations"]))(z)
    assert error(losses, data["out.losses"]) < 1e-4
    assert error(z, data["out.z"]) < 1e-4
