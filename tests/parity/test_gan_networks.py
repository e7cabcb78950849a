"""Networks of the plain GANs: outputs and gradients against the references, and names both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from published import args_of, error, fixtures, meta_of, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import autogan as of_autogan
from dgan_jax.convert import gan as of_dcgan
from dgan_jax.convert import sngan as of_sngan
from dgan_jax.convert import transgan as of_transgan
from dgan_jax.nets import autogan, dcgan, sngan, transgan
from dgan_jax.objectives import adversarial


def squares(apply, x):
    """(output, gradient of the sum of its squares) of one compiled call."""
    loss = lambda x: (lambda y: (jnp.sum(y**2), y))(apply(x))
    (_, y), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(x)
    return y, slope


def assert_same(back, state):
    assert back.keys() >= state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


def with_vectors(path):
    """The state with the exact leading singular vectors, which the fixture's reference divided by."""
    state = recipe_state(path)
    for name in [name for name in state if name.endswith("weight_orig")]:
        left, _, right = np.linalg.svd(state[name].reshape(len(state[name]), -1).astype(np.float64))
        layer = name.removesuffix("weight_orig")
        state[f"{layer}weight_u"], state[f"{layer}weight_v"] = left[:, 0], right[0]
    return {name: value.astype(np.float32) for name, value in state.items()}


def count(variables):
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


@pytest.mark.parametrize("path", fixtures("dcgan"))
def test_dcgan_computes_what_the_published_example_does(path):
    data, args, meta = np.load(path), args_of(path), meta_of(path)
    state = {name.removeprefix("G."): value for name, value in recipe_state(path).items()}
    judged = {
        name.removeprefix("D."): recipe.tensor(name, tuple(shape)) * np.float32(meta["gain"] if len(shape) > 1 else 1)
        for name, shape in meta["state_discriminator"]
    }
    only(args, nz=data["in.z"].shape[1])
    generator = dcgan.Generator(**of_dcgan.generator_arguments(args))
    critic = dcgan.Critic(**of_dcgan.critic_arguments(args))
    drawing, judging = of_dcgan.generator_variables(generator, state), of_dcgan.critic_variables(critic, judged)
    assert count(drawing) == meta["parameters"]
    assert count(judging) == meta["parameters_discriminator"]
    assert_same(of_dcgan.generator_state(drawing), state)
    assert_same(of_dcgan.critic_state(judging), judged)
    real = np.clip(0.5 * recipe.array(f"{meta['name']}.real", data["out.y"].shape), -1, 1)

    @jax.jit
    def run(z, real):
        def fake_of(z):
            image = generator.apply(drawing, z)
            logit = critic.apply(judging, image)
            return jnp.sum(nn_sigmoid(logit)), (image, logit)

        slope, (image, fake) = jax.grad(fake_of, has_aux=True)(z)
        return slope, image, fake, critic.apply(judging, nhwc(real))

    nn_sigmoid = jax.nn.sigmoid
    slope, image, fake, real = run(jnp.asarray(data["in.z"][:, :, 0, 0]), jnp.asarray(real))
    assert error(image, nhwc(data["out.y"])) < 1e-5
    assert error(slope[:, :, None, None], data["out.grad_z"]) < 1e-5
    assert error(nn_sigmoid(fake), data["out.d_fake"]) < 1e-5
    assert error(nn_sigmoid(real), data["out.d_real"]) < 1e-5
    assert error(adversarial.logistic(real, fake), data["out.d_loss"]) < 1e-5
    assert error(adversarial.non_saturating(fake), data["out.g_loss"]) < 1e-5


GENERATORS = {
    "dcgan_generator": (dcgan.SmallGenerator, of_sngan.small_arguments, "n_hidden"),
    "sngan_generator": (sngan.Generator, of_sngan.generator_arguments, "latent_dim"),
    "sngan_generator_chainer": (sngan.Generator, of_sngan.generator_arguments, "dim_z"),
}


@pytest.mark.parametrize("path", fixtures(*GENERATORS))
def test_a_generator_of_spectral_normalisations_paper_computes_what_the_published_one_does(path):
    data, args, state = np.load(path), args_of(path), recipe_state(path)
    network, arguments, latent = GENERATORS[path.stem]
    module = network(**arguments(args))
    variables = of_sngan.generator_variables(module, state)
    y, slope = squares(lambda z: module.apply(variables, z), jnp.asarray(data["in.z"]))
    assert data["in.z"].shape[1] == args[latent]
    without_effect(args, "df_dim", "d_spectral_norm")  # of the critic
    assert count(variables) == meta_of(path)["parameters"]
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, data["out.grad_z"]) < 1e-5
    assert_same(of_sngan.generator_state(module, variables), state)


CRITICS = {
    "sndcgan_discriminator": (dcgan.SmallCritic, of_sngan.small_arguments),
    "sngan_discriminator": (sngan.Critic, of_sngan.critic_arguments),
    "autogan_discriminator": (sngan.Critic, of_sngan.critic_arguments),
}


@pytest.mark.parametrize("path", fixtures(*CRITICS))
def test_a_spectrally_normalised_critic_computes_what_the_published_one_does(path):
    data, state = np.load(path), with_vectors(path)
    network, arguments = CRITICS[path.stem]
    args = args_of(path)
    module = network(**arguments(args))
    without_effect(args, "bottom_width", "gf_dim", "latent_dim")  # of the generator
    variables = of_sngan.critic_variables(module, state, channels=data["in.x"].shape[1])
    y, slope = squares(lambda x: module.apply(variables, x), jnp.asarray(nhwc(data["in.x"])))
    assert count(variables) == meta_of(path)["parameters"]
    assert error(y[:, None], data["out.y"]) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert_same(of_sngan.critic_state(module, variables), state)


@pytest.mark.parametrize("path", fixtures("autogan_generator_[abc]"))
def test_a_found_generator_computes_what_the_published_one_does(path):
    data, state = np.load(path), recipe_state(path)
    args = args_of(path)
    module = autogan.Generator(**of_autogan.generator_arguments(args, path.stem[-1]))
    only(args, latent_dim=data["in.z"].shape[1])
    without_effect(args, "df_dim", "d_spectral_norm")  # of the critic
    variables = of_autogan.generator_variables(module, state)
    y, slope = squares(lambda z: module.apply(variables, z), jnp.asarray(data["in.z"]))
    assert count(variables) == meta_of(path)["parameters"]
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, data["out.grad_z"]) < 1e-5
    assert_same(of_autogan.generator_state(variables), state)


@pytest.mark.parametrize("path", fixtures("transgan_generator"))
def test_transgans_generator_computes_what_the_published_one_does(path):
    data, state = np.load(path), recipe_state(path)
    args = args_of(path)
    only(args, latent_dim=data["in.z"].shape[1])
    module = transgan.Generator(**of_transgan.generator_arguments(args))
    variables = of_transgan.generator_variables(module, state)
    y, slope = squares(lambda z: module.apply(variables, z), jnp.asarray(data["in.z"]))
    assert count(variables) == meta_of(path)["parameters"]
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, data["out.grad_z"]) < 1e-5
    assert_same(of_transgan.generator_state(variables), state)


@pytest.mark.parametrize("path", fixtures("transgan_discriminator"))
def test_transgans_critic_computes_what_the_published_one_does(path):
    data, state, args = np.load(path), recipe_state(path), args_of(path)
    module = transgan.Critic(**of_transgan.critic_arguments(args))
    variables = of_transgan.critic_variables(module, state)
    y, slope = squares(lambda x: module.apply(variables, x), jnp.asarray(nhwc(data["in.x"])))
    without_effect(args, "bottom_width")
    only(args, d_window_size=8)
    assert (data["in.x"].shape[-1], args["diff_aug"]) == (args["img_size"], "None")
    assert count(variables) == meta_of(path)["parameters"]
    assert error(y[:, None], data["out.y"]) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert_same(of_transgan.critic_state(variables), state)
