"""Networks and their operators where no published number is needed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax.convert import ddgan as names
from dgan_jax.convert.trees import flat
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.ops import fir

SMALL = NCSNpp(
    image_size=8, features=8, multipliers=(1, 2), blocks=1, attention=(4,), latent_layers=1, latent_embedding=8
)
CIFAR10 = NCSNpp(image_size=32, latent_layers=4)
LARGE = NCSNpp(image_size=256, features=64, multipliers=(1, 1, 2, 2, 4, 4))


def given(batch: int, side: int, channels: int = 3, latent: int = 5) -> tuple:
    normal = lambda n, *shape: jax.random.normal(jax.random.key(n), shape)
    return normal(0, batch, side, side, channels), jnp.arange(batch) % 4, normal(1, batch, latent)


def count(network, *inputs) -> int:
    """Parameters of a network; nothing is compiled."""
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(network.init, jax.random.key(0), *inputs)))


def lively(network, *inputs) -> dict:
    """Parameters of which none is near zero, as fresh last layers are."""
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(network.init, jax.random.key(0), *inputs)
    return jax.tree.map(lambda leaf: jnp.asarray(random.normal(size=leaf.shape) * 0.2, jnp.float32), shapes)


PARAMS = functools.cache(lambda: lively(SMALL, *given(1, 8)))


@pytest.mark.parametrize(("network", "parameters"), [(CIFAR10, 48_432_515), (LARGE, 39_726_979)])
def test_the_generator_has_the_published_number_of_parameters(network, parameters):
    assert count(network, *given(1, 32, latent=100)) == parameters


@pytest.mark.parametrize(("variant", "parameters"), [("small", 12_741_633), ("large", 27_737_217)])
def test_the_critic_has_the_published_number_of_parameters(variant, parameters):
    x, t, _ = given(4, 64)
    assert count(Critic(variant=variant), x, t, x) == parameters


def test_condition_channels_widen_the_input_and_not_the_output():
    x, t, z = given(2, 8)
    condition = jnp.ones((2, 8, 8, 4))
    params = lively(SMALL, x, t, z, condition)
    assert jax.jit(SMALL.apply)(params, x, t, z, condition).shape == (2, 8, 8, 3)
    first = {path[0]: leaf.shape for path, leaf in flat(params["params"]).items() if path[-1] == "kernel"}
    assert first["02_stem"] == first["05_down0_pyramid"] == (3, 3, 7, 8)
    critic = Critic(features=4, time_embedding=8)
    assert jax.eval_shape(lambda: critic.init_with_output(jax.random.key(0), x, t, x, condition)[0]).shape == (2,)


def test_a_generator_runs_on_other_sizes_with_the_same_parameters():
    x, t, z = given(1, 8)
    y = jax.jit(SMALL.apply)(PARAMS(), jnp.tile(x, (1, 2, 3, 1)), t, z)
    assert y.shape == (1, 16, 24, 3)


@pytest.mark.parametrize("options", [{"features": 72}, {"multipliers": (1, 3), "features": 44}, {"features": 2}])
def test_a_width_that_group_norm_cannot_divide_is_refused(options):
    with pytest.raises(ValueError, match=rf"features {options['features']} .*cannot divide .* try"):
        jax.eval_shape(SMALL.clone(**options).init, jax.random.key(0), *given(1, 8))


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="images of 9x9 cannot be halved 1 times; use sides that are multiples of 2"):
        jax.eval_shape(SMALL.init, jax.random.key(0), *given(1, 9))


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match="unknown block 'bigan'; did you mean 'biggan'"):
        jax.eval_shape(SMALL.clone(block="bigan").init, jax.random.key(0), *given(1, 8))


def test_a_batch_that_the_critic_cannot_group_is_refused():
    x, t, _ = given(6, 8)
    with pytest.raises(ValueError, match="a batch of 6 cannot be divided into groups of 4"):
        jax.eval_shape(Critic(features=4, time_embedding=8).init, jax.random.key(0), x, t, x)


def test_recomputation_changes_neither_parameters_nor_gradients():
    x, t, z = given(2, 8)

    def slopes(network):
        return jax.jit(jax.grad(lambda p: jnp.sum(network.apply(p, x, t, z) ** 2)))(PARAMS())

    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5),
        slopes(SMALL),
        slopes(SMALL.clone(remat=True)),
    )


def test_bfloat16_activations_stay_close_and_leave_parameters_and_output_float32():
    x, t, z = given(2, 8)
    half = SMALL.clone(dtype=jnp.bfloat16)
    params = jax.eval_shape(half.init, jax.random.key(0), x, t, z)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    ours, exact = (jax.jit(network.apply)(PARAMS(), x, t, z) for network in (half, SMALL))
    assert ours.dtype == jnp.float32
    assert np.linalg.norm(ours - exact) < 0.05 * np.linalg.norm(exact)
    critic = Critic(features=4, time_embedding=8, dtype=jnp.bfloat16)
    assert jax.eval_shape(lambda: critic.init_with_output(jax.random.key(0), x, t, x)[0]).dtype == jnp.float32


def critic_step(critic, params, x, t, x_next) -> tuple:
    """Logits, and the gradient of a loss that holds a gradient of its own, as R1 does."""

    def loss(params):
        logits, slope = jax.value_and_grad(lambda x: critic.apply(params, x, t, x_next).sum())(x)
        del logits
        judged = critic.apply(params, x, t, x_next)
        return jnp.mean(jax.nn.softplus(-judged)) + jnp.mean(jnp.sum(slope**2, (1, 2, 3))), judged

    slopes, judged = jax.grad(loss, has_aux=True)(params)
    if critic.axis_name is not None:
        slopes = jax.lax.pmean(slopes, critic.axis_name)
    return judged, slopes


@pytest.mark.parametrize("mapping", ["pmap", "vmap"])
def test_the_minibatch_deviation_is_that_of_the_whole_batch_on_any_number_of_devices(mapping):
    devices = 2
    if mapping == "pmap" and jax.local_device_count() < devices:
        pytest.skip("needs two devices; XLA_FLAGS was set without them")
    x, t, _ = given(8, 8)
    inputs = (x, t, x[::-1] * 0.5)
    one, many = (Critic(features=4, time_embedding=8, axis_name=name) for name in (None, "devices"))
    params = lively(many, *inputs)
    judged, slopes = jax.jit(functools.partial(critic_step, one))(params, *inputs)
    mapped = {
        "pmap": functools.partial(jax.pmap, devices=jax.local_devices()[:devices]),
        "vmap": lambda f, **options: jax.jit(jax.vmap(f, **options)),
    }[mapping](functools.partial(critic_step, many), axis_name="devices", in_axes=(None, 0, 0, 0))
    split = [leaf.reshape(devices, -1, *leaf.shape[1:]) for leaf in inputs]
    many_judged, many_slopes = mapped(params, *split)
    np.testing.assert_allclose(many_judged.reshape(-1), judged, rtol=1e-4, atol=1e-6)
    close = lambda ours, theirs: np.testing.assert_allclose(
        ours[0], theirs, rtol=1e-3, atol=1e-4 * float(jnp.abs(theirs).max())
    )
    jax.tree.map(close, many_slopes, slopes)
    # The statistic does matter: with groups inside each device the logits are others.
    apart = jax.vmap(one.apply, in_axes=(None, 0, 0, 0))(params, *split).reshape(-1)
    assert float(jnp.abs(apart - judged).max()) > 1e-3


def up_fir_down(x: np.ndarray, kernel: list, up: int, down: int, pads: tuple, gain: float) -> np.ndarray:
    """Zeros between samples, padding, correlation with the flipped kernel, every `down`-th sample: word by word."""
    taps = np.array(kernel, float) / np.sum(kernel) * gain
    for axis in (1, 2):
        x = np.moveaxis(x, axis, -1)
        wide = np.zeros((*x.shape[:-1], x.shape[-1] * up))
        wide[..., ::up] = x
        wide = np.pad(wide, [(0, 0)] * 3 + [tuple(max(p, 0) for p in pads)])
        wide = wide[..., max(-pads[0], 0) : wide.shape[-1] - max(-pads[1], 0)]
        x = np.apply_along_axis(lambda line: np.convolve(line, taps, "valid")[::down], -1, wide)
        x = np.moveaxis(x, -1, axis)
    return x


@pytest.mark.parametrize(
    "kernel", [[1, 3, 3, 1], [1, 2, 1], [1, 2], [1], [3, 1, 2, 5, 4], [1, 2, 3, 4, 5, 7], [1, 5, 2, 8, 4, 3, 9]]
)
def test_resampling_is_up_fir_down_for_any_kernel(kernel):
    x = np.random.default_rng(0).normal(size=(2, 8, 6, 3))
    p = len(kernel) - 2
    ours = [f(jnp.asarray(x, jnp.float32), kernel) for f in (fir.upsample, fir.downsample)]
    theirs = [
        up_fir_down(x, kernel, 2, 1, ((p + 1) // 2 + 1, p // 2), 2.0),
        up_fir_down(x, kernel, 1, 2, ((p + 1) // 2, p // 2), 1.0),
    ]
    for mine, reference in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, reference, atol=2e-6)


def test_published_names_survive_the_prefix_and_the_way_back():
    state = names.generator_state(SMALL, PARAMS()["params"])
    again = names.generator_params(SMALL, {f"module.{name}": value for name, value in state.items()})
    jax.tree.map(np.testing.assert_array_equal, again, PARAMS()["params"])
    found = names.inferred_arguments(state, SMALL.image_size)
    assert all(getattr(SMALL, name) == value for name, value in found.items())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("all_modules.3.Conv_0.bias"), "lacks all_modules.3.Conv_0.bias;"),
        (lambda s: s.pop("all_modules.2.weight"), "no all_modules.2.weight of 4 dimensions"),
        (lambda s: s.update(extra=np.zeros(3)), "has also extra;"),
        (lambda s: s.update({"all_modules.3.Conv_0.bias": np.zeros(3)}), r"all_modules.3.Conv_0.bias is \(3,\)"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(change, says):
    state = names.generator_state(SMALL, PARAMS()["params"])
    change(state)
    with pytest.raises(ValueError, match=says):
        names.generator_params(SMALL, state)
