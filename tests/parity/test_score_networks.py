"""NCSN++ and DDPM++: outputs and input gradients against the reference, names both ways, and published sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import score_names as names
from dgan_jax.nets.ncsnpp import ScoreNCSNpp


@pytest.mark.parametrize("path", fixtures("ncsnpp_*"))
def test_the_network_computes_what_the_published_one_does(path):
    data = np.load(path)
    args = args_of(path)
    model = args["model"]
    only(model, attention_type="ddpm", conv_size=3, name="ncsnpp")
    without_effect(model, "beta_max", "beta_min", "ema_rate")
    without_effect(model, *(() if model["fir"] else ("fir_kernel",)))
    without_effect(args["data"], "dataset", "random_flip", "tfrecords_path", "uniform_dequantization")
    without_effect(args, "continuous")  # it says what t is, and t is given
    network = ScoreNCSNpp(**names.network_arguments(args))
    state = recipe_state(path)
    params = names.network_params(network, state)
    t = jnp.asarray(data["in.t"])

    @jax.jit
    def run(params, x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(network.apply({"params": params}, x, t))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    y, slope = run(params, jnp.asarray(nhwc(data["in.x"])))
    assert error(y, nhwc(data["out.y"])) < 1e-5
    # At t = 812 the reference's own rounding is 0.9e-5 of the slope (ncsnpp_vp_ddpmpp, held to float64).
    assert error(slope, nhwc(data["out.grad_x"])) < 2e-5
    if not network.timed:  # the published blocks keep a layer that nothing reaches
        state = {name: value for name, value in state.items() if ".Dense_0." not in name}
    back = names.network_state(network, params)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


def test_what_the_published_network_does_not_have_is_refused():
    args = args_of(fixtures("ncsnpp_*")[0].values[0])
    with pytest.raises(ValueError, match="no option 'heads'"):
        names.network_arguments({**args, "model": {**args["model"], "heads": 2}})
    with pytest.raises(ValueError, match="group norms"):
        names.network_arguments({**args, "model": {**args["model"], "normalization": "InstanceNorm"}})


CIFAR = ScoreNCSNpp(image_size=32, blocks=4, embedding="fourier", by_sigma=True, centred=False)
LARGE = {"multipliers": (1, 1, 2, 2, 2, 2, 2), "input_pyramid": "input_skip", "output_pyramid": "output_skip"}
PLUS = ScoreNCSNpp(image_size=32, blocks=4, fir_kernel=None, input_pyramid="none")


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (CIFAR, 62_758_915),
        (CIFAR.clone(blocks=8), 107_587_075),
        (CIFAR.clone(image_size=256, blocks=2, **LARGE), 65_574_549),
        (PLUS, 61_804_419),
        (PLUS.clone(blocks=8), 106_632_579),
        (ScoreNCSNpp(image_size=32, blocks=4), 62_693_251),
    ],
)
def test_published_sizes_have_the_published_number_of_parameters(network, count):
    assert sum(leaf.size for leaf in jax.tree.leaves(names.shapes_of(network, 3))) == count
