"""RePaint, DDNM and DDRM against the references, on the fixtures' toy networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from published import args_of, error, fixtures, meta_of, nhwc

from dgan_jax.process import schedules
from dgan_jax.process.gaussian import diffuse_step, gaussian_of_betas, step_log_variance, through
from dgan_jax.process.predictions import VARIANCES, x0_of_noise
from dgan_jax.samplers import ddnm, ddrm, repaint
from dgan_jax.samplers.known import Known
from dgan_jax.samplers.travel import Jumps, calls, schedule

array = lambda data, name: jnp.asarray(nhwc(data[name]))


def levels_of(t_T, jump_length, jump_n_sample, n_sample=1, jump2_length=1, jump2_n_sample=1, jump3_length=1,
              jump3_n_sample=1, start_resampling=None):  # fmt: skip
    """By the reference's arguments; one that is not among them is a TypeError."""
    jumps = (
        Jumps(jump_length, jump_n_sample),
        Jumps(jump2_length, jump2_n_sample),
        Jumps(jump3_length, jump3_n_sample),
    )
    return schedule(t_T, *jumps, repeats=n_sample, below=start_resampling)


@pytest.mark.parametrize("path", fixtures("repaint_schedule*"))
def test_levels_go_forth_and_back_as_published(path):
    data, meta = np.load(path), meta_of(path)
    for name, args in meta["args"].items():
        levels = levels_of(**args)
        assert np.array_equal(levels, data[f"out.{name}"]), name
        counts = meta["counts"][name]
        assert (len(levels), calls(levels)) == (counts["length"], counts["model_calls"])


def shifted(x):
    """The toy networks' neighbours: each pixel's left one."""
    return jnp.roll(x, 1, axis=2)


def mask_known(keep, image, sigma=0.0):
    """Pixels where `keep` is 1 are known."""
    return Known(
        gap=lambda x, scale: keep * (scale * image - x), weigh=lambda f, x: f(keep) * x, sigma=jnp.asarray(sigma)
    )


@pytest.mark.parametrize("path", fixtures("repaint_sampling*"))
def test_repaint_repeats_the_published_chain(path):
    data, args, meta = np.load(path), args_of(path), meta_of(path)
    known_args = {
        "steps", "timestep_respacing", "learn_sigma", "noise_schedule", "schedule_jump_params", "inpa_inj_sched_prev",
    }  # fmt: skip
    assert args.keys() == known_args
    steps, kind = args["steps"], schedules.PUBLISHED["guided_diffusion"][args["noise_schedule"]]
    scale = 1000 / steps
    process = gaussian_of_betas(schedules.betas_of(kind, steps, first=1e-4 * scale, last=0.02 * scale))
    times = schedules.rounded_steps(steps, int(args["timestep_respacing"]))
    assert np.array_equal(times, data["out.timestep_map"])
    chain = through(process, times)
    tables = chain.tables
    assert error(tables.step_noise[1:].astype(np.float64) ** 2, data["out.betas"]) < 1e-5
    assert error(tables.mean_x0, data["out.posterior_mean_coef1"]) < 1e-5
    assert error(tables.mean_x, data["out.posterior_mean_coef2"]) < 1e-5
    assert error(step_log_variance(tables, "small"), data["out.posterior_log_variance_clipped"]) < 1e-5

    levels = levels_of(**args["schedule_jump_params"])
    assert np.array_equal(levels, data["out.times"])
    start = array(data, "in.start")
    shape, prefix = data["in.start"].shape, meta["seed_prefix"]
    read = lambda i: nhwc(recipe.array(f"{prefix}.noise.{i}", shape))
    # A call draws for its step, then (but for the first) for what is known; going back draws once.
    drawn, count = [], 0
    for i, falls in enumerate(np.diff(levels) < 0):
        pair = [read(count), np.zeros_like(start)]
        count += 1
        if falls and i and args["inpa_inj_sched_prev"]:
            pair[1] = read(count)
            count += 1
        drawn += pair
    assert count == meta["draws"]
    drawn = jnp.asarray(np.stack(drawn))
    known = mask_known(array(data, "in.keep"), array(data, "in.gt"))
    if not args["inpa_inj_sched_prev"]:
        known = mask_known(jnp.zeros(()), array(data, "in.gt"))

    def predict(x, t, i):
        time = t.astype(x.dtype)[:, None, None, None] / steps
        x0 = x0_of_noise(process, 0.9 * x + 0.1 * shifted(x) * time, x, t)
        return x0, VARIANCES["learned_range"](process, jnp.tanh(x), t) if args["learn_sigma"] else None

    clip = lambda x0: jnp.clip(x0, -1, 1)
    run = jax.jit(lambda x: repaint.sample(predict, process, chain, levels, known, x, lambda i: drawn[i], limit=clip))
    assert error(run(start), array(data, "out.final")) < 1e-4
    middle = jnp.full(len(start), len(times) // 2)
    undone = diffuse_step(tables, start, middle, jnp.asarray(read(10000)))
    assert error(undone, array(data, "out.undo")) < 1e-4


def block_mean(x, r):
    b, h, w, c = x.shape
    return x.reshape(b, h // r, r, w // r, r, c).mean((2, 4))


repeat = lambda y, r: jnp.repeat(jnp.repeat(y, r, 1), r, 2)
GREY = jnp.asarray([0.3333, 0.3334, 0.3333])


def operator(task, keep):
    """(A, A+, singular value) of the fixture's tasks, in images."""
    if task == "inpainting":
        return lambda x: keep * x, lambda y: keep * y, 1.0
    if task == "denoising":
        return lambda x: x, lambda y: y, 1.0
    if task == "colorization":
        return lambda x: x @ GREY[:, None], lambda y: y * GREY / jnp.sum(GREY**2), float(jnp.linalg.norm(GREY))
    r = int(task.removeprefix("sr"))
    return lambda x: block_mean(x, r), lambda y: repeat(y, r), 1.0 / r


def known_of(task, keep, y, sigma):
    """All singular values that are not 0 are the same, so directions are what A+ A keeps and what it leaves."""
    apply, inverse, s = operator(task, keep)
    if task == "inpainting":
        seen = lambda x: keep * x
    else:
        seen = lambda x: inverse(apply(x))
    weigh = lambda f, x: f(jnp.asarray(s)) * seen(x) + f(jnp.zeros(())) * (x - seen(x))
    return Known(lambda x, scale: inverse(scale * y - apply(x)), weigh, jnp.asarray(sigma))


def grouping(task):
    """How the reference cuts an image into the groups that its small SVD is of: (into groups, back, the row of A)."""
    if task == "colorization":
        return lambda x: x, lambda x: x, np.asarray(GREY)
    if not task.startswith("sr"):
        return None
    r = int(task.removeprefix("sr"))

    def cut(x):
        *batch, h, w, c = x.shape
        x = x.reshape(*batch, h // r, r, w // r, r, c)
        return jnp.moveaxis(jnp.moveaxis(x, -1, -5), -3, -2).reshape(*batch, c, h // r, w // r, r * r)

    def paste(x):
        *batch, c, h, w, _ = x.shape
        x = jnp.moveaxis(x.reshape(*batch, c, h, w, r, r), -3, -2)
        return jnp.moveaxis(x.reshape(*batch, c, h * r, w * r), -3, -1)

    return cut, paste, np.full(r * r, 1 / r**2)


def imitated(known, groups, s, drawn, levels):
    """The reference takes drawn and predicted noise for coefficients already, without V'. Of a draw that is as good; of
    a prediction it is a fault, which `samplers.ddnm` has not and which only this test makes."""
    cut, paste, row = groups
    v = jnp.asarray(np.linalg.svd(np.asarray(row, np.float32)[None])[2].T)
    values = jnp.zeros(len(row)).at[0].set(s)

    def weigh(f, x):
        plain, factors = cut(x), f(values[None, None, None])
        factors = factors.reshape(-1, *[1] * (plain.ndim - 2), len(row))
        # The predicted noise alone is taken where A sees nothing, and there alone, by less than 1.
        predicted = (factors[..., :1] == 0) & (factors[..., 1:2] != 1)
        coefficients = jnp.where(predicted, plain, plain @ v)
        return paste((factors * coefficients) @ v.T)

    falls = np.diff(levels) < 0
    turned = jnp.stack([paste(cut(z) @ v.T) if fall else z for z, fall in zip(drawn, falls, strict=True)])
    return known._replace(weigh=weigh), turned


def measured(data, meta, task, keep, noisy):
    """y as an image: the reference keeps it flat, known pixels one after the other with their channels side by side."""
    y = data[f"in.y_{task}"]
    if noisy:
        y = y + meta["args"]["sigma_y"] * recipe.array(f"{meta['prefix']}.{task}.ynoise", y.shape)
    batch, channels, height, width = data["in.x0"].shape
    if task == "inpainting":
        image = np.zeros((batch, height, width, channels), np.float32)
        image[:, keep[..., 0] > 0] = y.reshape(batch, -1, channels)
        return jnp.asarray(image)
    planes = 1 if task == "colorization" else channels
    r = int(task.removeprefix("sr")) if task.startswith("sr") else 1
    return jnp.asarray(nhwc(y.reshape(batch, planes, height // r, width // r)))


def setting(path):
    data, meta = np.load(path), meta_of(path)
    args = dict(meta["args"])
    assert args.pop("betas") == "linspace(1e-4, 0.02, 1000)"
    known = {"eta", "T_sampling", "travel_length", "travel_repeat", "sigma_y", "etaB"}
    assert args.keys() == known
    process = gaussian_of_betas(schedules.betas_of("beta_linear", 1000))
    times = np.arange(args["T_sampling"]) * (1000 // args["T_sampling"])

    def predict(x, t, i):
        noise = 0.9 * x + 0.1 * shifted(x) * t.astype(x.dtype)[:, None, None, None] / 1000
        return x0_of_noise(process, noise, x, t), None

    return data, meta, args, process, through(process, times), predict


@pytest.mark.parametrize("path", fixtures("training_free_solvers*"))
def test_ddnm_repeats_the_published_chains(path):
    data, meta, args, process, chain, predict = setting(path)
    keep = data["in.keep"][..., None]
    levels = schedule(args["T_sampling"], Jumps(args["travel_length"], args["travel_repeat"]))
    cases = [key.removeprefix("ddnm_") for key in meta["draws"] if key.startswith("ddnm_")]
    for case in cases:
        task, noisy = case.removesuffix("_noisy"), case.endswith("_noisy")
        y = measured(data, meta, task, keep, noisy)
        known = known_of(task, keep, y, args["sigma_y"] if noisy else 0.0)
        if not noisy:
            assert error(known.gap(jnp.zeros_like(array(data, "in.x0")), 1.0), array(data, f"out.pinv_{task}")) < 2e-3
        count = meta["draws"][f"ddnm_{case}"]
        shape, prefix = data["in.x0"].shape, meta["prefix"]
        drawn = jnp.stack([nhwc(recipe.array(f"{prefix}.{task}.noise.{i}", shape)) for i in range(count)])
        if noisy and (groups := grouping(task)):
            known, drawn = imitated(known, groups, operator(task, keep)[2], drawn, levels)
        run = lambda x: ddnm.sample(
            predict, process, chain, levels, known, x, lambda i: drawn[i], eta=args["eta"], exact=not noisy
        )
        image, x0 = jax.jit(run)(array(data, "in.xT"))
        assert error(image, array(data, f"out.ddnm_{case}")) < 1e-4, case
        assert error(x0, array(data, f"out.ddnm_{case}_x0")) < 1e-4, case


def spectral_places(task, keep, channels):
    """Where the reference's coefficients lie in an image [C, H, W] of indices: known pixels first, their channels side
    by side, then missing ones, one channel after the other."""
    height, width = keep.shape[:2]
    flat = np.arange(channels * height * width)
    if task == "denoising":
        return flat
    planes, kept = flat.reshape(channels, -1), keep.reshape(-1) > 0
    return np.concatenate([planes[:, kept].T.reshape(-1), planes[:, ~kept].reshape(-1)])


@pytest.mark.parametrize("path", fixtures("training_free_solvers*"))
def test_ddrm_repeats_the_published_chains(path):
    data, meta, args, process, chain, predict = setting(path)
    keep = data["in.keep"][..., None]
    cases = [key.removeprefix("ddrm_") for key in meta["draws"] if key.startswith("ddrm_")]
    # Of the others the null space has no basis of its own.
    for case in [case for case in cases if case.startswith(("inpainting", "denoising"))]:
        task, noisy = case.removesuffix("_noisy"), case.endswith("_noisy")
        y = measured(data, meta, task, keep, noisy)
        sigma = args["sigma_y"] if noisy else 0.0
        known = known_of(task, keep, y, sigma)
        shape, prefix = data["in.x0"].shape, meta["prefix"]
        places, seen = spectral_places(task, keep, shape[1]), data[f"in.y_{task}"].shape[1]

        def image_of(coefficients):
            flat = np.zeros((shape[0], np.prod(shape[1:])), np.float32)
            flat[:, places] = coefficients
            return nhwc(flat.reshape(shape))

        # Three draws a step: for what is missing, for what is seen where y is noisier than the state, and where not.
        spreads = (chain.tables.noise / chain.tables.signal)[:-1][::-1]
        drawn, after = [], 0
        for i, spread in enumerate(spreads):
            name = lambda k: f"{prefix}.{task}.ddrm.noise.{3 * i + k}"
            whole = recipe.array(name(0), shape)
            if spread < sigma:
                own = recipe.array(name(1), (shape[0], seen))
                after += 1
            else:
                own = recipe.array(name(2), data[f"in.y_{task}"].shape)
            coefficients = whole.reshape(shape[0], -1).copy()
            if spread > 0 or sigma:
                coefficients[:, :seen] = own
            drawn.append(image_of(coefficients))
        assert bool(after) == noisy
        drawn = jnp.asarray(np.stack(drawn))
        start = image_of(data["in.xT"].reshape(shape[0], -1))
        spread = float(chain.tables.noise[-1]) / float(chain.tables.signal[-1])
        assert error(ddrm.begin(known, spread, start), array(data, f"out.ddrm_{case}_init")) < 1e-4, case
        run = lambda x: ddrm.sample(
            predict, process, chain, known, x, lambda i: drawn[i], eta=args["eta"], trust=args["etaB"]
        )
        assert error(jax.jit(run)(start), array(data, f"out.ddrm_{case}")) < 1e-4, case
