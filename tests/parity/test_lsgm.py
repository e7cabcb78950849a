"""LSGM: its SDEs and times, NVAE, the prior of its codes, against the reference; and published sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, meta_of, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import lsgm_names as names
from dgan_jax.nets.mixed_prior import MixedPrior
from dgan_jax.nets.ncsnpp import ScoreNCSNpp
from dgan_jax.nets.nvae import NVAE
from dgan_jax.objectives import mixture
from dgan_jax.process import latent_sde


def sdes_of(args):
    rates = {"first": args["beta_start"], "last": args["beta_end"]}
    growth = {"least": args["sigma2_min"], "most": args["sigma2_max"], "first_variance": args["sigma2_min"]}
    return {
        "vpsde": latent_sde.VariancePreserving(first_variance=args["sigma2_0"], **rates),
        "sub_vpsde": latent_sde.SubVariancePreserving(first_variance=args["sigma2_0"], **rates),
        "geometric": latent_sde.Geometric(**growth),
        "vesde": latent_sde.Exploding(**growth),
    }


@pytest.mark.parametrize("path", fixtures("lsgm_diffusion*"))
def test_diffusions_of_codes_and_their_times_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    t, rho, x = (jnp.asarray(data[f"in.{name}"]) for name in ("t", "rho", "x"))
    x, seen = jnp.moveaxis(x, 1, -1), set()
    for name, sde in sdes_of(args).items():
        ours = {"f": sde.drift(t), "g2": sde.diffusion_squared(t), "var": sde.variance(t), "e2int_f": sde.signal(t)}
        ours["mixing"] = jnp.moveaxis(sde.mixing(x, t), -1, 1)
        for weighting in latent_sde.WEIGHTINGS:
            if f"out.{name}.{weighting}.t" in data:
                times = latent_sde.times_of(weighting, sde, args["time_eps"], rho)
                told = zip(("t", "weight_p", "weight_ll"), times, strict=True)
                ours |= {f"{weighting}.{key}": value for key, value in told}
        for key, value in ours.items():
            if f"out.{name}.{key}" in data:
                seen.add(f"out.{name}.{key}")
                assert error(value, np.broadcast_to(data[f"out.{name}.{key}"], value.shape)) < 1e-4, (name, key)
    assert seen == {key for key in data if key.startswith("out.")}


@pytest.mark.parametrize("sde", [latent_sde.Exploding(first_variance=3e-5), latent_sde.SubVariancePreserving()])
def test_important_times_keep_the_mean_of_the_likelihood(sde):
    u, error = (jnp.arange(20000) + 0.5) / 20000, lambda t: jnp.exp(-3 * t)
    uniform, important = (latent_sde.times_of(name, sde, 0.01, u) for name in ("ll_uniform", "ll_iw"))
    plain = 0.99 * jnp.mean(uniform.likelihood * error(uniform.t))
    assert abs(jnp.mean(important.likelihood * error(important.t)) / plain - 1) < 0.01


def nvae_of(args, image_size):
    only(args, num_latent_scales=1, num_nf=0, progressive_input_vae="none", arch="res_bnswish", decoder_dist="dml")
    without_effect(args, "dataset")
    multipliers = tuple(args["channel_mult"])
    assert len(multipliers) == 1 + args["num_preprocess_blocks"] == 1 + args["num_postprocess_blocks"]
    return NVAE(
        image_size, features=args["num_channels_enc"], decoder_features=args["num_channels_dec"],
        multipliers=multipliers, groups=args["num_groups_per_scale"], code_channels=args["num_latent_per_group"],
        pre_cells=args["num_preprocess_cells"], post_cells=args["num_postprocess_cells"],
        encoder_cells=args["num_cell_per_cond_enc"], decoder_cells=args["num_cell_per_cond_dec"],
        log_std_limit=args["log_sig_q_scale"], squeeze=args["se"],
    )  # fmt: skip


def assert_named_both_ways(back, state):
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("lsgm_nvae*"))
def test_the_autoencoder_and_its_likelihood_are_the_published_ones(path):
    data, args, meta = np.load(path), args_of(path), meta_of(path)
    x = nhwc(data["in.x"])
    network, bits = nvae_of(args, x.shape[1]), args["num_x_bits"]
    state = recipe_state(path)
    variables = names.nvae_variables(network, state)
    rho = np.concatenate([nhwc(data[f"in.rho{i}"]) for i in range(network.groups)], axis=-1)

    @jax.jit
    def run(variables, x, rho):
        logits, code = network.apply(variables, x, rho)
        again = network.apply(variables, code.eps, method="decode")
        log_p = mixture.log_probability(logits, x, bits=bits)
        return logits, code, log_p, mixture.mean_image(logits), mixture.mean_image(again)

    logits, code, log_p, mean, again = run(variables, x, rho)
    log_q = -0.5 * (rho**2 + np.log(2 * np.pi)) - code.log_std
    for i, (eps, log) in enumerate(zip(*(np.split(a, network.groups, -1) for a in (code.eps, log_q)), strict=True)):
        assert error(eps, nhwc(data[f"out.eps{i}"])) < 1e-5
        assert error(log.sum((1, 2, 3)), data[f"out.log_q{i}"]) < 1e-5
    assert error(code.eps, nhwc(data["out.latent"])) < 1e-5
    assert error(logits, nhwc(data["out.logits"])) < 1e-5
    assert error(log_p, data["out.log_p_x"]) < 1e-5
    assert error(mean, nhwc(data["out.decoder_mean"])) < 1e-5
    assert error((again + 1) / 2, nhwc(data["out.sample_from_eps"])) < 1e-5
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == meta["parameters"]
    assert_named_both_ways(names.nvae_state(network, variables), state)


def prior_of(args, side):
    only(args, embedding_type="positional", num_latent_scales=1)
    without_effect(args, "dataset", "num_preprocess_blocks")  # they say the codes' side, 16, where attention is
    network = ScoreNCSNpp(
        image_size=side, out_channels=args["num_input_channels"], features=args["num_channels_dae"],
        multipliers=(1,) * args["num_scales_dae"], blocks=args["num_cell_per_scale_dae"], dropout=args["dropout"],
        fir_kernel=(1, 3, 3, 1) if args["fir"] else None, input_pyramid=args["progressive_input"],
        output_pyramid=args["progressive"], combine=args["progressive_combine"], embedded=args["embedding_dim"],
    )  # fmt: skip
    return MixedPrior(network, args["embedding_scale"], args["mixing_logit_init"], args["mixed_prediction"])


@pytest.mark.parametrize("path", fixtures("lsgm_prior*"))
def test_the_prior_is_the_published_one(path):
    data, args = np.load(path), args_of(path)
    x, t = nhwc(data["in.x"]), jnp.asarray(data["in.t"])
    mixed, state = prior_of(args, x.shape[1]), recipe_state(path)
    params = names.prior_params(mixed, state)

    @jax.jit
    def run(params, x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(alone.apply({"params": params}, x, t, x))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope, mixed.apply({"params": params}, x, t, jnp.sqrt(0.37) * x)

    alone = mixed.clone(mixed=False)
    y, slope, both = run(params, x)
    assert error(y, nhwc(data["out.y"])) < 1e-5
    if "out.grad_x" in data:
        assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    if "out.mixed" in data:
        assert error(both, nhwc(data["out.mixed"])) < 1e-5
    assert_named_both_ways(names.prior_state(mixed, params), state)


def test_published_sizes_have_the_published_number_of_parameters():
    count = lambda shapes: sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert count(names.nvae_shapes(NVAE(32))["params"]) == 100_867_740
    network = ScoreNCSNpp(
        image_size=16, out_channels=180, features=512, multipliers=(1, 1, 1), blocks=8, embedded=128,
        input_pyramid="none",
    )  # fmt: skip
    assert count(names.prior_shapes(MixedPrior(network))) == 375_561_064
