"""The U-Nets of diffusion models: outputs and input gradients against the reference, and names both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import error, fixtures, meta_of, nhwc, recipe_state, without_effect

from dgan_jax.convert import ddpm as names
from dgan_jax.nets.adm_unet import ADMUNet
from dgan_jax.nets.ddpm_unet import DDPMUNet

READERS = {
    "ermongroup/ddim": (DDPMUNet, names.ddim_arguments),
    "yang-song/score_sde_pytorch": (DDPMUNet, names.score_arguments),
    "andreas128/RePaint (fork of openai/guided-diffusion)": (ADMUNet, names.adm_arguments),
}


@pytest.mark.parametrize("path", fixtures("ddpm_unet*", "scoresde_ddpm*", "adm_unet*"))
def test_the_network_computes_what_the_published_one_does(path):
    data, meta = np.load(path), meta_of(path)
    kind, arguments = READERS[meta["source"]]
    args = meta.get("arguments") or meta["args"]
    network = kind(**arguments(args))
    if "model" in args:
        # Of the process, the data and the training.
        without_effect(args["model"], "beta_max", "beta_min", "ema_rate", "num_scales", "sigma_max", "sigma_min")
        without_effect(args["data"], "dataset", "random_flip", "uniform_dequantization")
        without_effect(args, "continuous")
        # A name, and an embedding that this network does not look at.
        without_effect(args["model"], "name", "embedding_type")
    state = recipe_state(path)
    params = names.unet_params(network, state)
    t = jnp.asarray(data["in.t"])
    label = jnp.asarray(data["in.y"]) if "in.y" in data else None

    @jax.jit
    def run(params, x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(network.apply({"params": params}, x, t, label))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    y, slope = run(params, jnp.asarray(nhwc(data["in.x"])))
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    if not getattr(network, "timed", True):  # the published blocks keep a layer that nothing reaches
        state = {name: value for name, value in state.items() if ".Dense_0." not in name}
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == sum(value.size for value in state.values())
    back = names.unet_state(network, params)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (DDPMUNet(image_size=32), 35_746_307),
        (DDPMUNet(image_size=32, out_channels=6), 35_749_766),
        (DDPMUNet(image_size=32, attention_up="level"), 35_218_947),
        (DDPMUNet(image_size=64, multipliers=(1, 2, 2, 2, 4)), 78_700_803),
        (DDPMUNet(image_size=256, multipliers=(1, 1, 2, 2, 4, 4)), 113_673_219),
        (ADMUNet(head_channels=64), 552_814_086),
    ],
)
def test_published_sizes_have_the_published_number_of_parameters(network, count):
    assert sum(leaf.size for leaf in jax.tree.leaves(names.shapes_of(network, 3))) == count
