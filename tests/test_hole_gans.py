"""Systems that fill holes against a critic: sizes as published, losses that look through other networks, files."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import found

from dgan_jax import convert as converters
from dgan_jax import pretrained, systems
from dgan_jax.convert import recognition
from dgan_jax.core.parts import Context, Spec
from dgan_jax.nets import feature_pyramid
from dgan_jax.nets.partial_conv import UNet
from dgan_jax.objectives import partial_conv as losses
from dgan_jax.systems.gan import context_encoder, lama, partial_conv
from dgan_jax.tasks import holes
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.train import configs, runs

COUNTS = {
    "lama_places2": {"generator": 27_048_835, "critic": 6_962_369},
    "lama_big_places2": {"generator": 50_975_875},
    "deepfill_v2_places2": {"generator": 4_052_478},
    "context_encoder_paris": {"generator": 71_124_544, "critic": 2_765_568},
}


def shapes_of(experiment):
    """(system, shapes of each player's variables)."""
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    data = experiment.data
    one = lambda channels: jax.ShapeDtypeStruct((1, data.size, data.size, channels), jnp.float32)
    y = {"image": one(data.channels), "hole": one(1)}
    init = lambda own: jax.eval_shape(lambda y: own.module.init(jax.random.key(0), *own.inputs(y)), y)
    return system, {name: dict(init(own)) for name, own in system.players.items()}


@pytest.mark.parametrize("name", COUNTS)
def test_published_networks_have_the_published_number_of_parameters(name):
    shapes = shapes_of(configs.load(name))[1]
    for player, count in COUNTS[name].items():
        assert sum(leaf.size for leaf in jax.tree.leaves(shapes[player]["params"])) == count, player


def traced(config, size):
    """The shapes of each phase's loss and metrics, networks that nobody trains included."""
    spec = Spec(height=size, width=size, channels=3, steps=4)
    system = systems.build(config, Inpaint(hole="box", fill="none"), spec)
    key = jax.random.key(0)
    example = {"image": jnp.zeros((2, size, size, 3))}
    objective = system.stages[0].objective

    def losses(frozen):
        draws = jax.vmap(objective.draw)(jax.random.split(key, 2), example)
        variables = {name: dict(own.module.init(key, *own.inputs(draws["y"]))) for name, own in system.players.items()}
        params = {name: own.pop("params") for name, own in variables.items()}
        context = Context(variables, {}, jnp.zeros((), int), frozen)
        return [phase.loss(params, context, example, draws) for phase in objective.phases]

    return jax.eval_shape(losses, {name: pretrained.NETWORKS[name].shapes() for name in system.frozen})


@pytest.mark.parametrize("eye", lama.EYES)
def test_lama_looks_through_the_network_that_it_is_told(eye):
    small = lama.Config(features=4, levels=1, blocks=1, critic_features=4, critic_layers=1, perceptual_network=eye)
    (loss, report), _ = traced(small, 32)
    assert loss.shape == report.metrics["generator/perceptual"].shape == ()


def test_what_looks_through_a_network_asks_for_its_weights_before_it_trains(monkeypatch):
    monkeypatch.delenv(pretrained.VARIABLE, raising=False)
    spec = Spec(height=32, width=32, channels=3)
    system = systems.build(lama.Config(), Inpaint(fill="none"), spec)
    with pytest.raises(ValueError, match=r"encoder_epoch_20\.pth, run dgan convert"):
        system.stages[0].check()
    systems.build(lama.Config(perceptual=0.0), Inpaint(fill="none"), spec).stages[0].check()


CONVERTED = ["lama_places2", "deepfill_v2_places2", "context_encoder_paris"]


@pytest.mark.parametrize("name", CONVERTED)
def test_published_files_come_back_with_all_that_they_hold(name):
    experiment = next(tiny.experiment for tiny in found() if tiny.name == name)
    system, shapes = shapes_of(dataclasses.replace(experiment))
    kind = systems.name_of(experiment.system)
    rules, draw = converters.rules(kind), np.random.default_rng(0)
    modules = {player: own.module for player, own in system.players.items()}
    ours = jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), shapes)
    for player, module in modules.items():
        published = written(getattr(rules, f"{player}_state"), module, ours[player])
        back = converters.players(kind, modules, {f"module.{name}": value for name, value in published.items()})
        assert list(back) == [player]
        jax.tree.map(np.testing.assert_array_equal, back[player], ours[player])


def written(write, module, variables):
    """A player's state as published; some writers need to know the module."""
    return write(module, variables) if write.__code__.co_argcount == 2 else write(variables)


def test_a_saved_trainer_of_lama_holds_both_players_among_much_else():
    experiment = next(tiny.experiment for tiny in found() if tiny.name == "lama_places2")
    system, shapes = shapes_of(experiment)
    rules, draw = converters.rules("lama"), np.random.default_rng(0)
    modules = {player: own.module for player, own in system.players.items()}
    ours = jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), shapes)
    drawing = rules.generator_state(modules["generator"], ours["generator"])
    judging = rules.critic_state(modules["critic"], ours["critic"])
    trainer = {
        **{f"generator.{name}": value for name, value in drawing.items()},
        **{f"discriminator.{name}": value for name, value in judging.items()},
        "generator.model.1.bn_l.num_batches_tracked": np.zeros((), np.int64),
        "loss_resnet_pl.impl.conv1.weight": np.zeros((4, 3, 3, 3), np.float32),
        "val_evaluator.scores.lpips.model.net.scaling_layer.shift": np.zeros((1, 3, 1, 1), np.float32),
    }
    back = converters.players("lama", modules, trainer)
    jax.tree.map(np.testing.assert_array_equal, back, dict(ours))
    with pytest.raises(ValueError, match="lacks"):
        converters.players("lama", modules, {name: trainer[name] for name in list(trainer)[1:]})


def test_partial_convolutions_look_through_vgg16_at_both_images():
    (loss, report), *none = traced(partial_conv.Config(features=4, levels=3), 32)
    assert not none
    assert loss.shape == report.metrics["generator/style"].shape == ()


def test_style_and_variation_are_what_the_paper_says():
    draw = np.random.default_rng(0)
    features, others = (draw.normal(size=(2, 3, 4, 5)).astype(np.float32) for _ in range(2))
    gram = lambda x: np.stack([each.reshape(12, 5).T @ each.reshape(12, 5) for each in x]) / (3 * 4 * 5)
    ours = losses.style([jnp.asarray(features)], [jnp.asarray(others)])
    np.testing.assert_allclose(ours, np.abs(gram(features) - gram(others)).mean(), rtol=1e-5)
    image = np.zeros((1, 6, 6, 1), np.float32)
    image[0, 2, 2] = 1.0
    hole = (np.arange(36).reshape(1, 6, 6, 1) == 14).astype(np.float32)
    assert float(losses.variation(jnp.asarray(image), jnp.asarray(hole))) == pytest.approx(4 / 36)
    assert float(losses.variation(jnp.asarray(image), jnp.zeros_like(hole))) == 0


def test_partial_convolutions_do_not_see_what_is_in_the_hole():
    module = UNet(features=4, levels=2)
    hole = jnp.zeros((1, 8, 8, 1)).at[:, 2:5, 3:7].set(1)
    image = jax.random.normal(jax.random.key(0), (1, 8, 8, 3))
    variables = module.init(jax.random.key(1), image, hole)
    made = jax.jit(lambda x: module.apply(variables, x, hole))
    np.testing.assert_array_equal(made(image), made(jnp.where(hole > 0, 9.0, image)))


def pieces(size, hole, overlap=1, side=16):
    """What a context encoder that answers with the mean of what it sees, and counts, puts together."""
    image = jax.random.uniform(jax.random.key(0), (1, *size, 3), minval=-1)
    y = {"image": image * (1 - hole), "hole": hole}
    predict = lambda x: context_encoder.middle(x) + 10
    return y, np.asarray(jax.jit(lambda y: context_encoder.by_pieces(predict, y, side, overlap))(y))


def test_an_image_of_any_size_is_put_together_from_middles():
    for size in ((16, 16), (24, 40), (13, 31)):
        hole = jnp.zeros((1, *size, 1)).at[:, 1:3, -4:-1].set(1)
        y, found = pieces(size, hole)
        assert found.shape == y["image"].shape
        drawn = found[..., 0] > 5
        assert drawn[np.asarray(hole[..., 0]) > 0].all(), "every missing pixel was drawn"
        known = found[~drawn]
        np.testing.assert_array_equal(known, np.asarray(context_encoder.blanked(y["image"], hole))[~drawn])
        assert 0 < drawn.mean() < 1, "pieces in which nothing is missing are left alone"


def test_the_middle_of_an_image_of_the_training_size_is_one_piece_seen_as_in_training():
    hole = jnp.zeros((1, 16, 16, 1)).at[:, 5:11, 5:11].set(1)
    y, found = pieces((16, 16), hole)
    seen = context_encoder.blanked(y["image"], hole)
    np.testing.assert_allclose(found[:, 4:12, 4:12], context_encoder.middle(seen) + 10, rtol=1e-6)
    assert (np.abs(np.delete(found, np.s_[4:12], axis=1)) < 5).all()


def test_context_encoders_learn_from_sides_that_can_be_halved_to_four():
    for height, width in ((24, 24), (32, 16), (8, 8)):
        spec = Spec(height=height, width=width, channels=3)
        with pytest.raises(ValueError, match=r"square images whose side"):
            systems.build(context_encoder.Config(), Inpaint(fill="none"), spec)


def test_regions_cover_a_fifth_to_three_tenths():
    sampler = holes.named("regions")
    drawn = np.stack([np.asarray(sampler(key, 32, 32)) for key in jax.random.split(jax.random.key(0), 8)])
    assert ((drawn.mean((1, 2, 3)) >= 0.2) & (drawn.mean((1, 2, 3)) <= 0.3)).all()
    assert len(np.unique(drawn.reshape(8, -1), axis=0)) == 8


def test_sub_pixel_layers_begin_without_a_checkerboard():
    layer = feature_pyramid.SubPixel(3)
    x = jax.random.normal(jax.random.key(0), (1, 4, 4, 2))
    made = np.asarray(layer.apply(layer.init(jax.random.key(1), x), x))
    assert made.shape == (1, 8, 8, 3)
    for row, column in ((0, 1), (1, 0), (1, 1)):
        np.testing.assert_array_equal(made[:, row::2, column::2], made[:, ::2, ::2])


OTHER_SIZES = [
    (
        "lama_places2",
        {
            "features": 8,
            "levels": 2,
            "blocks": 2,
            "ratio": 0.5,
            "gated": True,
            "critic_features": 8,
            "critic_layers": 2,
        },
    ),
    ("lama_big_places2", {"features": 6, "blocks": 1, "levels": 1, "ratio": 0.0}),
    ("deepfill_v2_places2", {"width": 12}),
    ("context_encoder_regions", {"features": 8, "decoder_features": 6, "bottleneck": 10, "whole": False}),
    ("context_encoder_paris", {"features": 8, "decoder_features": 6, "bottleneck": 10, "whole": True}),
]


@pytest.mark.parametrize(("name", "sizes"), OTHER_SIZES)
def test_a_file_of_other_sizes_tells_them_by_its_shapes(name, sizes):
    """Of the generator, and of LaMa's critic, which lies in the same file."""
    config = configs.load(name)
    kind = systems.name_of(config.system)
    experiment = dataclasses.replace(
        config, system=dataclasses.replace(config.system, **sizes), data=dataclasses.replace(config.data, size=32)
    )
    system, shapes = shapes_of(experiment)
    rules, both = converters.rules(kind), kind == "lama" and "critic_layers" in sizes
    start = {"generator": "generator." if both else "", "critic": "discriminator."}
    state = {}
    for player in ("generator", "critic") if both else ("generator",):
        variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes[player])
        published = written(getattr(rules, f"{player}_state"), system.players[player].module, variables)
        state |= {start[player] + name: value for name, value in published.items()}
    told = {name: value.shape for name, value in state.items()}
    assert recognition.share(rules, told) == 1
    found = rules.adapted(config, told)
    assert {name: getattr(found.system, name) for name in sizes} == sizes
    assert found.data.channels == config.data.channels
    if kind == "context_encoder":
        assert found.data.size == 32
    modules = {player: own.module for player, own in shapes_of(found)[0].players.items()}
    back = converters.players(kind, modules, state)
    converters.check(back, {player: shapes[player]["params"] for player in back})
