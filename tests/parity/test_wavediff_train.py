"""WaveDiff's losses, gradients, sampling and initialisation against the reference."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from published import (
    PROCESS,
    SHAPES,
    args_of,
    assert_distributed,
    error,
    fixtures,
    meta_of,
    nhwc,
    recipe_state,
    without_effect,
)

from dgan_jax.convert import wavediff as names
from dgan_jax.core.parts import Objective
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.wavelet_ncsnpp import WaveletNCSNpp
from dgan_jax.objectives.denoising_gan import Draws, denoising_gan
from dgan_jax.process.gaussian import Gaussian, gaussian, vp_betas
from dgan_jax.samplers.denoising_gan import sample
from dgan_jax.spaces.wavelet import wavelet
from dgan_jax.train.state import TrainState
from dgan_jax.train.step import train_step


def tables(args: dict) -> Gaussian:
    betas = vp_betas(
        args["num_timesteps"], beta_min=args["beta_min"], beta_max=args["beta_max"], geometric=args["use_geometric"]
    )
    return gaussian(betas)


def still() -> optax.GradientTransformation:
    """Keeps the gradients in its state and moves nothing: the published terms are all of the same parameters."""
    hold = lambda updates, state, params=None: (jax.tree.map(jnp.zeros_like, updates), updates)
    return optax.GradientTransformation(lambda params: jax.tree.map(jnp.zeros_like, params), hold)


@pytest.mark.parametrize("path", fixtures("wavediff_train"))
def test_the_train_step_repeats_the_published_losses_and_gradients(path):
    data, args = np.load(path), args_of(path)
    space, of_generator, of_critic = wavelet(), args["generator"], args["disc"]
    without_effect(of_generator, "t_emb_dim")
    without_effect(of_critic, "nc")
    generator = WaveletNCSNpp(**names.generator_arguments(of_generator))
    # The variant is told by the weights alone: the small one's first block does not widen.
    state = {player: recipe_state(path, player) for player in "GD"}
    widths = state["D"]["conv1.conv1.0.weight"].shape
    critic = Critic(**names.critic_arguments(of_critic, variant="small" if widths[0] == widths[1] else "large"))
    params = {
        "generator": names.generator_params(generator, state["G"]),
        "critic": names.critic_params(critic, state["D"]),
    }
    read = lambda name: jnp.asarray(nhwc(data[name]))
    given = Draws(
        jnp.asarray(data["in.t"]),
        jnp.asarray(data["in.z"]),
        *(read(f"in.noise_{name}") for name in ("step", "marginal", "post")),
    )
    objective = denoising_gan(
        predict=lambda p, x, t, z, y: generator.apply({"params": p}, x, t, z),
        judge=lambda p, x_t, t, x_next, y: critic.apply({"params": p}, x_t, t, x_next),
        process=tables(of_generator), measure=lambda key, example: {}, encode=space.encode, latent=of_generator["nz"],
        r1_gamma=args["r1_gamma"], r1_every=1, reconstruction=lambda x0_hat, x0, y: jnp.mean(jnp.abs(x0_hat - x0)),
    )  # fmt: skip
    # One draw serves both players, in the place of what `draw` would have drawn.
    fixed = Objective(
        lambda key, example: {"y": {}, "critic": example["draws"], "generator": example["draws"]}, objective.phases
    )
    optimizers = {name: still() for name in params}
    opt_state = {name: optimizers[name].init(params[name]) for name in params}
    start = TrainState(jnp.zeros((), jnp.int32), params, {}, opt_state, {}, {})
    step = jax.jit(functools.partial(train_step, objective=fixed, optimizers=optimizers, ema={}))
    after, metrics = step(start, {"image": read("in.image"), "draws": given}, jax.random.key(0))

    assert error(space.encode(read("in.image")), read("out.bands")) < 1e-6
    for ours, theirs in (
        ("critic/real", "errD_real"),
        ("critic/fake", "errD_fake"),
        ("generator/adversarial", "adv"),
        ("generator/reconstruction", "rec"),
    ):
        assert error(metrics[ours], data[f"out.{theirs}"]) < 1e-5, theirs
    total = metrics["generator/adversarial"] + metrics["generator/reconstruction"]
    assert error(total, data["out.errG"]) < 1e-5
    r1 = float(data["out.r1"])
    assert abs(float(metrics["critic/r1"]) - r1) <= 1e-3 * abs(r1) + 1e-7
    slopes = {
        "gradG": names.generator_state(generator, after.opt_state["generator"]),
        "gradD": names.critic_state(critic, after.opt_state["critic"]),
    }
    recorded = [key.split(".", 2)[1:] for key in data.files if key.startswith("out.grad")]
    assert recorded
    for kind, name in recorded:
        assert error(slopes[kind][name], data[f"out.{kind}.{name}"]) < 1e-4, name


@pytest.mark.parametrize("path", fixtures("wavediff_sampling"))
def test_sampling_repeats_the_published_chain(path):
    data, args = np.load(path), args_of(path)
    without_effect(args, *SHAPES)
    space, network = wavelet(), WaveletNCSNpp(**names.generator_arguments(args))
    params = names.generator_params(network, recipe_state(path))
    read = lambda name: jnp.asarray(nhwc(data[name]))

    @jax.jit
    def chain(x, latents, noises):
        predict = lambda x, t, z: network.apply({"params": params}, x, t, z)
        code = sample(predict, tables(args), x, latents, noises)[0]
        return code, jnp.clip(space.decode(code), -1, 1)

    code, image = chain(read("in.x"), jnp.asarray(data["in.z"]), read("in.noise"))
    assert error(code, read("out.bands")) < 1e-4
    assert error(image, read("out.image")) < 1e-4


@pytest.mark.parametrize("path", fixtures("wavediff_init"))
def test_fresh_generators_are_distributed_as_the_published_ones(path):
    data, args = np.load(path), args_of(path)["G"]
    without_effect(args, *PROCESS, "t_emb_dim")
    network = WaveletNCSNpp(**names.generator_arguments(args))
    side = network.patch * 2 ** len(network.multipliers)
    inputs = jnp.zeros((1, side, side, args["num_channels"])), jnp.ones(1, jnp.int32), jnp.zeros((1, args["nz"]))
    ours = names.generator_state(network, jax.jit(network.init)(jax.random.key(0), *inputs)["params"])
    shapes = {name: tuple(shape) for name, shape in meta_of(path)["state"]["G"]}
    assert {name: value.shape for name, value in ours.items()} == shapes
    assert_distributed(ours, shapes, data, "G")
