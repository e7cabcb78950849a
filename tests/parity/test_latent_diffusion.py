"""Latent diffusion's U-Nets, schedules and DDIM against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import error, fixtures, meta_of, nhwc, recipe_state

from dgan_jax.convert import ldm as names
from dgan_jax.nets.adm_unet import cosine_first
from dgan_jax.process.gaussian import diffuse, gaussian_of_betas
from dgan_jax.process.latent_chain import shifted
from dgan_jax.process.predictions import x0_of_noise
from dgan_jax.process.schedules import PUBLISHED, betas_of
from dgan_jax.samplers import ddim


@pytest.mark.parametrize("path", fixtures("ldm_unet*"))
def test_the_network_computes_what_the_published_one_does(path):
    data, meta = np.load(path), meta_of(path)
    network = names.unet_of(meta["arguments"])
    state = recipe_state(path)
    params = names.unet_params(network, state)
    t, label = jnp.asarray(data["in.t"]), jnp.asarray(data["in.y"]) if "in.y" in data else None
    context = jnp.asarray(data["in.context"]) if "in.context" in data else None

    @jax.jit
    def run(params, x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(network.apply({"params": params}, x, t, label, context))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    y, slope = run(params, jnp.asarray(nhwc(data["in.x"])))
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == meta["parameters"]
    back = names.unet_state(network, params)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("ldm_process"))
def test_schedules_and_short_chains_are_the_published_ones(path):
    data, args = np.load(path), meta_of(path)["arguments"]
    own, ends = PUBLISHED["latent_diffusion"], {"first": args["linear_start"], "last": args["linear_end"]}
    for theirs in (name.removeprefix("out.f64.beta.") for name in data.files if name.startswith("out.f64.beta.")):
        assert error(betas_of(own[theirs], args["T"], **ends), data[f"out.f64.beta.{theirs}"]) < 1e-10, theirs
    process = gaussian_of_betas(betas_of(own["linear"], args["T"], **ends))
    for theirs, spacing in (("uniform", "uniform"), ("quad", "quadratic")):
        chain = shifted(process, args["S"], spacing)
        read = lambda name, theirs=theirs: data[f"out.{theirs}.{name}"]
        assert np.array_equal(chain.times, read("timesteps"))
        assert error(np.square(chain.tables.signal[1:]), read("alphas")) < 1e-6
        assert error(np.square(chain.tables.signal[:-1]), read("alphas_prev")) < 1e-6
        for name in (name for name in data.files if name.startswith(f"out.{theirs}.sigmas_eta")):
            sigmas = ddim.weights(chain.tables, float(name.rpartition("eta")[2]))[2]
            assert error(sigmas, data[name]) < 1e-5


@pytest.mark.parametrize("path", fixtures("ldm_process"))
def test_ddim_with_guidance_and_known_codes_is_the_published_one(path):
    data, args = np.load(path), meta_of(path)["arguments"]
    ends = {"first": args["linear_start"], "last": args["linear_end"]}
    process = gaussian_of_betas(betas_of(PUBLISHED["latent_diffusion"]["linear"], args["T"], **ends))
    read = lambda name: jnp.asarray(nhwc(data[f"in.{name}"]))
    count = sum(name.startswith("in.noise") for name in data.files)
    chain, condition, nothing, mask = shifted(process, count), read("cond"), read("uncond"), read("mask")
    noises, known = (jnp.stack([read(f"{name}{i}") for i in range(count)]) for name in ("noise", "known"))
    toy = lambda x, t, c: 0.4 * jnp.tanh(x) + 0.3 * jnp.sin(t / 50)[:, None, None, None] + 0.1 * c

    def guided(x, t, i):
        free, told = toy(x, t, nothing), toy(x, t, condition)
        return x0_of_noise(process, free + args["guidance"] * (told - free), x, t), None

    plain = lambda x, t, i: (x0_of_noise(process, toy(x, t, condition), x, t), None)
    put = lambda x, t, i: mask * diffuse(process, read("x0"), t + 1, known[i]) + (1 - mask) * x
    for name, predict, before in (("plain", plain, None), ("guided", guided, None), ("masked", plain, put)):
        given = {} if before is None else {"before": before}
        x = ddim.sample(predict, process, chain, read("x_T"), lambda i: noises[i], eta=args["eta"], **given)
        assert error(x, nhwc(data[f"out.ddim5.{name}"])) < 1e-4, name


def test_the_sinusoid_of_an_odd_width_ends_with_a_zero():
    assert not np.any(cosine_first(jnp.arange(3), 5)[:, -1])


@pytest.mark.parametrize(
    ("args", "channels", "count"),
    [
        (
            {"model_channels": 256, "channel_mult": (1, 2, 3, 4), "num_heads": 8, "resblock_updown": True},
            7, 387_245_827,
        ),
        ({"model_channels": 224, "channel_mult": (1, 2, 3, 4), "num_head_channels": 32}, 3, 274_056_163),
    ],
)  # fmt: skip
def test_published_sizes_have_the_published_number_of_parameters(args, channels, count):
    network = names.unet_of(
        {**args, "image_size": 64, "out_channels": 3, "num_res_blocks": 2, "attention_resolutions": (8, 4, 2)}
    )
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 8, 8, channels)), jnp.zeros(1))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count
