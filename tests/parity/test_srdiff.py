"""SRDiff's networks, schedules, steps and loss against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import srdiff as names
from dgan_jax.nets.srdiff import SRDiffEncoder, SRDiffUNet
from dgan_jax.objectives.errors import ERRORS
from dgan_jax.process.gaussian import diffuse, gaussian_of_betas
from dgan_jax.process.predictions import x0_of_noise
from dgan_jax.samplers import ancestral
from dgan_jax.systems.diffusion.srdiff import betas_ended, difference, sum_of

OWN = {"cosine": "alpha_bar_cosine", "linear": "beta_linear"}


def networks(args):
    options, rrdb = args["hparams"], args["rrdb"]
    only(options, res=True, use_wn=False, use_rrdb=True, clip_input=True, fix_rrdb=True, beta_s=0.008)
    without_effect(options, "weight_init", "rrdb_num_feat", "rrdb_num_block", "aux_l1_loss", "aux_ssim_loss")
    without_effect(options, "aux_percep_loss")  # losses of an encoder that is trained along, which it is not
    assert args["cond_dim"] == rrdb["nf"]
    scale = options["sr_scale"]
    unet = SRDiffUNet(
        features=args["dim"], multipliers=tuple(args["dim_mults"]), scale=scale, see_enlarged=options["up_input"],
        attention=options["use_attn"],
    )  # fmt: skip
    return unet, SRDiffEncoder(features=rrdb["nf"], blocks=rrdb["nb"], scale=scale, growth=rrdb["gc"])


@pytest.mark.parametrize("path", fixtures("sr_srdiff"))
def test_networks_steps_and_loss_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    unet, encoder = networks(args)
    options, state = args["hparams"], recipe_state(path)
    found = names.players({"encoder": encoder, "denoiser": unet}, state)
    first, params = found["encoder"]["params"], found["denoiser"]["params"]
    read = lambda name: jnp.asarray(nhwc(data[name]))
    image, told = jax.jit(lambda x: encoder.apply({"params": first}, x))(read("in.lr"))
    assert error(image, read("out.rrdb")) < 1e-5
    assert error(told, read("out.cond")) < 1e-5
    enlarged, x = read("in.lr_up"), read("in.x_t")
    say = jax.jit(lambda x, t: unet.apply({"params": params}, x, t, told, enlarged))

    @jax.jit
    def run(x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(say(x, jnp.asarray(data["in.t"])))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    eps, slope = run(x)
    assert error(eps, read("out.eps")) < 1e-5
    assert error(slope, read("out.grad_x")) < 1e-5
    back = {names.UNET + name: value for name, value in names.unet_state(unet, params).items()}
    back |= {names.RRDB + name: value for name, value in names.encoder_state(first).items()}
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)

    betas = betas_ended(OWN[options["beta_schedule"]], options["timesteps"], first=1e-4, last=options["beta_end"])
    process, rescale, noise = gaussian_of_betas(betas), options["res_rescale"], read("in.noise")
    for time in sorted(int(name.rpartition("_t")[2]) for name in data.files if name.startswith("out.x_prev_t")):
        t = jnp.full(len(x), time)
        x0 = jnp.clip(x0_of_noise(process, say(x, t), x, t), -1, 1)
        assert error(x0, read(f"out.x0_t{time}")) < 1e-4
        log_variance = jnp.full((len(x), 1, 1, 1), process.log_variance[time])
        ours = ancestral.step(process, x0, x, log_variance, t, noise)
        assert error(ours, read(f"out.x_prev_t{time}")) < 1e-4
    clean = difference(read("in.hr"), enlarged, rescale)
    assert error(clean, read("out.img2res")) < 1e-6
    assert error(sum_of(x, enlarged, rescale), read("out.res2img")) < 1e-6
    t = jnp.asarray(data["in.t"])
    noisy = diffuse(process, clean, t + 1, noise)
    assert error(noisy, read("out.q_sample")) < 1e-5
    loss = options["loss_type"]
    assert error(ERRORS[loss](say(noisy, t), noise), data[f"out.loss_{loss}"]) < 1e-4


@pytest.mark.parametrize("path", fixtures("sr_srdiff_schedules"))
def test_schedules_are_the_published_ones(path):
    data = np.load(path)
    for schedule, steps, offset, last in args_of(path):
        assert schedule != "cosine" or offset == 0.008
        # One of the two says nothing to each schedule.
        betas = betas_ended(OWN[schedule], steps, first=1e-4, last=last or 0.02)
        read = lambda name, end=f"{schedule}_{steps}": data[f"out.{name}_{end}"]
        assert error(betas, read("betas")) < 1e-6
        tables = gaussian_of_betas(betas)
        assert error(np.square(tables.signal[1:]), read("alphas_cumprod")) < 1e-5
        assert error(tables.mean_x0, read("posterior_mean_coef1")) < 1e-5
        assert error(tables.mean_x, read("posterior_mean_coef2")) < 1e-5
        assert error(1 / tables.signal[1:], read("sqrt_recip_alphas_cumprod")) < 1e-5
        assert error(tables.noise[1:] / tables.signal[1:], read("sqrt_recipm1_alphas_cumprod")) < 1e-5
        assert error(tables.log_variance[1:], read("posterior_log_variance_clipped")[1:]) < 1e-5


@pytest.mark.parametrize(
    ("network", "told", "count"),
    [
        (SRDiffUNet(), 6 * 64, 12_934_915),
        (SRDiffUNet(), 3 * 32, 11_755_267),
        (SRDiffEncoder(), None, 12_381_443),
        (SRDiffEncoder(features=32, blocks=8), None, 1_478_755),
        (SRDiffUNet(multipliers=(1, 2, 2, 4), scale=8), 3 * 32, 10_545_795),
    ],
)
def test_published_sizes_have_the_published_number_of_parameters(network, told, count):
    x = jnp.zeros((1, 16, 16, 3))
    given = (
        (x,) if told is None else (x, jnp.zeros(1), jnp.zeros((1, 16 // network.scale, 16 // network.scale, told)), x)
    )
    shapes = jax.eval_shape(network.init, jax.random.key(0), *given)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == count
