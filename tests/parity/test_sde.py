"""Diffusion in continuous time against the reference: its functions, losses, steps, samplers and inpainting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc
from test_replacement import PREDICTORS

from dgan_jax.objectives.score import denoising_error
from dgan_jax.process.gaussian import expand
from dgan_jax.process.levels import importance, levels_of, marginal64
from dgan_jax.process.sde import SubVariancePreserving, VarianceExploding, VariancePreserving, score_of
from dgan_jax.samplers import controllable
from dgan_jax.samplers import predictor_corrector as pc

PREDICTED = dict(
    zip(("euler_maruyama", "reverse_diffusion", "ancestral_sampling"), list(PREDICTORS.values())[:3], strict=True)
)
CORRECTED = {"none": "none", "langevin": "langevin", "ald": "annealed"}


def sdes(args, steps):
    beta, sigma = args["beta"], args["sigma"]
    return {
        "vp": VariancePreserving(*beta, steps),
        "subvp": SubVariancePreserving(*beta, steps),
        "ve": VarianceExploding(*sigma, steps),
    }


def taken(path, *names):
    """A fixture's arguments; one that the test does not take fails."""
    args = args_of(path)
    assert args.keys() == {*names}, "the fixture restates an argument that this test does not take"
    return args


def array(data, name):
    return jnp.asarray(nhwc(data[name]))


def assert_sampled(kind, ours, theirs):
    """Of the variance exploding SDE in few steps, each multiplies rounding by up to 500 where a value is near 0: two
    float32 runs agree in nearly all pixels and may differ at will in the others."""
    if kind != "ve":
        assert error(ours, theirs) < 1e-4
        return
    gap = np.abs(np.asarray(ours) - theirs)
    assert np.quantile(gap, 0.9) < 1e-3 * np.sqrt(np.mean(np.square(theirs)))


def wave(kind):
    """The network of sampler fixtures: it takes part in nothing but the arithmetic around it."""
    sign = -1 if kind == "ve" else 1
    return lambda x, label: sign * 0.5 * jnp.tanh(x) + 0.0001 * expand(label, x)


@pytest.mark.parametrize("path", fixtures("sde_functions*"))
def test_the_sdes_are_the_published_ones(path):
    data, args = np.load(path), taken(path, "N", "beta", "sigma")
    t, x0 = jnp.asarray(data["in.t_grid"]), jnp.asarray(data["in.x_grid"]).reshape(-1)
    x, at, score = array(data, "in.x"), jnp.asarray(data["in.t"]), array(data, "in.score")
    for kind, sde in sdes(args, args["N"]).items():
        out = lambda name, kind=kind: data[f"out.{kind}.{name}"]
        signal, noise = sde.marginal(t)
        drift, diffusion = sde.piece(t)
        # float32 in the reference loses digits of 1 - exp(2 log signal) at small t; ours does not.
        found = {
            "marginal_mean": signal * x0, "marginal_std": noise, "drift": sde.drift(t) * x0,
            "diffusion": sde.diffusion(t), "discretize_f": drift * x0, "discretize_G": diffusion,
        }  # fmt: skip
        for name, value in found.items():
            np.testing.assert_allclose(value, out(name).reshape(-1), rtol=1e-4, atol=1e-4 * np.abs(out(name)).max())
        logp = -0.5 * jnp.sum(jnp.square(x / sde.prior_std), (1, 2, 3))
        logp -= x[0].size * np.log(sde.prior_std * np.sqrt(2 * np.pi))
        assert error(logp, out("prior_logp")) < 1e-5
        for share, tail in ((1.0, ""), (0.5, "_ode")):
            slope = expand(sde.diffusion(at), x) ** 2 * score * share
            assert error(expand(sde.drift(at), x) * x - slope, nhwc(out(f"reverse_drift{tail}"))) < 1e-4
            drift, diffusion = (expand(value, x) for value in sde.piece(at))
            reverse = drift * x - diffusion**2 * score * share
            assert error(reverse, nhwc(out(f"reverse_discretize_f{tail}"))) < 1e-4
    vp, ve = (levels_of(sdes(args, args["N"])[kind], continuous=False, end=0.5).process for kind in ("vp", "ve"))
    assert error(sdes(args, args["N"])["vp"].betas, data["out.vp.discrete_betas"]) < 1e-6
    assert error(vp.signal[1:].astype(np.float64) ** 2, data["out.vp.alphas_cumprod"]) < 1e-5
    assert error(ve.noise[1:], data["out.ve.discrete_sigmas"]) < 1e-5


@pytest.mark.parametrize("path", fixtures("sde_losses*"))
def test_the_losses_are_the_published_ones(path):
    data, args = np.load(path), taken(path, "N", "beta", "sigma")
    x0, z = array(data, "in.x"), array(data, "in.noise0")
    t, labels = jnp.asarray(data["in.t"]), jnp.asarray(data["in.labels"])
    network = lambda x, label: 0.3 * jnp.tanh(x) + 0.001 * expand(label.astype(jnp.float32), x)
    found = {}
    for kind, sde in sdes(args, args["N"]).items():
        signal, noise = (expand(value, x0) for value in sde.marginal(t))
        said = -noise * score_of(network, sde)(signal * x0 + noise * z, t)
        weight = jnp.square(sde.diffusion(t) / sde.marginal(t)[1])
        for how, reduce in ((1, "mean"), (0, "half_sum")):
            for weighted in (0, 1):
                loss = denoising_error(said, z, weight=weight if weighted else 1.0, reduce=reduce)
                found[f"{kind}.sde_loss.mean{how}.lw{weighted}"] = loss.mean()
        if kind == "subvp":
            continue
        process = levels_of(sde, continuous=False, end=0.5).process
        number = args["N"] - 1 - labels if kind == "ve" else labels
        signal, noise = (expand(jnp.asarray(table)[number + 1], x0) for table in (process.signal, process.noise))
        said = network(signal * x0 + noise * z, labels) * (-noise if kind == "ve" else 1)
        for how, reduce in ((1, "mean"), (0, "half_sum")):
            name = {"ve": "smld", "vp": "ddpm"}[kind]
            found[f"{kind}.{name}_loss.mean{how}"] = denoising_error(said, z, reduce=reduce).mean()
    assert {f"out.{name}" for name in found} == {name for name in data.files if name.startswith("out.")}
    for name, loss in found.items():
        assert error(loss, data[f"out.{name}"][0]) < 1e-4, name


@pytest.mark.parametrize("path", fixtures("sde_steps*"))
def test_predictors_and_correctors_are_the_published_ones(path):
    data, args = np.load(path), taken(path, "N", "langevin_snr", "ald_snr", "beta", "sigma")
    x, t, slope = array(data, "in.x"), jnp.asarray(data["in.t"]), array(data, "in.score")
    fresh = [array(data, f"in.noise{i}") for i in range(sum(name.startswith("in.noise") for name in data.files))]
    names = {name.removeprefix("out.").rpartition(".")[0] for name in data.files if name.startswith("out.")}
    for name in names:
        kind, _, step = name.partition(".")
        sde = sdes(args, args["N"])[kind]
        if step in PREDICTED:
            ours = pc.PREDICTORS[PREDICTED[step]](lambda x, t: slope, sde, x, t, fresh[0], flow=False)
        else:
            which, _, count = step.rpartition("_n")
            ours = x, x
            for i in range(int(count)):
                correct = pc.CORRECTORS[CORRECTED[which]]
                score, snr = lambda x, t: slope + 0.1 * x, args[f"{which}_snr"]
                ours = correct(score, sde, ours[0], t, fresh[i], snr=snr, coupled=True)
        for value, tail in zip(ours, ("x", "x_mean"), strict=True):
            assert error(value, nhwc(data[f"out.{name}.{tail}"])) < 1e-4, name


def noises(data):
    count = sum(name.startswith("in.noise") for name in data.files)
    return jnp.stack([array(data, f"in.noise{i}") for i in range(count)])


@pytest.mark.parametrize("path", fixtures("sde_samplers*"))
def test_sampling_by_predictor_and_corrector_is_the_published_one(path):
    data, args = np.load(path), taken(path, "N", "snr", "n_steps", "eps", "beta", "sigma")
    drawn, prior = noises(data), array(data, "in.prior")
    names = [name.removeprefix("out.") for name in data.files if name.startswith("out.") and ".ode" not in name]
    for name in names:
        kind, predictor, corrector = name.split(".")
        sde = sdes(args, args["N"])[kind]
        _, mean = pc.sample(
            score_of(wave(kind), sde), sde, sde.prior_std * prior, lambda i: drawn[i], coupled=True, snr=args["snr"],
            predictor=PREDICTED[predictor], corrector=CORRECTED[corrector], corrections=args["n_steps"],
            end=args["eps"][kind],
        )  # fmt: skip
        assert_sampled(kind, mean, nhwc(data[f"out.{name}"]))


@pytest.mark.parametrize("path", fixtures("sde_inpaint*"))
def test_inpainting_and_colouring_are_the_published_ones(path):
    data, args = np.load(path), taken(path, "N", "snr", "n_steps", "eps", "beta", "sigma")
    image, known, grey = (array(data, f"in.{name}") for name in ("data", "mask", "gray"))
    drawn, prior = noises(data), array(data, "in.prior")
    for name in [name.removeprefix("out.") for name in data.files if name.startswith("out.")]:
        what, kind, predictor, corrector = name.split(".")
        sde = sdes(args, args["N"])[kind]
        noise = sde.prior_std * prior
        if what == "inpaint":
            put, start = pc.replacing(sde, image, known, literal=True), image * known + noise * (1 - known)
        else:
            put = controllable.colouring(sde, grey, literal=True)
            # As published: the first channel of the noise is left out before it is rotated.
            start = noise.at[..., 0].set(0) + controllable.with_grey(jnp.zeros_like(grey), controllable.grey_part(grey))
        _, mean = pc.sample(
            score_of(wave(kind), sde), sde, start, lambda i: drawn[i], coupled=True, snr=args["snr"],
            predictor=PREDICTED[predictor], corrector=CORRECTED[corrector], corrections=args["n_steps"],
            end=args["eps"][kind], put=put,
        )  # fmt: skip
        assert_sampled(kind, mean, nhwc(data[f"out.{name}"]))


def test_importance_draws_the_likelihoods_times():
    for sde in sdes({"beta": (0.1, 20.0), "sigma": (0.01, 50.0)}, 1000).values():
        draw, mean = importance(sde, 1e-5)
        t = np.asarray(draw(jnp.linspace(0, 1, 20_001)[:-1]), np.float64)
        assert t.min() >= 0.999e-5
        assert t.max() <= 1.0001
        # Any loss of the level has the same mean: weighted at even times, and times `mean` at these.
        even = np.geomspace(1e-5, 1, 50_001)
        weight = np.square(np.asarray(sde.diffusion(jnp.asarray(even)), np.float64) / marginal64(sde, even)[1])
        middle = lambda values: np.sum(0.5 * (values[1:] + values[:-1]) * np.diff(even)) / (1 - 1e-5)
        loss = lambda t: 1 + t - 0.5 * t**2
        assert abs(mean * np.mean(loss(t)) / middle(weight * loss(even)) - 1) < 2e-3


def test_a_discrete_chain_of_the_sub_vp_sde_is_refused():
    with pytest.raises(ValueError, match="sub-VP"):
        levels_of(SubVariancePreserving(), continuous=False, end=1e-3)


def test_levels_are_those_of_the_sde():
    sde = VarianceExploding(0.02, 100.0, 10)
    levels = levels_of(sde, continuous=True, end=1e-5)
    assert np.allclose(levels.process.noise[[1, -1]], (0.02, 100.0), rtol=1e-3)
    assert np.all(levels.process.signal == 1)
    assert jax.tree.all(jax.tree.map(np.all, jax.tree.map(np.isfinite, levels.process)))
