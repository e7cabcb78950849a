"""Networks of enlarging GANs: outputs and gradients against the references, and names both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, meta_of, nhwc, recipe_state

from dgan_jax.convert import rrdb as of_rrdb
from dgan_jax.convert import srresnet as of_srresnet
from dgan_jax.convert import vgg_critics
from dgan_jax.nets import rrdb, srresnet, vgg_critic


def squares(apply, x):
    """(output, gradient of the sum of its squares) of one compiled call."""
    loss = lambda x: (lambda y: (jnp.sum(y**2), y))(apply(x))
    (_, y), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(x)
    return y, slope


def assert_same(back, state):
    state = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


def count(variables):
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def assert_computes(path, module, variables):
    data = np.load(path)
    y, slope = squares(lambda x: module.apply(variables, x), jnp.asarray(nhwc(data["in.x"])))
    assert count(variables) == meta_of(path)["parameters"]
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5


@pytest.mark.parametrize("path", fixtures("sr_rrdbnet_x*", "sr_esrgan_oldnames"))
def test_rrdbnet_computes_what_the_published_one_does_by_either_naming(path):
    args, state = args_of(path), recipe_state(path)
    module = rrdb.RRDBNet(**of_rrdb.published_arguments(args))
    variables = of_rrdb.generator_variables(module, state)
    assert_computes(path, module, variables)
    assert_same(of_rrdb.generator_state(variables["params"]), of_rrdb.modern(state))
    shapes = {name: value.shape for name, value in of_rrdb.modern(state).items()}
    assert module == rrdb.RRDBNet(**of_rrdb.arguments(shapes)), "what the file tells is what the class was told"


@pytest.mark.parametrize("path", fixtures("sr_msrresnet_x*", "sr_ranksrgan_generator"))
def test_a_residual_network_computes_what_the_published_one_does(path):
    args, state = args_of(path), recipe_state(path)
    network = {"MSRResNet": srresnet.MSRResNet, "SRResNet": srresnet.TrunkResNet}[meta_of(path)["class"]]
    module = network(**of_srresnet.published_arguments(args))
    variables = of_srresnet.generator_variables(module, state)
    assert_computes(path, module, variables)
    assert_same(of_srresnet.generator_state(module, variables["params"]), state)
    shapes = {name: value.shape for name, value in of_srresnet.older(state).items()}
    assert module == network(**of_srresnet.arguments(shapes)), "what the file tells is what the class was told"


CRITICS = ("sr_vgg_discriminator", "sr_bebygan_discriminator", "sr_ranksrgan_discriminator", "sr_ranker")


@pytest.mark.parametrize("path", fixtures(*CRITICS))
def test_a_critic_of_enlarging_judges_as_the_published_one_does(path):
    data, state, meta, args = np.load(path), recipe_state(path), meta_of(path), args_of(path)
    network = vgg_critic.Ranker if path.stem == "sr_ranker" else vgg_critic.VGGCritic
    module = network(**vgg_critics.arguments(args, meta["class"]))
    (channels,) = (args[name] for name in ("num_in_ch", "in_nc", "in_chl") if name in args)
    x = data["in.x"] if "in.x" in data else (data["in.x_u8"].astype(np.float32) - 128) / 4
    variables = vgg_critics.variables(module, state, x.shape[-1])
    assert x.shape[1] == channels
    assert count(variables) == meta["parameters"]

    @jax.jit
    def run(x):
        trained, _ = module.apply(variables, x, True, mutable=["batch_stats"])
        return module.apply(variables, x), trained

    y, trained = run(jnp.asarray(nhwc(x)))
    assert error(y[:, None], data["out.y"]) < 1e-5
    if "out.y_train" in data:
        assert error(trained[:, None], data["out.y_train"]) < 1e-5
    assert_same(vgg_critics.state(module, variables), state)
