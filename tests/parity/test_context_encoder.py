"""Context Encoders: both networks and the joint loss against the PyTorch port, and names both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from published import args_of, error, fixtures, meta_of, nhwc, recipe_state, without_effect

from dgan_jax.convert import context_encoder as names
from dgan_jax.nets.context_encoder import Critic, Generator
from dgan_jax.objectives import adversarial
from dgan_jax.objectives.lama import weighted_l2
from dgan_jax.systems.gan.context_encoder import joint


@pytest.mark.parametrize("path", fixtures("context_encoder"))
def test_networks_and_losses_are_the_published_ones(path):
    data, args, meta, state = np.load(path), args_of(path), meta_of(path), recipe_state(path)
    judged = {
        name.removeprefix("D."): recipe.tensor(name, tuple(shape)) * np.float32(meta["gain"] if len(shape) > 1 else 1)
        for name, shape in meta["state_discriminator"]
    }
    without_effect(args, "ngpu")
    drawing, judging = names.arguments(args)
    generator, critic = Generator(**drawing), Critic(**judging)
    own, its = names.generator_variables(generator, state), names.critic_variables(critic, judged)
    for variables, key in ((own, "parameters"), (its, "parameters_discriminator")):
        assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == meta[key]
    back = {**names.generator_state(generator, own)}
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)

    shape = (data["out.y"].shape[0], args["nc"], 128, 128)
    given = lambda name, shape: np.clip(0.5 * recipe.array(f"{meta['name']}.{name}", shape), -1, 1)
    x, real = (jnp.asarray(nhwc(given(*each))) for each in (("x", shape), ("center", data["out.y"].shape)))
    weight, overlap = args["wtl2"], args["overlapPred"]
    missing = jnp.zeros((1, *real.shape[1:3], 1)).at[:, overlap:-overlap, overlap:-overlap].set(1)

    @jax.jit
    def run(x):
        slope, y = jax.grad(lambda x: (lambda y: (jnp.sum(y**2), y))(generator.apply(own, x)), has_aux=True)(x)
        fake, true = critic.apply(its, y), critic.apply(its, real)
        # The port weighs the squares by w, and the sum of them again.
        squares = weighted_l2(y, real, missing, known=10 * weight, missing=weight)
        adversary = adversarial.non_saturating(fake)
        return slope[:, ::2, ::2], {
            "d_fake": jax.nn.sigmoid(fake)[:, None],
            "d_real": jax.nn.sigmoid(true)[:, None],
            "l2_weighted": squares,
            "g_adv": adversary,
            "g_total": joint(squares, adversary, weight),
            "d_loss": adversarial.logistic(true, fake),
            "y": y.transpose(0, 3, 1, 2),
        }

    slope, ours = run(x)
    assert {f"out.{name}" for name in ours} | {"out.grad_x_every2"} == {n for n in data.files if n.startswith("out.")}
    assert error(slope, nhwc(data["out.grad_x_every2"])) < 1e-5
    for name, value in ours.items():
        assert error(value, data[f"out.{name}"]) < 1e-5, name
