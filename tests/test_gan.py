"""GANs: published sizes, how a batch is shared out, and what the objectives remember."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import found

from dgan_jax import convert as converters
from dgan_jax import systems
from dgan_jax.convert import sngan as of_sngan
from dgan_jax.core.parts import Context, Generator, Spec
from dgan_jax.nets.spectral import SpectralConv, SpectralDense
from dgan_jax.objectives import gan, stylegan2
from dgan_jax.systems.gan import cgan, semantic_inpainting, sngan_ddls, sngan_dgflow
from dgan_jax.tasks.generate import Generate
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.train import configs, runs

PUBLISHED = {
    "sngan_cifar10": (4_276_739, 1_053_824),
    "sngan_dcgan_cifar10": (3_828_739, 5_860_865),
    "autogan_cifar10": (4_405_251, 1_053_824),
    "transgan_cifar10": (83_312_495, 10_210_400),
    "stylegan2_cifar10": (19_947_539, 20_720_641),
    "stylegan2_256": (24_767_458, 24_001_089),
}


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_a_published_config_has_as_many_parameters_as_published(name):
    experiment = configs.load(name)
    spec = runs.spec_of(experiment)
    system = systems.build(experiment.system, experiment.task, spec)
    example = {"image": jnp.zeros((1, spec.height, spec.width, spec.channels))}
    for player, count in zip(("generator", "critic"), PUBLISHED[name], strict=True):
        own = system.players[player]
        shapes = jax.eval_shape(own.module.init, jax.random.key(0), *own.inputs(example))["params"]
        assert sum(np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(shapes)) == count


def test_spectral_layers_have_a_largest_singular_value_of_1_after_some_updates():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 6, 3)), jnp.float32)
    for layer, given in ((SpectralConv(8), x), (SpectralDense(8), x[:, 0, 0])):
        variables = layer.init(jax.random.key(0), given)

        @jax.jit
        def follow(variables, layer=layer, given=given):
            for _ in range(30):
                _, changed = layer.apply(variables, given, True, mutable=["spectral"])
                variables = {**variables, **changed}
            return variables, layer.apply(variables, given)

        after, y = follow(variables)
        kernel = np.asarray(variables["params"]["kernel"]).reshape(-1, 8)
        plain = layer.clone(normalise=False).apply({"params": variables["params"]}, given)
        np.testing.assert_allclose(y, plain / np.linalg.svd(kernel)[1][0], rtol=1e-3, atol=1e-5)
        assert not np.array_equal(after["spectral"]["u"], variables["spectral"]["u"])
        jax.tree.map(np.testing.assert_array_equal, after["params"], variables["params"])


def test_a_batch_is_cut_as_the_published_ones_are():
    pace = gan.Pace(n_critic=5, critic_parts=6, generator_parts=3)
    pace.check(384)
    objective = gan.gan(gan.Networks(None, None, 4), None, measure=lambda key, example: {}, pace=pace)
    assert [phase.part for phase in objective.phases] == [(i, 6) for i in range(5)] + [(0, 3)]
    assert [phase.players for phase in objective.phases] == [("critic",)] * 5 + [("generator",)]
    with pytest.raises(ValueError, match="try a multiple of 6"):
        pace.check(64)
    with pytest.raises(ValueError, match="critic_parts at least n_critic"):
        gan.Pace(n_critic=5, critic_parts=2).check(0)


def test_the_probability_of_augmentation_follows_the_sign_of_the_critic():
    augmentation = dataclasses.replace(stylegan2.NONE, target=0.6, images=800, every=2)
    start = {"p": jnp.asarray(0.25), "signs": jnp.asarray(0.0), "count": jnp.asarray(0)}
    after = lambda signs, count: stylegan2.moved(
        {**start, "signs": jnp.asarray(signs), "count": jnp.asarray(count)}, augmentation, batch=100
    )
    assert float(after(0.9, 1)["p"]) == 0.25
    assert int(after(0.9, 1)["count"]) == 1
    assert float(after(1.8, 2)["p"]) == pytest.approx(0.5)
    assert float(after(1.0, 2)["p"]) == pytest.approx(0.0)
    assert (float(after(1.8, 2)["signs"]), int(after(1.8, 2)["count"])) == (0, 0)


def test_path_lengths_are_compared_with_their_running_mean():
    """On a generator whose images are its styles times a parameter, every length is known."""
    layers, width = 3, 4
    networks = stylegan2.Networks(
        map=lambda params, state, z, y, train: (jnp.broadcast_to(z[:, None], (len(z), layers, width)), state),
        synthesise=lambda params, state, ws, noise: (
            params * jnp.broadcast_to(ws[:, None, :2, :], (len(ws), 2, 2, width))
        ),
        judge=lambda params, x, y: params * x.mean((1, 2, 3)),
        latent=width, layers=layers, draw_noise=lambda key: (),
    )  # fmt: skip
    options = stylegan2.Options(path_weight=2.0, path_every=4, path_decay=0.25, mixing=0.0)
    objective = stylegan2.stylegan2(networks, measure=lambda key, example: {}, batch=4, options=options)
    assert [phase.every for phase in objective.phases] == [1, 4, 1, 16]
    images = {"image": jnp.zeros((4, 2, 2, width))}
    draws = jax.vmap(objective.draw)(jax.random.split(jax.random.key(0), 4), images)
    params = {"generator": jnp.asarray(3.0), "critic": jnp.asarray(1.0)}
    memory = {**objective.memory(), "path_mean": jnp.asarray(2.0)}
    context = Context({"generator": {}, "critic": {}}, memory, jnp.asarray(0))
    loss, report = jax.jit(objective.phases[1].loss)(params, context, images, draws)
    noise = np.asarray(draws["path_noise"])
    # The slope of a style is 3 (noise of both columns of pixels) / 2; the third layer is not seen.
    slope = 3 * noise.sum(1) / 2
    lengths = np.sqrt((slope**2).sum((1, 2)) / layers)
    mean = 2 + 0.25 * (lengths.mean() - 2)
    np.testing.assert_allclose(report.memory["path_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(loss, 2 * 4 * np.mean((lengths - mean) ** 2), rtol=1e-5)


def test_a_conditional_gan_without_classes_says_so_before_it_trains():
    system = systems.build(cgan.Config(), Generate(), Spec(height=32, width=32, channels=3))
    with pytest.raises(ValueError, match="draws images of classes"):
        system.stages[0].check()


def prior():
    """Images that are their latents, [B, 4], as planes; the critic wants the first number to be 2."""
    generate = lambda variables, z, y: jnp.broadcast_to(z[:, None, None, :3], (len(z), *y["image"].shape[1:]))
    judge = lambda variables, x, y: -50 * jnp.square(x[:, 0, 0, 0] - 2)
    return Generator(lambda key, y: jax.random.normal(key, (4,)), generate, judge)


SPEC = Spec(height=8, width=8, channels=3)


@pytest.mark.parametrize(
    ("module", "options"),
    [(sngan_ddls, {"steps": 60, "loudness": 0.1}), (sngan_dgflow, {"steps": 60, "eta": 0.01, "divergence": "KL"})],
)
def test_walks_in_latent_space_reach_what_the_critic_believes(module, options):
    solver = module.build(module.Config(**options), Generate(), SPEC, prior())
    y = {"image": jnp.zeros((16, 8, 8, 3))}
    keys = jax.random.split(jax.random.key(0), 16)
    found = np.asarray(jax.jit(solver.restore)({}, y, keys))
    assert abs(found[:, 0, 0, 0].mean() - 2) < 0.1
    assert np.std(found[:, 0, 0, 1]) > 0.5, "what the critic does not look at stays as various as it was"
    alone = solver.restore({}, jax.tree.map(lambda x: x[3:4], y), keys[3:4])
    np.testing.assert_allclose(alone[0], found[3], atol=1e-4)
    with pytest.raises(ValueError, match="critic"):
        module.build(module.Config(), Generate(), SPEC, dataclasses.replace(prior(), judge=None))


def test_semantic_inpainting_finds_the_image_and_keeps_what_is_known():
    task = Inpaint(fill="none")
    hole = jnp.zeros((2, 8, 8, 1)).at[:, 2:6, 3:7].set(1)
    truth = jnp.broadcast_to(jnp.asarray([[0.5, -0.2, 0.1], [-0.4, 0.3, 0.6]])[:, None, None, :], (2, 8, 8, 3))
    y = jax.vmap(lambda image, hole: task.observe({"image": image, "hole": hole}))(truth, hole)
    options = {"steps": 150, "restarts": 2, "prior_weight": 0.0, "window": 3}
    for search, rate, blend in (("adam", 0.05, False), ("nesterov", 0.003, True)):
        config = semantic_inpainting.Config(search=search, rate=rate, blend=blend, **options)
        solver = semantic_inpainting.build(config, task, SPEC, prior())
        found = jax.jit(solver.restore)({}, y, jax.random.split(jax.random.key(0), 2))
        np.testing.assert_allclose(found, truth, atol=0.05)
        np.testing.assert_array_equal(jnp.where(hole > 0, 0, found), y["image"])


def test_blending_keeps_gradients_and_takes_the_colours_of_the_rim():
    draw = np.random.default_rng(0)
    image = jnp.asarray(draw.normal(size=(1, 12, 12, 3)), jnp.float32)
    hole = jnp.zeros((1, 12, 12, 1)).at[:, 3:9, 4:10].set(1)
    blended = jax.jit(semantic_inpainting.blended)(image + 0.7, image, hole)
    np.testing.assert_allclose(jnp.where(hole > 0, blended, 0), jnp.where(hole > 0, image, 0), atol=1e-3)


@pytest.mark.parametrize("name", ["gan_cifar10", "sngan_cifar10", "autogan_cifar10", "transgan_cifar10"])
def test_published_files_of_both_players_come_back_with_all_that_they_hold(name):
    experiment = next(tiny.experiment for tiny in found() if tiny.name == name)
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    example = {"image": jnp.zeros((1, 8, 8, 3))}
    rules = converters.rules(systems.name_of(experiment.system))
    modules = {player: own.module for player, own in system.players.items()}
    draw = np.random.default_rng(0)
    for player, own in system.players.items():
        shapes = jax.eval_shape(own.module.init, jax.random.key(0), *own.inputs(example))
        ours = jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), dict(shapes))
        published = written(rules, player, own.module, ours)
        back = converters.players(systems.name_of(experiment.system), modules, published)
        assert list(back) == [player]
        jax.tree.map(np.testing.assert_array_equal, back[player], ours)


def written(rules, player, module, variables):
    """A player's state as published, whichever of their arguments the writers take."""
    rules = of_sngan if player == "critic" and not hasattr(rules, "critic_state") else rules
    write = getattr(rules, f"{player}_state")
    return write(module, variables) if rules is of_sngan else write(variables)
