"""The losses of both stages of a latent diffusion-GAN, through our own objectives and train step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from published import args_of, error, fixtures, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import ddgan
from dgan_jax.convert import lddgan as names
from dgan_jax.core.parts import Context, Objective
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.nets.patchgan import PatchGAN
from dgan_jax.objectives import autoencoder as coding
from dgan_jax.objectives.denoising_gan import Draws, denoising_gan, diffuse_pair
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.systems.codec import training_codec
from dgan_jax.systems.diffusion_gan.lddgan import fading
from dgan_jax.train.state import TrainState
from dgan_jax.train.step import train_step


@pytest.mark.parametrize("path", fixtures("lddgan_ae_loss"))
def test_the_losses_of_autoencoder_and_patches_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    options = args["loss"]
    only(options, perceptual_weight=0.0)
    only(args["ddconfig"], double_z=True, in_channels=data["in.x"].shape[1] if "in.x" in data else 3)
    network = names.autoencoder_of(args).clone(dropout=0.0)  # the reference ran in evaluation mode
    loss_state = recipe_state(path, "loss")
    judge_state = {name.removeprefix("discriminator."): value for name, value in loss_state.items() if name != "logvar"}
    patches = PatchGAN(features=judge_state["main.0.weight"].shape[0], layers=options["disc_num_layers"])
    variables = names.patches_variables(patches, judge_state)
    weights = {**recipe_state(path, "autoencoder"), "loss.logvar": loss_state["logvar"]}
    params = {"autoencoder": names.autoencoder_params(network, weights), "patches": variables["params"]}
    encode, decode, fidelity = training_codec(network)
    start = options["disc_start"]
    objective = coding.autoencoder(
        encode=encode, decode=decode, fidelity=fidelity, code_shape=lambda shape: shape,
        judge=lambda p, state, x: (patches.apply({"params": p, **state}, x), state),
        regulariser=options["kl_weight"], adversarial=options["disc_weight"], adversarial_start=start,
        critic_loss=coding.CRITIC_LOSSES[options.get("disc_loss", "hinge")], factor=options.get("disc_factor", 1.0),
    )  # fmt: skip
    model_state = {
        "patches": {"batch_stats": variables["batch_stats"]},
        "autoencoder": {"statistics": {"largest": jnp.ones(())}},
    }
    given = coding.Draws(jnp.asarray(nhwc(data["in.noise"])), jax.random.split(jax.random.key(0), len(data["in.x"])))

    @jax.jit
    def run(step):
        context = Context(model_state, {}, step)
        batch, draws = {"image": jnp.asarray(nhwc(data["in.x"]))}, {"autoencoder": given, "patches": given}
        (build, report), (tell, _) = (phase.loss(params, context, batch, draws) for phase in objective.phases)
        return build, tell, report.metrics

    build, tell, _ = run(jnp.zeros((), jnp.int32))
    assert error(build, data["out.gen_loss_0"]) < 1e-5
    assert tell == data["out.disc_loss_0"] == 0
    build, tell, metrics = run(jnp.asarray(2 * start))
    assert error(build, data["out.gen_loss_20"]) < 1e-5
    assert error(tell, data["out.disc_loss_20"]) < 1e-5
    for ours, theirs in (("adversarial", "g_loss"), ("likelihood", "nll_loss"), ("penalty", "kl_loss")):
        assert error(metrics[f"autoencoder/{ours}"], data[f"out.{theirs}"]) < 1e-5, ours
    assert error(metrics["autoencoder/weight"], data["out.d_weight"]) < 1e-4


@pytest.mark.parametrize("path", fixtures("lddgan_train"))
def test_an_update_of_the_generator_has_the_published_losses(path):
    data, args = np.load(path), args_of(path)
    schedule = args["generator"]
    only(schedule, patch_size=1, use_geometric=False)
    without_effect(schedule, "t_emb_dim")
    without_effect(args["disc"], "nc")
    generator = NCSNpp(**ddgan.generator_arguments(schedule))
    critic = Critic(**names.critic_arguments(args["disc"]))
    params = {
        "generator": ddgan.generator_params(generator, recipe_state(path, "G")),
        "critic": ddgan.critic_params(critic, recipe_state(path, "D")),
    }
    alpha = fading(args["num_epoch"])
    shown = data["out.alpha"]
    assert error(alpha[:: args["num_epoch"] // (len(shown) - 1)], shown) < 1e-5
    process = gaussian(
        vp_betas(schedule["num_timesteps"], beta_min=schedule["beta_min"], beta_max=schedule["beta_max"])
    )
    predict = lambda p, x, t, z, y: generator.apply({"params": p}, x, t, z)
    objective = denoising_gan(
        predict=predict, judge=lambda p, x_t, t, x_next, y: critic.apply({"params": p}, x_t, t, x_next),
        process=process, measure=lambda key, example: example, encode=lambda x: x, latent=schedule["nz"], r1_gamma=0.02,
        r1_every=15, reconstruction=lambda x0_hat, x0, y: alpha[args["epoch"]] * jnp.mean(jnp.abs(x0_hat - x0)),
    )  # fmt: skip
    noise = lambda name: jnp.asarray(nhwc(data[f"in.noise_{name}"]))
    draws = Draws(jnp.asarray(data["in.t"]), jnp.asarray(data["in.z"]), noise("step"), noise("marginal"), noise("post"))
    fixed = Objective(lambda key, example: example["draws"], objective.phases[1:])
    optimizers = {"generator": optax.adam(1.6e-4, b1=0.5, b2=0.9, eps=1e-8)}
    opt_state = {"generator": optimizers["generator"].init(params["generator"])}
    state = TrainState(jnp.zeros((), jnp.int32), params, {}, opt_state, {}, {})
    z0 = jnp.asarray(nhwc(data["in.z0"]))

    @jax.jit
    def run(state):
        _, x_next = diffuse_pair(process, z0, draws)
        predicted = predict(state.params["generator"], x_next, draws.t, draws.latent, {})
        step = functools.partial(train_step, objective=fixed, optimizers=optimizers, ema={})
        after, metrics = step(
            state, {"image": z0, "draws": {"y": {}, "generator": draws, "critic": draws}}, jax.random.key(0)
        )
        return after, metrics, predicted

    after, metrics, predicted = run(state)
    adversarial, rest = metrics["generator/adversarial"], metrics["generator/reconstruction"]
    assert error(adversarial, data["out.adv"]) < 1e-4
    assert error(rest, alpha[args["epoch"]] * data["out.rec"]) < 1e-4
    assert error(adversarial + rest, data["out.errG"]) < 1e-4
    assert error(predicted, nhwc(data["out.x0_pred"])) < 1e-5
    moved = jax.tree.map(lambda a, b: not np.array_equal(a, b), after.params, params)
    assert any(jax.tree.leaves(moved["generator"]))
    assert not any(jax.tree.leaves(moved["critic"]))
