"""Latent denoising diffusion-GANs where no published array is needed: sizes, codecs, spaces, conversion."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import systems
from dgan_jax.convert import lddgan as names
from dgan_jax.convert.trees import flat
from dgan_jax.core.parts import Context, Spec
from dgan_jax.nets.ldm_autoencoder import KLAutoencoder, VQAutoencoder
from dgan_jax.objectives import autoencoder as coding
from dgan_jax.spaces.latent import latent
from dgan_jax.systems import codec
from dgan_jax.systems.diffusion_gan import lddgan
from dgan_jax.tasks.generate import Generate
from dgan_jax.train import configs, runs

PUBLISHED = {
    "lddgan_cifar10": (14_646_759, 33_329_668, 7_628_545),
    "lddgan_celebahq256": (55_322_782, 48_366_723, 17_510_529),
    "lddgan_church256": (83_653_863, 61_858_180, 17_510_785),
}
SMALL = {
    "resolution": 8, "features": 4, "multipliers": (1, 2), "blocks": 1, "groups": 2, "bottleneck": 3, "code_channels": 3
}  # fmt: skip


def small_config(**changes) -> lddgan.Config:
    """Without training of the autoencoder."""
    small = lddgan.Config(
        steps=2, features=8, multipliers=(1,), blocks=1, latent=4, latent_layers=1, latent_embedding=8,
        critic_features=4, critic_embedding=8, code_scale=3.0, autoencoder_features=4, autoencoder_blocks=1,
        autoencoder_groups=2, autoencoder_attention=(), autoencoder_dropout=0.0, autoencoder_share=0.0,
        patch_features=4, patch_layers=1,
    )  # fmt: skip
    return dataclasses.replace(small, **changes)


def lively(network, x) -> dict:
    """Parameters of which none is near zero."""
    draw = np.random.default_rng(0)
    shapes = jax.eval_shape(network.init, jax.random.key(0), x)["params"]
    return jax.tree.map(lambda leaf: jnp.asarray(draw.normal(size=leaf.shape) * 0.3, jnp.float32), shapes)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_networks_have_the_published_numbers_of_parameters(name):
    experiment = configs.load(name)
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    state = runs.state_like(experiment, system, 0)
    sizes = {player: sum(leaf.size for leaf in jax.tree.leaves(tree)) for player, tree in state.params.items()}
    # The published count has the likelihood's variance in the loss, not in the network.
    sizes["autoencoder"] -= "log_variance" in state.params["autoencoder"]
    assert (sizes["autoencoder"], sizes["generator"], sizes["critic"]) == PUBLISHED[name]


def test_codes_start_with_the_noise_that_is_asked_for_and_without_norms_if_so_asked():
    x = jax.random.uniform(jax.random.key(1), (2, 8, 8, 3), minval=-1.0)
    for groups, start in ((2, 0.0), (0, -6.0)):
        network = KLAutoencoder(**{**SMALL, "groups": groups}, start=start)
        variables = network.init(jax.random.key(0), x)
        mean, log_variance = network.apply(variables, x, method="encode")
        assert abs(np.mean(mean)) < 1
        assert abs(np.mean(log_variance) - start) < 1
        assert any("norm" in "/".join(path) for path in flat(variables["params"])) == bool(groups)
    with pytest.raises(ValueError, match=r"must be 0 \(no norms\) or more, got -1"):
        small_config(autoencoder_groups=-1)


def test_the_reconstruction_fades_from_nearly_one_to_nearly_zero():
    weights = lddgan.fading(100)
    assert weights.shape == (101,)
    assert weights[50] == 0.5
    assert np.all(np.diff(weights) < 0)
    assert weights[0] == pytest.approx(1 - weights[-1]) == pytest.approx(0.9975, abs=1e-4)


def test_the_latent_space_scales_codes_and_undoes_it():
    space = latent(lambda x: 6 * x, lambda z: z / 6, factor=1, channels=3, scale=2.0)
    x = jnp.ones((1, 2, 2, 3))
    np.testing.assert_array_equal(space.encode(x), 3 * x)
    np.testing.assert_array_equal(space.decode(space.encode(x)), x)
    assert space.channels(1) == 3


@pytest.mark.parametrize("network", [KLAutoencoder(**SMALL), VQAutoencoder(**SMALL, codes=7)], ids=["kl", "vq"])
def test_gradients_of_the_autoencoders_loss_reach_every_parameter(network):
    """The book is reached by its own loss, the encoder through the quantisation as if it were not there."""
    x = jax.random.uniform(jax.random.key(0), (2, 8, 8, 3), minval=-1)
    params = lively(network, x)
    encode, decode, fidelity = codec.training_codec(network)
    draws = coding.Draws(jnp.ones((2, 4, 4, 3)), jax.random.split(jax.random.key(1)))

    @jax.jit
    @jax.grad
    def slopes(params):
        code, penalty = encode(params, x, draws)
        return fidelity(params, jnp.abs(decode(params, code, draws) - x)) + penalty

    # A shift of all keys changes no softmax.
    still = [path for path, leaf in flat(slopes(params)).items() if not leaf.any() and path[-2:] != ("key", "bias")]
    assert not still


def test_dropout_of_an_example_depends_on_its_own_key_alone():
    network = KLAutoencoder(**SMALL, dropout=0.5)
    x = jnp.ones((2, 8, 8, 3))
    params = lively(network, x)
    encode = jax.jit(codec.training_codec(network)[0])
    keys = jax.random.split(jax.random.key(1))
    code = lambda keys: encode(params, x, coding.Draws(jnp.zeros((2, 4, 4, 3)), keys))[0]
    first, swapped = code(keys), code(keys[::-1])
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_allclose(first, swapped[::-1], rtol=1e-6)


def test_a_perceptual_distance_is_added_to_the_error_of_every_pixel():
    image = jnp.zeros((2, 2, 2, 1))
    params = {"autoencoder": {"w": jnp.full((), 0.5)}, "patches": {}}
    context = Context({"autoencoder": {"statistics": {"largest": jnp.ones(())}}, "patches": {}}, {}, jnp.zeros((), int))

    def likelihood(perceptual):
        objective = coding.autoencoder(
            encode=lambda own, x, draws: (x + 1, jnp.zeros(())), decode=lambda own, code, draws: own["w"] * code,
            judge=lambda own, state, x: (x, state), fidelity=lambda own, error: jnp.mean(error),
            code_shape=lambda shape: shape, last=("w",), perceptual=perceptual,
        )  # fmt: skip
        _, report = objective.phases[0].loss(params, context, {"image": image}, {"autoencoder": None})
        assert report.model_state["autoencoder"]["statistics"]["largest"] == 1
        return report.metrics["autoencoder/likelihood"]

    assert likelihood(None) == 0.5
    assert likelihood(lambda x, y: jnp.array([1.0, 2.0])) == 2.0


def test_images_and_labels_are_generated_with_a_code_book():
    """Classes enter as planes; the image is the decoded code, within the range."""
    system = systems.build(
        small_config(autoencoder="vq", book=5), Generate(classes=2), Spec(height=8, width=8, channels=3, classes=2)
    )
    y = {"image": jnp.zeros((2, 8, 8, 3)), "label": jnp.array([0, 1])}

    @jax.jit
    def run(key):
        variables = {name: player.module.init(key, *player.inputs(y)) for name, player in system.players.items()}
        params = {name: value["params"] for name, value in variables.items()}
        state = {name: {k: v for k, v in value.items() if k != "params"} for name, value in variables.items()}
        return system.restore({"params": params, "model_state": state}, y, jax.random.split(key))

    image = run(jax.random.key(0))
    assert image.shape == (2, 8, 8, 3)
    assert np.all(np.abs(image) <= 1)
    assert system.calls == 3, "two steps and the decoder"


def modules_of(config):
    system = systems.build(config, Generate(), Spec(height=8, width=8, channels=3))
    return {name: player.module for name, player in system.players.items()}


def test_published_files_become_players_by_what_they_hold():
    modules = modules_of(small_config())
    x = jnp.zeros((1, 8, 8, 3))
    first = lively(modules["autoencoder"], x)
    patches = jax.eval_shape(modules["patches"].init, jax.random.key(0), x)
    patches = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.5, np.float32), patches)
    state = names.autoencoder_state(modules["autoencoder"], first)
    state |= {f"loss.discriminator.{k}": v for k, v in names.patches_state(modules["patches"], patches).items()}
    state |= {
        "loss.discriminator.main.3.num_batches_tracked": np.zeros((), np.int64),
        "loss.perceptual_loss.lin0": np.zeros(2),
    }
    found = names.players(modules, state)
    assert found.keys() == {"autoencoder", "patches"}
    jax.tree.map(np.testing.assert_array_equal, found["autoencoder"], {"params": first})
    jax.tree.map(np.testing.assert_array_equal, found["patches"], patches)
    with pytest.raises(ValueError, match="neither a generator"):
        names.players(modules, {"conv.weight": np.zeros(3)})
    with pytest.raises(ValueError, match=r"encoder\.down\.0\.block\.1"):
        names.players(modules, {**state, "encoder.down.0.block.1.norm1.weight": np.zeros(4)})


def test_a_published_code_without_its_scale_is_refused():
    config = small_config(autoencoder_share=0.5, code_scale=0.0)
    with pytest.raises(ValueError, match="code_scale=105"):
        names.players(modules_of(config), {"encoder.conv_in.weight": np.zeros((4, 3, 3, 3))})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"autoencoder": "ae"}, "kl or vq"),
        ({"autoencoder_share": 1.0}, "autoencoder_share must be in"),
        ({"autoencoder_share": 0.0}, "code_scale must be given"),
        ({"code_scale": -1.0}, "code_scale must be positive"),
        ({"patch_layers": 0}, "patch_layers must be at least 1"),
        ({"dtype": "float16"}, "float32 or bfloat16"),
    ],
)
def test_a_config_that_cannot_work_says_why(changes, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(lddgan.Config(), **changes)


def test_sizes_and_widths_that_cannot_work_say_what_to_try():
    odd = KLAutoencoder(**SMALL)
    with pytest.raises(ValueError, match="multiples of 2"):
        jax.eval_shape(odd.init, jax.random.key(0), jnp.zeros((1, 7, 8, 3)))
    with pytest.raises(ValueError, match="fewer groups"):
        jax.eval_shape(KLAutoencoder(**{**SMALL, "groups": 3}).init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))


def test_the_critic_of_patches_plays_by_the_loss_and_the_factor_that_are_asked_for():
    """With logits of 2 for the images and 4 for their reconstructions, which are twice as bright."""
    own = {"autoencoder": {"decoder": {"out": {"kernel": 2.0 * jnp.ones(())}}}, "patches": {}}
    image = jnp.full((1, 2, 2, 1), 2.0)
    context = Context({"autoencoder": {"statistics": {"largest": jnp.ones(())}}, "patches": {}}, {}, jnp.ones(()), {})
    draws = dict.fromkeys(("autoencoder", "patches"), coding.Draws(image, jax.random.key(0)))

    def losses(**options):
        objective = coding.autoencoder(
            encode=lambda p, x, given: (x, jnp.zeros(())), code_shape=lambda shape: shape, adversarial_start=0,
            decode=lambda p, code, given: p["decoder"]["out"]["kernel"] * code,
            judge=lambda p, state, x: (x.mean((1, 2, 3)), state), fidelity=lambda p, error: jnp.mean(error), **options,
        )  # fmt: skip
        return [float(phase.loss(own, context, {"image": image}, draws)[0]) for phase in objective.phases]

    build, tell = losses()
    assert tell == 0.5 * (0 + 5)
    vanilla = losses(critic_loss=coding.CRITIC_LOSSES["vanilla"])
    np.testing.assert_allclose(vanilla, [build, 0.5 * (np.log1p(np.exp(-2)) + np.log1p(np.exp(4)))], rtol=1e-6)
    fitting = losses(factor=0.0)[0]
    np.testing.assert_allclose(losses(factor=3.0), [fitting + 3 * (build - fitting), 3 * tell], rtol=1e-6)
    with pytest.raises(ValueError, match=r"system.patch_loss must be hinge or vanilla"):
        small_config(patch_loss="wasserstein")
