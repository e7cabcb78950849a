"""Whole training iterations, through our own train step, against the published ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from published import args_of, error, fixtures, nhwc, recipe_state, without_effect

from dgan_jax.convert import ddgan as names
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.objectives.denoising_gan import Draws, denoising_gan
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.train.state import TrainState
from dgan_jax.train.step import train_step


def remember_gradient() -> optax.GradientTransformation:
    """Passes gradients on and keeps the last one in its state."""
    return optax.GradientTransformation(
        lambda params: jax.tree.map(jnp.zeros_like, params), lambda updates, state, params=None: (updates, updates)
    )


@pytest.mark.parametrize("path", fixtures("ddgan_train"))
def test_three_iterations_repeat_the_published_losses_gradients_and_averages(path):
    data, args = np.load(path), args_of(path)
    options, shape = args["training"], data["in.x0"].shape
    generator = NCSNpp(**names.generator_arguments(args["generator"]))
    critic = Critic(**names.critic_arguments({"nc": 2 * shape[2], **options}, variant="small"))
    params = {
        "generator": names.generator_params(generator, recipe_state(path, "G")),
        "critic": names.critic_params(critic, recipe_state(path, "D")),
    }
    schedule = args["generator"]
    without_effect(schedule, "t_emb_dim")
    process = gaussian(
        vp_betas(
            schedule["num_timesteps"], beta_min=schedule["beta_min"], beta_max=schedule["beta_max"],
            geometric=schedule["use_geometric"],
        )
    )  # fmt: skip
    objective = denoising_gan(
        predict=lambda p, x, t, z, y: generator.apply({"params": p}, x, t, z),
        judge=lambda p, x_t, t, x_next, y: critic.apply({"params": p}, x_t, t, x_next),
        process=process, measure=lambda key, example: example, encode=lambda x: x, latent=schedule["nz"],
        r1_gamma=options["r1_gamma"], r1_every=options["lazy_reg"],
    )  # fmt: skip

    def draws(i: int) -> dict:
        def of(player: str) -> Draws:
            lower = player.lower()
            noise = lambda name: jnp.asarray(nhwc(data[f"in.{lower}_noise_{name}"][i]))
            return Draws(
                jnp.asarray(data[f"in.t{player}"][i]),
                jnp.asarray(data[f"in.z{player}"][i]),
                noise("step"),
                noise("marginal"),
                noise("post"),
            )

        return {"y": {}, "critic": of("D"), "generator": of("G")}

    adam = lambda rate: optax.chain(
        remember_gradient(), optax.adam(rate, b1=options["beta1"], b2=options["beta2"], eps=1e-8)
    )
    optimizers = {"generator": adam(options["lr_g"]), "critic": adam(options["lr_d"])}
    opt_state = {name: optimizers[name].init(params[name]) for name in params}
    state = TrainState(jnp.zeros((), jnp.int32), params, {"generator": params["generator"]}, opt_state, {}, {})

    @jax.jit
    def step(state, batch, given):
        # The fixture's own randomness takes the place of what `draw` would have drawn.
        from dgan_jax.core.parts import Objective

        fixed = Objective(lambda key, example: example["draws"], objective.phases)
        step = functools.partial(
            train_step, objective=fixed, optimizers=optimizers, ema={"generator": options["ema_decay"]}
        )
        return step(state, {**batch, "draws": given}, jax.random.key(0))

    torch_names = {
        "G": names.generator_state(generator, params["generator"]),
        "D": names.critic_state(critic, params["critic"]),
    }
    players = {"G": ("generator", names.generator_state, generator), "D": ("critic", names.critic_state, critic)}
    for i in range(options["steps"]):
        before = {"G": state.params["generator"], "D": state.params["critic"]}
        given = draws(i)
        given.pop("y")
        state, metrics = step(state, {"image": jnp.asarray(nhwc(data["in.x0"][i]))}, {**given, "y": {}})
        for ours, theirs in (
            ("critic/real", "errD_real"),
            ("critic/fake", "errD_fake"),
            ("generator/adversarial", "errG"),
        ):
            assert error(metrics[ours], data[f"out.{theirs}"][i]) < 1e-4, (i, theirs)
        r1 = data["out.r1"][i]
        assert abs(float(metrics["critic/r1"]) - r1) <= 1e-3 * abs(r1) + 1e-7, i
        for key in (key for key in data.files if key.startswith("out.")):
            kind, letter, name = (
                key[4:].partition(".")[0][:-1],
                key[4:].partition(".")[0][-1],
                key[4:].partition(".")[2],
            )
            if kind not in ("grad", "param", "ema"):
                continue
            player, to_state, module = players[letter]
            tree = {"grad": state.opt_state[player][0], "param": state.params[player], "ema": state.ema.get(player)}[
                kind
            ]
            ours, theirs = to_state(module, tree)[name], data[key][i]
            if kind == "grad":
                assert error(ours, theirs) < 1e-3, (i, key)
            else:
                # Parameters are compared by their change: the first Adam steps are sign-like.
                start = to_state(module, before[letter])[name] if kind == "param" else torch_names[letter][name]
                assert np.linalg.norm(ours - theirs) <= 2e-2 * np.linalg.norm(theirs - start) + 1e-7, (i, key)
