"""The networks of latent diffusion-GANs: outputs and input gradients against the references."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import PROCESS, SHAPES, args_of, error, fixtures, meta_of, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import ddgan
from dgan_jax.convert import lddgan as names
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.nets.patchgan import PatchGAN
from dgan_jax.objectives.autoencoder import code_book, kl_divergence


def loaded(path):
    """The fixture's arrays in our layout, our network, its parameters; names go both ways."""
    data, meta = np.load(path), meta_of(path)
    arrays = {key: nhwc(data[key]) if data[key].ndim == 4 else data[key] for key in data.files if key != "meta"}
    args = meta.get("args") or meta["arguments"]
    network, state = names.autoencoder_of(args), recipe_state(path)
    only(args["ddconfig"], double_z="n_embed" not in args, in_channels=3)
    params = names.autoencoder_params(network, state)
    back = names.autoencoder_state(network, params)
    assert back.keys() - {"loss.logvar"} == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) - ("loss.logvar" in back) == (
        meta.get("params") or meta["parameters"]
    )
    return arrays, network, params


@pytest.mark.parametrize("path", fixtures("lddgan_autoencoder_kl", "ldm_autoencoder_kl"))
def test_the_autoencoder_with_gaussian_codes_computes_what_the_published_one_does(path):
    arrays, network, params = loaded(path)
    noise = jnp.asarray(arrays["in.noise"])
    apply = lambda method, x: network.apply({"params": params}, x, method=method)

    @jax.jit
    def run(x):
        def loss(x):
            mean, log_variance = apply("encode", x)
            z = mean + jnp.exp(0.5 * log_variance) * noise
            y = apply("decode", z)
            return jnp.sum(y**2), {"mean": mean, "logvar": log_variance, "z": z, "y": y}

        slope, ours = jax.grad(loss, has_aux=True)(x)
        return {**ours, "grad_x": slope, "decode_of_noise": apply("decode", noise)}

    ours = run(jnp.asarray(arrays["in.x"]))
    ours["kl"] = kl_divergence(ours["mean"], ours["logvar"])
    ours["reconstruction"] = ours["y"]
    ours["moments"] = jnp.concatenate([ours["mean"], ours["logvar"]], axis=-1)
    theirs = {key.removeprefix("out."): value for key, value in arrays.items() if key.startswith("out.")}
    assert {"z", "kl"} < theirs.keys()
    for name, value in theirs.items():
        assert error(ours[name], value) < 1e-5, name


@pytest.mark.parametrize("path", fixtures("lddgan_autoencoder_vq", "ldm_autoencoder_vq"))
def test_the_autoencoder_with_a_code_book_computes_what_the_published_one_does(path):
    arrays, network, params = loaded(path)
    apply = lambda method, x, **options: network.apply({"params": params}, x, method=method, **options)
    # One of the references stretches the codes, so that more than a few entries are met.
    stretch = 1.5 if "out.h" in arrays else 1.0
    theirs = lambda *keys: next(arrays[f"out.{key}"] for key in keys if f"out.{key}" in arrays)

    @jax.jit
    def run(x):
        code = apply("encode", x)
        return (
            code,
            *apply("quantise", stretch * code),
            apply("decode", stretch * code),
            apply("decode", stretch * code, quantised=False),
        )

    code, entries, index, y, smooth = run(jnp.asarray(arrays["in.x"]))
    assert error(code, theirs("h", "latent")) < 1e-5
    np.testing.assert_array_equal(index.ravel(), theirs("index", "indices"))
    assert error(entries, theirs("quant", "quantised")) < 1e-5
    assert error(code_book(stretch * code, entries), theirs("loss", "commitment_loss").reshape(())) < 1e-5
    assert error(y, theirs("y", "decode")) < 1e-5
    assert error(smooth, theirs("y_noquant", "decode_without_quantising")) < 1e-5


@pytest.mark.parametrize("path", fixtures("lddgan_patchgan"))
def test_the_critic_of_patches_computes_what_the_published_one_does(path):
    data, args, state = np.load(path), args_of(path), recipe_state(path)
    only(args, use_actnorm=False, input_nc=data["in.x"].shape[1])
    network = PatchGAN(features=args["ndf"], layers=args["n_layers"])
    variables = names.patches_variables(network, state)
    x = jnp.asarray(nhwc(data["in.x"]))
    fixed = jax.jit(network.apply)(variables, x)
    trained, changed = jax.jit(lambda v, x: network.apply(v, x, True, mutable=["batch_stats"]))(variables, x)
    assert error(fixed, nhwc(data["out.y"])) < 1e-5
    assert error(trained, nhwc(data["out.y_train"])) < 1e-5
    old, new = variables["batch_stats"]["norm_1"], changed["batch_stats"]["norm_1"]
    assert not np.array_equal(old["mean"], new["mean"])
    back = names.patches_state(network, variables)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("lddgan_generator"))
def test_the_generator_on_codes_computes_what_the_published_one_does(path):
    data = np.load(path)
    args = args_of(path)
    only(args, patch_size=1)
    without_effect(args, *PROCESS, *SHAPES)
    network = NCSNpp(**ddgan.generator_arguments(args))
    params = ddgan.generator_params(network, recipe_state(path))
    t, z = jnp.asarray(data["in.t"]), jnp.asarray(data["in.z"])

    @jax.jit
    def run(x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(network.apply({"params": params}, x, t, z))
        return jax.grad(loss, has_aux=True)(x)

    slope, y = run(jnp.asarray(nhwc(data["in.x"])))
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
