"""Conditional diffusions where no published array is needed: sizes, whole files, options, what is sampled."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import convert, systems
from dgan_jax.convert import ddpm, lddgan, ldm
from dgan_jax.core.parts import Spec
from dgan_jax.nets.adm_unet import ADMUNet
from dgan_jax.nets.latent_unet import LatentUNet
from dgan_jax.nets.ldm_autoencoder import VQAutoencoder
from dgan_jax.process import mean_reverting as sde
from dgan_jax.process.gaussian import gaussian_of_betas
from dgan_jax.process.latent_chain import shifted
from dgan_jax.samplers import mean_reverting
from dgan_jax.systems.diffusion import i2sb, irsde, palette, resshift, sr3
from dgan_jax.systems.diffusion import ldm as latent_diffusion
from dgan_jax.tasks.generate import Generate
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.train import configs, runs

SMALL = {"features": 4, "multipliers": (1,), "blocks": 1, "attention": (), "head_channels": 4, "groups": 2}


def filled(shapes):
    draw = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), shapes)


def test_palettes_network_has_the_published_number_of_parameters():
    experiment = configs.load("palette_celebahq_inpaint")
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    count = sum(leaf.size for leaf in jax.tree.leaves(runs.state_like(experiment, system, 0).params))
    assert round(count / 1e6, 1) == 62.6


@pytest.mark.parametrize(("name", "prefix"), [("palette", "denoise_fn."), ("i2sb", "diffusion_model.")])
def test_a_published_file_becomes_the_network(name, prefix):
    network = ADMUNet(out_channels=3, **SMALL)
    params = filled(ddpm.shapes_of(network, 6))
    state = {prefix + key: value for key, value in ddpm.unet_state(network, params).items()}
    if name == "palette":
        state = {key.replace("time_embed", "cond_embed"): value for key, value in state.items()}
        state["gammas"] = np.ones(5)  # tables lie beside the network
    found = convert.players(name, {"denoiser": network}, state)
    jax.tree.map(np.testing.assert_array_equal, found["denoiser"]["params"], params)


def test_a_whole_file_of_latent_diffusion_gives_averages_codec_and_classes():
    unet = ADMUNet(out_channels=2, **{**SMALL, "attention": (1,)}, transformer=1)
    network, coder = (
        LatentUNet(unet, 3, 5),
        VQAutoencoder(
            resolution=8, features=4, multipliers=(1, 2), blocks=1, groups=2, bottleneck=2, code_channels=2, codes=7
        ),
    )
    given = jnp.zeros((1, 4, 4, 2)), jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32)
    params = filled(jax.eval_shape(network.init, jax.random.key(0), *given)["params"])
    first = filled(jax.eval_shape(coder.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))["params"])
    own = ldm.unet_state(unet, params["unet"])
    state = {ldm.UNET + name: np.zeros_like(value) for name, value in own.items()}
    state |= {"model_ema.diffusion_model" + name.replace(".", ""): value for name, value in own.items()}
    state |= {ldm.FIRST + name: value for name, value in lddgan.autoencoder_state(coder, first).items()}
    state[ldm.TABLE] = params["label"]["embedding"]
    found = convert.players("ldm", {"denoiser": network, "autoencoder": coder}, state)
    jax.tree.map(np.testing.assert_array_equal, found["denoiser"]["params"], params)
    jax.tree.map(np.testing.assert_array_equal, found["autoencoder"]["params"], first)
    with pytest.raises(ValueError, match="neither a U-Net"):
        ldm.players({"denoiser": network}, {"a": np.zeros(1)})


@pytest.mark.parametrize(("way", "slack"), [("sde", 0.05), ("ode", 0.05), ("posterior", 0.05)])
def test_every_way_back_finds_images_of_a_known_law(way, slack):
    """x0 = 0.3 + 0.05 n around mu = 0.5: the best guess of the noise is linear, and samples have that law."""
    process, mu, centre, spread = sde.mean_reverting(400, spread=30.0), 0.5, 0.3, 0.05
    kept, noise = jnp.asarray(process.kept), jnp.asarray(process.noise)

    def say(x, t):
        k, n = kept[t][:, None, None, None], noise[t][:, None, None, None]
        return n * (x - mu - k * (centre - mu)) / (k**2 * spread**2 + n**2)

    shape = (8, 16, 16, 1)
    draw = lambda number: jax.random.normal(jax.random.fold_in(jax.random.key(0), number), shape)
    mean = jnp.full(shape, mu)
    begin = sde.begin(process, mean, draw(10_000))
    x = jax.jit(lambda x: mean_reverting.sample(say, sde.STEPS[way], process, x, mean, draw))(begin)
    assert abs(float(x.mean()) - centre) < 0.01
    assert abs(float(x.std()) - spread) < slack * 0.2


def test_short_chains_are_shifted_and_end_before_clean_data():
    process = gaussian_of_betas(np.full(10, 0.1))
    chain = shifted(process, 5)
    assert list(chain.times) == [1, 3, 5, 7, 9]
    np.testing.assert_allclose(chain.tables.signal, process.signal[[1, 2, 4, 6, 8, 10]], rtol=1e-6)
    with pytest.raises(ValueError, match="past the end"):
        shifted(process, 10)


def test_classes_by_cross_attention_change_the_image_and_guidance_goes_further():
    small = latent_diffusion.Config(
        steps=8, beta_last=0.6, restore_steps=2, **{**SMALL, "attention": (4,)}, context=3, code_channels=2, book=5,
        autoencoder_features=4, autoencoder_multipliers=(1, 2), autoencoder_blocks=1, autoencoder_groups=2,
        patch_features=4, patch_layers=1,
    )  # fmt: skip
    task, spec = Generate(classes=2), Spec(height=8, width=8, channels=3, classes=2)
    y = {"image": jnp.zeros((2, 8, 8, 3)), "label": jnp.asarray([0, 1])}
    system = systems.build(small, task, spec)
    variables = {"params": {}, "model_state": {}}
    for name, player in system.players.items():
        made = jax.eval_shape(player.module.init, jax.random.key(0), *player.inputs(y))
        variables["params"][name] = jax.tree.map(lambda leaf: 0.3 * leaf, filled(made["params"]))
        variables["model_state"][name] = {}
    variables["model_state"]["autoencoder"] = {"statistics": {"largest": jnp.ones(())}}
    x, t = jnp.ones((2, 4, 4, 2)), jnp.full(2, 5)
    said = {}
    for guidance in (1.0, 3.0):
        prior = systems.build(dataclasses.replace(small, guidance=guidance), task, spec).prior
        said[guidance] = jax.jit(lambda prior=prior: prior.predict(variables, x, t, y, None)[0])()
    assert not np.allclose(said[1.0][0], said[1.0][1], atol=1e-4)
    assert not np.allclose(said[1.0], said[3.0], atol=1e-4)


def test_palette_sees_noise_in_the_hole_and_one_for_a_whole_restoration():
    config = palette.Config(**SMALL, dropout=0.0, restore_steps=2, restore_beta_last=0.5)
    system = systems.build(config, Inpaint(hole="box", fill="none"), Spec(height=8, width=8, channels=3))
    y = {"image": jnp.full((1, 8, 8, 3), 0.2), "hole": jnp.zeros((1, 8, 8, 1)).at[:, 2:5, 2:5].set(1)}
    module = system.players["denoiser"].module
    params = filled(jax.eval_shape(module.init, jax.random.key(0), *system.players["denoiser"].inputs(y))["params"])
    params = jax.tree.map(lambda leaf: 0.1 * leaf, params)
    variables, keys = {"params": {"denoiser": params}, "model_state": {}}, jax.random.split(jax.random.key(1), 1)
    lend = jax.jit(lambda x, t: system.prior.predict(variables, x, t, y, keys)[0])
    x = jax.random.normal(jax.random.key(2), (1, 8, 8, 3))
    other = jnp.where(y["hole"] > 0, x, 5.0)
    hole = np.broadcast_to(np.asarray(y["hole"]) > 0, x.shape)
    t = jnp.zeros(1, jnp.int32)
    # What a state holds where pixels are known is not looked at.
    np.testing.assert_allclose(np.asarray(lend(x, t))[hole], np.asarray(lend(other, t))[hole], rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "changes", "says"),
    [
        (resshift.Config, {"autoencoder": "ae"}, "kl or vq or none"),
        (resshift.Config, {"perceptual": -1.0}, "0 or more"),
        (i2sb.Config, {"restore_steps": 1000}, "1 to 999 steps"),
        (i2sb.Config, {"first_time": 1.0}, "first_time"),
        (irsde.Config, {"schedule": "cosin"}, "did you mean 'cosine'"),
        (irsde.Config, {"up": (1,)}, "as many levels"),
        (sr3.Config, {"schedule": "beta_harmonic"}, "leaves nothing"),
        (palette.Config, {"ema": 1.0}, "ema must be in"),
        (latent_diffusion.Config, {"classes_by": "concat"}, "cross or add"),
        (latent_diffusion.Config, {"restore_steps": 1000}, "past the end"),
        (latent_diffusion.Config, {"code_scale": 0.0}, "code_scale too"),
        (latent_diffusion.Config, {"class_dropped": 0.0, "guidance": 2.0}, "without their class"),
    ],
)
def test_a_config_that_cannot_work_says_why(config, changes, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(config(), **changes)
