"""DiffIR's networks in both stages: outputs, chains and input gradients against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import error, fixtures, meta_of, nhwc, recipe_state, without_effect

from dgan_jax.convert import diffir as names
from dgan_jax.nets.prior_encoder import stacked
from dgan_jax.objectives.diffir import prior_losses
from dgan_jax.process.prior import noised, prior_chain
from dgan_jax.samplers import prior_chain as sampler


def published_stage(path, stage):
    """(module, our parameters, published state) of a fixture."""
    meta = meta_of(path)
    repository = meta["file"].split("/")[0].removeprefix("DiffIR-")
    module, state = names.stage_of(meta["args"], repository, stage), recipe_state(path)
    params = names.stage_params(module, state)
    back = names.stage_state(module, params)
    without_effect(meta["args"], "inp_channels")
    if not module.restorer.refinement:
        without_effect(meta["args"], "num_refinement_blocks")
    used = {name for name in state if module.restorer.refinement or not name.startswith("G.refinement.")}
    assert back.keys() == used
    assert all(np.array_equal(back[name], state[name]) for name in used)
    return module, params


@pytest.mark.parametrize("path", fixtures("diffir_*_s1"))
def test_the_first_stage_computes_what_the_published_one_does(path):
    data = np.load(path)
    module, params = published_stage(path, 1)
    x, truth = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("x", "gt"))

    @jax.jit
    def run(params, x):
        prior = module.encoder.apply({"params": params["encoder"]}, stacked(x, truth, scale=module.scale))
        restore = lambda x: module.restorer.apply({"params": params["restorer"]}, x, prior)
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(restore(x))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return prior, y, slope

    prior, y, slope = run(params, x)
    assert error(prior, data["out.ipr"]) < 1e-5
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5


@pytest.mark.parametrize("path", fixtures("diffir_*_s2"))
def test_the_second_stage_computes_what_the_published_one_does(path):
    data, args = np.load(path), meta_of(path)["args"]
    module, params = published_stage(path, 2)
    tables = prior_chain(args["timesteps"], start=args["linear_start"], end=args["linear_end"])
    given = {name: jnp.asarray(data[f"in.{name}"]) for name in ("noise", "t", "ipr_s1", "noise_train")}

    @jax.jit
    def run(params, x):
        condition = module.condition.apply({"params": params["condition"]}, stacked(x, scale=module.scale))
        denoise = lambda prior, t: module.denoiser.apply({"params": params["denoiser"]}, prior, t, condition)
        restore = lambda prior: module.restorer.apply({"params": params["restorer"]}, x, prior)
        once = denoise(given["noise"], given["t"])
        tested = sampler.sample(denoise, tables, given["noise"])[-1]
        chain = sampler.sample(denoise, tables, noised(tables, given["ipr_s1"], given["noise_train"]))
        # One compilation of the restorer for both.
        y, y_train = jax.lax.map(restore, jnp.stack([tested, chain[-1]]))
        return {
            "c": condition, "denoise_out": once, "ipr": tested, "chain": chain, "y": y, "y_train": y_train
        }  # fmt: skip

    ours = run(params, jnp.asarray(nhwc(data["in.x"])))
    for name, value in ours.items():
        theirs = data[f"out.{name}"]
        assert error(value, nhwc(theirs) if theirs.ndim == 4 else theirs) < 1e-5, name
    distance, divergence = prior_losses(ours["chain"][-1], given["ipr_s1"])
    assert error(distance, data["out.l_abs"]) < 1e-4
    assert error(divergence, data["out.l_kd"]) < 1e-4


@pytest.mark.parametrize("path", fixtures("diffir_*_s2"))
def test_the_prior_chain_has_the_published_tables(path):
    data, args = np.load(path), meta_of(path)["args"]
    tables = prior_chain(args["timesteps"], start=args["linear_start"], end=args["linear_end"])
    ours = {
        "betas": tables.betas,
        "alphas_cumprod": tables.signal**2,
        "sqrt_alphas_cumprod": tables.signal,
        "sqrt_one_minus_alphas_cumprod": tables.noise,
        "posterior_mean_coef1": tables.mean_x0,
        "posterior_mean_coef2": tables.mean_x,
    }
    for name, table in ours.items():
        assert error(table, data[f"out.{name}"]) < 1e-6, name
