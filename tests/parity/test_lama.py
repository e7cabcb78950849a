"""LaMa: generator, critic, losses and the eye of its perceptual loss against the references, and names both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from published import args_of, error, fixtures, meta_of, nhwc, recipe_state, without_effect

from dgan_jax.convert import lama as names
from dgan_jax.convert import metric_weights
from dgan_jax.nets.lama import FFC, Generator
from dgan_jax.nets.pix2pixhd_critic import PatchCritic
from dgan_jax.nets.resnet_dilated import ResNetDilated
from dgan_jax.objectives import adversarial, lama
from dgan_jax.objectives.diffir import feature_matching, weighted_l1
from dgan_jax.objectives.perceptual import stages_apart


def squares(*outputs):
    return sum(jnp.sum(output**2) for output in outputs if output is not None)


def count(variables):
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def assert_same(back, state):
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("lama_generator"))
def test_the_generator_computes_what_the_published_one_does(path):
    data, args, state = np.load(path), args_of(path), recipe_state(path)
    module = Generator(**names.generator_arguments(args))
    variables = names.generator_variables(module, state)
    x = jnp.asarray(nhwc(data["in.x"]))
    (_, y), slope = jax.jit(
        jax.value_and_grad(lambda x: (lambda y: (squares(y), y))(module.apply(variables, x)), has_aux=True)
    )(x)
    assert x.shape[-1] == args["input_nc"]
    assert count(variables) == meta_of(path)["parameters"]
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert_same(names.generator_state(module, variables), state)


@pytest.mark.parametrize("path", fixtures("lama_ffc_block"))
def test_a_fast_fourier_convolution_computes_what_the_published_one_does(path):
    data, args = np.load(path), args_of(path)
    module = FFC(**names.block_arguments(args))
    variables = names.block_variables(module, recipe_state(path), args["in_channels"])
    given = tuple(jnp.asarray(nhwc(data[f"in.{name}"])) if f"in.{name}" in data else None for name in ("xl", "xg"))
    assert count(variables) == meta_of(path)["parameters"]
    whole = lambda parts: (lambda ys: (squares(*ys), ys))(module.apply(variables, parts))
    (_, made), slopes = jax.jit(jax.value_and_grad(whole, has_aux=True))(given)
    wanted = [name for name in ("out.y", "out.y1") if name in data]
    made = [part for part in made if part is not None]
    assert len(wanted) == len(made)
    for ours, name in zip(made, wanted, strict=True):
        assert error(ours, nhwc(data[name])) < 1e-5, name
    for slope, name in zip(slopes, ("grad_xl", "grad_xg"), strict=True):
        assert (slope is None) == (f"out.{name}" not in data)
        assert slope is None or error(slope, nhwc(data[f"out.{name}"])) < 1e-5, name


@pytest.mark.parametrize("path", fixtures("lama_discriminator"))
def test_the_critic_computes_what_the_published_one_does(path):
    data, state = np.load(path), recipe_state(path)
    args = args_of(path)
    without_effect(args, "input_nc")  # the arrays have that many channels
    module = PatchCritic(**names.critic_arguments(args))
    variables = names.critic_variables(module, state)

    @jax.jit
    def run(x):
        def apply(x):
            logits, features = module.apply(variables, x, train=False)
            return squares(logits, features[0]), [logits, *features]

        return jax.grad(apply, has_aux=True)(x)

    slope, (logits, *features) = run(jnp.asarray(nhwc(data["in.x"])))
    assert count(variables) == meta_of(path)["parameters"]
    assert error(logits, nhwc(data["out.y"])) < 1e-5
    assert sum(name.startswith("out.y") for name in data.files) == 1 + len(features)
    for i, ours in enumerate(features, start=1):
        assert error(ours, nhwc(data[f"out.y{i}"])) < 1e-5, i
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert_same(names.critic_state(module, variables), state)


@pytest.mark.parametrize("path", fixtures("lama_losses"))
def test_the_losses_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    real, fake, hole = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("real", "fake", "mask"))
    names.refuse("the published loss", args, {"gp_coef", "weight", "mask_as_fake_target", "discriminator"})
    without_effect(args["discriminator"], "input_nc")
    module = PatchCritic(**names.critic_arguments(args["discriminator"]))
    variables = names.critic_variables(module, recipe_state(path))

    @jax.jit
    def run(params):
        see = lambda params, x: module.apply({**variables, "params": params}, x, train=False)
        score = lambda params: lambda x: see(params, x)[0]
        learn = lambda params: lama.critic_loss(
            score(params)(real), score(params)(fake), adversarial.r1(score(params), real), hole,
            r1=args["gp_coef"], known_is_real=args["mask_as_fake_target"],
        )  # fmt: skip
        (loss, metrics), slope = jax.value_and_grad(learn, has_aux=True)(params)
        (on_real, theirs), (on_fake, ours) = see(params, real), see(params, fake)
        return {
            "d_loss": loss,
            "r1": metrics["critic/r1"],
            "g_adv": args["weight"] * adversarial.non_saturating(on_fake),
            "feature_matching": feature_matching(ours, theirs),
            "feature_matching_masked": lama.known_features_apart(ours, theirs, hole),
            "l1_known10": weighted_l1(fake, real, hole, known=10, missing=0),
            "l2_both": lama.weighted_l2(fake, real, hole, known=2, missing=3),
            "grad_first_conv": slope["conv0"]["kernel"].transpose(3, 2, 0, 1),
            "fake_scores": jnp.moveaxis(on_fake, -1, 1),
            "real_scores": jnp.moveaxis(on_real, -1, 1),
        }

    ours = run(variables["params"])
    assert {f"out.{name}" for name in ours} == {name for name in data.files if name.startswith("out.")}
    for name, value in ours.items():
        assert error(value, data[f"out.{name}"]) < (1e-5 if name.endswith("scores") else 1e-4), name


@pytest.mark.parametrize("path", fixtures("lama_resnet_pl"))
def test_the_perceptual_loss_is_the_published_one(path):
    data, args, meta = np.load(path), args_of(path), meta_of(path)
    assert args["arch"] == "resnet50dilated"
    network = ResNetDilated(args["dilate_scale"])
    shape = data["out.grad_pred"].shape
    image, truth = (
        jnp.asarray(nhwc(np.clip(0.5 + 0.25 * recipe.array(f"{meta['name']}.{name}", shape), 0, 1)))
        for name in ("pred", "target")
    )
    shapes = jax.eval_shape(network.init, jax.random.key(0), image)["params"]
    state = recipe_state(path)
    params = metric_weights.params(network, shapes, state)
    statistics = sum(leaf.size for name, leaf in state.items() if "running" in name)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) - statistics == meta["parameters"]
    assert_same(metric_weights.state(network, params), state)

    @jax.jit
    def run(image):
        apart = lambda image: stages_apart(network, params, image, truth)
        (each, features), back = jax.vjp(apart, image)
        unit = (jnp.full_like(each, args["weight"]), jax.tree.map(jnp.zeros_like, features))
        return each, features, back(unit)[0]

    each, features, slope = run(image)
    assert error(args["weight"] * each.sum(), data["out.loss"]) < 1e-4
    assert error(each, data["out.per_stage"]) < 1e-4
    assert error(slope, nhwc(data["out.grad_pred"])) < 1e-4
    for i, found in enumerate(features):
        assert error(found[..., ::16], nhwc(data[f"out.f{i}"])) < 1e-5, i
