"""The wavelet space and the wavelet diffusion-GAN where no published number is needed but parameter counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import systems
from dgan_jax.core.parts import Context, Spec
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.wavelet_ncsnpp import WaveletNCSNpp
from dgan_jax.spaces.wavelet import wavelet
from dgan_jax.systems.diffusion_gan import wavediff
from dgan_jax.tasks.generate import Generate
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.train import configs, runs

TINY = WaveletNCSNpp(
    image_size=8, features=8, multipliers=(1, 2), blocks=1, attention=(), latent_layers=1, latent_embedding=8
)


def shapes(network, side: int, channels: int = 12) -> tuple:
    x, t = jnp.zeros((4, side, side, channels)), jnp.zeros(4, jnp.int32)
    third = x if isinstance(network, Critic) else jnp.zeros((4, 100))
    return jax.eval_shape(network.init_with_output, jax.random.key(0), x, t, third)


@pytest.mark.parametrize("order", ["lh_hl", "hl_lh"])
@pytest.mark.parametrize("levels", [1, 2])
def test_codes_of_images_lie_in_the_range_of_images_and_go_back(levels, order):
    space = wavelet(levels, order)
    image = jnp.sign(jax.random.normal(jax.random.key(0), (2, 8, 12, 3)))
    code = space.encode(image)
    assert code.shape == (2, 8 // space.factor, 12 // space.factor, space.channels(3))
    assert np.abs(code).max() <= 1
    np.testing.assert_allclose(space.decode(code), image, atol=1e-6)
    # The first bands are the means of cells, whatever the order.
    means = image.reshape(2, 8 // space.factor, space.factor, 12 // space.factor, space.factor, 3).mean((2, 4))
    np.testing.assert_allclose(code[..., :3], means, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: wavelet(0), "at least 1 level, got 0"),
        (lambda: wavelet(1, "hl_hl"), "unknown order of the bands 'hl_hl'; did you mean"),
        (lambda: wavelet(2).encode(jnp.zeros((1, 8, 6, 3))), "multiples of 4, got 8x6; try 8x4"),
        (lambda: wavediff.Config(bands="x"), "unknown order of the bands 'x'"),
        (lambda: wavediff.Config(patch=0), "system.patch must be at least 1, got 0"),
        (lambda: shapes(TINY, 6), "2 levels on patches of 1, .* multiples of 4, got 6x6"),
        (lambda: shapes(TINY.clone(block="ddpm"), 8), "'ddpm' has no form on wavelet bands; use"),
        (lambda: shapes(Critic(layers=5), 8), "small critic has 3 to 4 layers, got 5"),
    ],
)
def test_what_cannot_work_is_refused_with_a_way_out(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize(
    ("name", "generator", "critic"),
    [
        ("cifar10", 33_370_124, 7_630_593),
        ("stl10", 55_585_292, 12_743_937),
        ("celebahq256", 31_485_452, 22_626_177),
        ("celebahq512", 44_853_004, 27_739_521),
        ("celebahq1024", 44_186_416, 27_739_521),
        ("church256", 31_485_452, 22_626_177),
    ],
)
def test_the_published_configs_have_the_published_numbers_of_parameters(name, generator, critic):
    experiment = configs.load(f"wavediff_{name}")
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    for player, count in (("generator", generator), ("critic", critic)):
        output, variables = shapes(system.players[player].module, experiment.data.size // 2)
        assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == count
        assert output.shape == ((4,) if player == "critic" else (4, *[experiment.data.size // 2] * 2, 12))


def test_every_prediction_agrees_with_what_is_known_as_pixels():
    config = wavediff.Config(
        steps=2, wavelet_levels=2, features=8, multipliers=(1,), blocks=1, attention=(), bottleneck=False, latent=4,
        latent_layers=1, latent_embedding=8, critic_features=4, critic_embedding=8, regression_share=0.5,
    )  # fmt: skip
    task = Inpaint(hole="box", fill="pull_push")
    system = systems.build(config, task, Spec(height=8, width=8, channels=3, steps=4))
    draw, keys = np.random.default_rng(0), jax.random.split(jax.random.key(0), 2)
    batch = {"image": jnp.asarray(draw.uniform(-1, 1, (2, 8, 8, 3)), jnp.float32)}
    player = system.players["generator"]
    inputs = player.inputs(jax.vmap(task.measure)(keys, batch))
    shape = jax.eval_shape(player.module.init, jax.random.key(0), *inputs)["params"]
    params = {"generator": jax.tree.map(lambda x: jnp.asarray(draw.normal(size=x.shape) * 0.2, jnp.float32), shape)}
    objective = system.stages[0].objective

    @jax.jit
    def run(hole):
        y = jax.vmap(task.measure)(keys, {**batch, "hole": hole})
        draws = {**jax.vmap(objective.draw)(keys, batch), "y": y}
        loss, _ = objective.phases[0].loss(params, Context({}, {}, jnp.zeros((), jnp.int32)), batch, draws)
        return system.restore({"params": params}, y, keys), loss

    hole = jnp.zeros((2, 8, 8, 1)).at[:, 2:5, 1:6].set(1)
    image, loss = run(hole)
    np.testing.assert_array_equal(jnp.where(hole > 0, image, batch["image"]), image)
    assert np.abs(image - batch["image"]).max() > 0.1
    assert loss > 0.01
    # Nothing is missing: whatever the network says, its prediction in training is the image's own bands.
    image, loss = run(jnp.zeros_like(hole))
    np.testing.assert_array_equal(image, batch["image"])
    assert loss < 1e-6


def test_the_order_of_the_bands_is_that_of_the_config():
    y = {"image": jax.random.normal(jax.random.key(0), (1, 8, 8, 3))}
    for order in ("lh_hl", "hl_lh"):
        spec = Spec(height=8, width=8, channels=3)
        system = systems.build(wavediff.Config(bands=order), Generate(), spec)
        np.testing.assert_array_equal(system.players["critic"].inputs(y)[0], wavelet(1, order).encode(y["image"]))
