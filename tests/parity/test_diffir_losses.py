"""The inpainting losses of DiffIR and the discriminator they use, against the reference."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc, only, recipe_state

from dgan_jax.convert import diffir as names
from dgan_jax.nets.pix2pixhd_critic import PatchCritic
from dgan_jax.objectives.diffir import Adversary, prior_losses, weighted_l1


@pytest.mark.parametrize("path", fixtures("diffir_inpainting_losses"))
def test_the_inpainting_losses_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    image, pred, hole = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("image", "pred", "mask"))
    own = args["adversarial"]
    # Holes are brought to the size of the critic's answer.
    only(own, allow_scale_mask=True, mask_scale_mode="nearest")
    only(args["disc"], input_nc=data["in.image"].shape[1])
    # Where all of the restored image counts as fake, the hole is everything.
    judged_hole = hole if own["mask_as_fake_target"] else jnp.ones_like(hole)
    module = PatchCritic(features=args["disc"]["ndf"], layers=args["disc"]["n_layers"])
    state = recipe_state(path)
    variables = names.critic_variables(module, state)
    back = names.critic_state(module, variables)
    assert back.keys() == {name for name in state if not name.endswith("num_batches_tracked")}
    assert all(np.array_equal(back[name], state[name]) for name in back)

    def judge(params, model_state, x):
        (logits, features), changed = module.apply({"params": params, **model_state}, x, mutable=["batch_stats"])
        return logits, features, changed

    adversary = Adversary(judge, own["weight"], args["feature_matching"]["weight"], own["gp_coef"])
    alone = lambda **weights: dataclasses.replace(adversary, **weights)
    statistics = {"batch_stats": variables["batch_stats"]}

    @jax.jit
    def run(params):
        real, features, _ = judge(params, statistics, image)
        fake, _, _ = judge(params, statistics, pred)
        learn = lambda params: adversary.learn(params, statistics, pred, image, {"hole": judged_hole})[:2]
        (disc, metrics), slope = jax.value_and_grad(learn, has_aux=True)(params)
        return {
            "real_map": real, "fake_map": fake, "disc": disc, "r1": metrics["critic/r1"],
            "grad_d": slope["conv0"]["kernel"], "features": features,
            "gen_adv": alone(feature_matching=0.0).teach(params, statistics, pred, image)[0],
            "feature_matching": alone(adversarial=0.0).teach(params, statistics, pred, image)[0],
        }  # fmt: skip

    ours = run(variables["params"])
    for name in ("disc", "r1", "gen_adv", "feature_matching"):
        assert error(ours[name], data[f"out.{name}"]) < 1e-4, name
    for name in ("real_map", "fake_map"):
        assert error(ours[name], nhwc(data[f"out.{name}"])) < 1e-5, name
    assert error(ours["grad_d"].transpose(3, 2, 0, 1), data["out.grad_d"]) < 1e-4
    for name in (name for name in data.files if name.startswith("out.feat_")):
        assert error(ours["features"][int(name.rpartition("_")[2])], nhwc(data[name])) < 1e-5, name

    weights = args["l1"]
    l1 = weighted_l1(pred, image, hole, known=weights["weight_known"], missing=weights["weight_missing"])
    assert error(l1, data["out.l1"]) < 1e-4
    priors = (jnp.asarray(data[f"in.{name}"]) for name in ("student", "teacher"))
    distance, divergence = prior_losses(*priors, temperature=args["kd"]["temperature"])
    assert error(args["kd"]["loss_weight"] * distance, data["out.kd_abs"]) < 1e-4
    assert error(args["kd"]["loss_weight"] * divergence, data["out.kd_kl"]) < 1e-4
