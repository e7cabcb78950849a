"""SRDDGAN where no published array is needed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dgan_jax import systems
from dgan_jax.core.parts import Spec
from dgan_jax.nets.low_encoder import LowConditionedGenerator, LowEncoder
from dgan_jax.systems.diffusion_gan import srddgan
from dgan_jax.tasks.superres import SuperResolution
from dgan_jax.train.state import initialise


class Echo(nn.Module):
    """Returns the condition that it is given."""

    def __call__(self, x, t, z, condition):
        return condition


def test_features_of_the_small_image_lie_where_it_does():
    encoder = LowEncoder(features=3, blocks=1)
    network = LowConditionedGenerator(unet=Echo(), encoder=encoder)
    low = jax.random.normal(jax.random.key(0), (2, 3, 2, 1))
    condition = jax.random.normal(jax.random.key(1), (2, 12, 8, 2))
    x, t, z = jnp.zeros((2, 12, 8, 1)), jnp.zeros(2, jnp.int32), jnp.zeros((2, 4))
    variables = network.init(jax.random.key(2), x, t, z, condition, low)
    seen = network.apply(variables, x, t, z, condition, low)
    np.testing.assert_array_equal(seen[..., :2], condition)
    features = encoder.apply({"params": variables["params"]["encoder"]}, low)
    for row, column in ((0, 0), (3, 4), (11, 7), (5, 3)):
        np.testing.assert_allclose(seen[:, row, column, 2:], features[:, row // 4, column // 4], rtol=1e-6)


@pytest.fixture(scope="module")
def fresh():
    """A small system, its fresh variables, and a measurement with keys."""
    config = srddgan.Config(
        steps=2, features=8, multipliers=(1,), blocks=1, attention=(), encoder_features=4, encoder_blocks=1, latent=4,
        latent_layers=1, latent_embedding=8, critic="small", critic_features=4, critic_embedding=8, residual=True,
    )  # fmt: skip
    task = SuperResolution(scale=2)
    system = systems.build(config, task, Spec(height=8, width=8, channels=3, steps=4))
    smooth = 0.5 * jnp.sin(jnp.arange(8 * 8 * 3).reshape(1, 8, 8, 3) / 40)
    y = jax.vmap(task.measure)(jax.random.split(jax.random.key(0), 1), {"image": smooth})
    state = jax.jit(lambda key: initialise(key, system, y))(jax.random.key(1))
    return task, system, state.variables(), y


def test_an_untrained_network_gives_the_first_estimate(fresh):
    task, system, variables, y = fresh
    image = jax.jit(system.restore)(variables, y, jax.random.split(jax.random.key(2), 1))
    np.testing.assert_allclose(image, task.start(y), atol=1e-3)


def test_what_it_gives_reduces_to_the_small_image(fresh):
    task, system, variables, y = fresh
    lively = jax.tree.map(lambda x: x + 0.05 * jnp.cos(jnp.arange(x.size)).reshape(x.shape), variables)
    image = jax.jit(system.restore)(lively, y, jax.random.split(jax.random.key(2), 1))
    assert float(jnp.abs(image - task.start(y)).max()) > 0.02, "the network takes part"
    inside = bool(jnp.all(jnp.abs(image) < 1))  # where it is cut to the range of images it cannot agree
    assert inside
    np.testing.assert_allclose(task.apply(image, y), y["low"], atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"reconstruction": 0.0}, "ddgan is the system without"), ({"steps": 0}, "system.steps"), ({"dtype": "f"}, "bfl")],
)
def test_impossible_options_say_why(changes, says):
    with pytest.raises(ValueError, match=says):
        srddgan.Config(**changes)
