"""Degradations: what every one of them owes the training step, the evaluator and the command line."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from dgan_jax import tasks
from dgan_jax.core.parts import Linear, Task
from dgan_jax.ops import denoise, jpeg, resize
from dgan_jax.restore import check_given

SIZE = 48
CASES = {
    "generate": {},
    "inpaint": {"hole": "box", "fill": "pull_push"},
    "superres": {"scale": 4},
    "superres torch": {"scale": 3, "reduce": "torch", "enlarge": "bilinear", "eight_bit": False},
    "denoise": {"sigma": (20, 30)},
    "denoise poisson": {"noise": "poisson", "sigma": (20, 30), "eight_bit": False},
    "denoise blind": {"sigma": (20, 30), "blind": True},
    "deblur": {"kind": "motion", "size": 11, "length": (3, 11)},
    "deblur known": {"kind": "gaussian", "size": 9, "sigma": (1, 2), "known": True},
    "dehaze": {},
    "jpeg": {"quality": (8, 12)},
    "jpeg blind": {"blind": True},
    "mixture": {"together": 3, "hole": "box", "size": 9, "motion": (3, 9), "kinds": ("noise", "blur", "jpeg", "hole")},
    "mixture blind": {"kinds": ("haze", "low", "motion", "photons"), "blind": True, "together": 2},
}
every_case = pytest.mark.parametrize("case", list(CASES))


def made(case):
    return tasks.find(case.split()[0])(**CASES[case])


@pytest.fixture(scope="module")
def images():
    """[4, SIZE, SIZE, 3] in [-1, 1]: four crops of a photograph."""
    photograph = data.astronaut()
    corners = [(20, 180), (100, 200), (300, 100), (400, 300)]
    crops = np.stack([photograph[top : top + SIZE, left : left + SIZE] for top, left in corners])
    return jnp.asarray(crops / 127.5 - 1, jnp.float32)


def measured(task, images, seed=0, order=(0, 1, 2, 3)):
    """The measurements of the images in this order, each with its own key."""
    keys = jax.random.split(jax.random.key(seed), len(images))
    order = np.asarray(order[: len(images)])
    return jax.jit(jax.vmap(task.measure))(keys[order], {"image": images[order]})


def psnr(ours, images):
    return float(jnp.mean(-10 * jnp.log10(jnp.mean(jnp.square(ours - images) / 4, axis=(1, 2, 3)))))


@every_case
def test_a_measurement_is_a_function_of_image_and_key_wherever_it_stands_in_a_batch(case, images):
    task = made(case)
    assert isinstance(task, Task)
    y, order = measured(task, images), np.array([2, 0, 3, 1])
    shuffled = measured(task, images, order=order)
    for name, value in y.items():
        np.testing.assert_allclose(shuffled[name], value[order], atol=1e-5, err_msg=name)
    if case.split()[0] not in ("generate", "superres"):
        assert not np.array_equal(measured(task, images, seed=1)["image"], y["image"])


@every_case
def test_shapes_and_ranges_are_what_systems_count_on(case, images):
    task = made(case)
    y = measured(task, images)
    assert y["image"].shape == images.shape
    condition, start = task.condition(y), task.start(y)
    assert condition.shape[:3] == images.shape[:3]
    assert start.shape == images.shape
    image = jax.random.normal(jax.random.key(3), images.shape)
    projected = task.project(image, y)
    assert projected.shape == images.shape
    np.testing.assert_allclose(task.project(projected, y), projected, atol=1e-5)
    for values in (*y.values(), condition, start):
        assert np.all(np.isfinite(values))
    if getattr(task, "eight_bit", True):
        assert np.abs(y["image"]).max() <= 1


@every_case
def test_a_grey_image_of_odd_size_has_the_same_shapes(case):
    task, height, width = made(case), 45 if case == "superres torch" else 44, 60
    example = {"image": jax.ShapeDtypeStruct((2, height, width, 1), jnp.float32)}
    y = jax.eval_shape(jax.vmap(task.measure), jax.random.split(jax.random.key(0), 2), example)
    assert y["image"].shape == (2, height, width, 1)
    assert jax.eval_shape(task.condition, y).shape[:3] == (2, height, width)
    assert jax.eval_shape(task.start, y).shape == (2, height, width, 1)


@pytest.mark.parametrize("case", ["superres", "denoise", "deblur known", "dehaze", "jpeg", "inpaint"])
def test_the_cheap_estimate_is_better_than_the_damage(case, images):
    task = made(case)
    y = measured(task, images)
    assert psnr(task.start(y), images) > psnr(y["image"], images) + 0.3


@pytest.mark.parametrize("case", ["denoise", "denoise poisson", "jpeg", "deblur known", "inpaint", "mixture"])
def test_observing_what_was_measured_gives_the_measurement(case, images):
    task = dataclasses.replace(made(case), **({"kinds": ("hole",), "together": 1} if case == "mixture" else {}))
    y = jax.tree.map(lambda x: x[0], measured(task, images))
    units = {"sigma": 127.5, "quality": 100.0, "kernel": 1.0, "hole": 1.0}
    seen = jax.jit(task.observe)(
        {"image": y["image"], **{name: y[name] * unit for name, unit in units.items() if name in y}}
    )
    for name, value in y.items():
        np.testing.assert_allclose(seen[name], value, atol=0.03, err_msg=name)


@pytest.mark.parametrize("case", ["superres", "superres torch", "inpaint", "denoise", "deblur known"])
def test_a_linear_task_has_an_operator_and_its_inverse(case, images):
    task = made(case)
    assert isinstance(task, Linear)
    y = measured(task, images)
    ours = task.apply(images, y)
    assert ours.shape == task.values(y).shape
    assert np.mean(np.abs(ours - task.values(y))) < (0.2 if case == "denoise" else 0.01)
    back = task.apply(task.pseudo_inverse(ours, y), y)
    # A regularised inverse comes close only.
    assert np.linalg.norm(back - ours) / np.linalg.norm(ours) < (0.05 if case == "deblur known" else 1e-5)


@pytest.mark.parametrize("case", ["superres", "superres torch", "inpaint", "denoise", "deblur known"])
def test_directions_are_weighed_by_their_singular_values(case, images):
    task = made(case)
    options = {"kind": "gaussian", "sigma": (1.5, 1.5)} if case == "deblur known" else {}
    task = dataclasses.replace(task, **options)
    y = measured(task, images)
    assert task.deviation(y).shape == (len(images), 1, 1, 1)
    squared = task.weigh(jnp.square, images, y)
    if case == "deblur known":  # a kernel that is its own mirror image: A is its own transpose but for the border
        expected = task.apply(task.apply(images, y), y)
    else:
        transpose = jax.linear_transpose(lambda x: task.apply(x, y), images)
        expected = transpose(task.apply(images, y))[0]
        seen = task.weigh(lambda s: (s > 1e-3).astype(jnp.float32), images, y)
        np.testing.assert_allclose(seen, task.pseudo_inverse(task.apply(images, y), y), atol=1e-4)
    np.testing.assert_allclose(squared, expected, atol=2e-3 if case == "deblur known" else 1e-5)


@pytest.mark.parametrize(
    ("scale", "reduce"),
    [
        (2, "matlab"),
        (3, "matlab"),
        (4, "matlab"),
        (8, "matlab"),
        (2, "matlab_noaa"),
        (3, "torch"),
        (4, "box"),
        (2, "nearest"),
    ],
)
def test_what_is_enlarged_reduces_to_the_small_image(scale, reduce, images):
    task = tasks.find("superres")(scale=scale, reduce=reduce)
    low = jax.random.uniform(jax.random.key(scale), (1, 5, 7, 3), minval=-1)
    y = jax.tree.map(lambda x: x[None], task.observe({"image": low[0]}))
    assert y["image"].shape == (1, 5 * scale, 7 * scale, 3)
    for image in (task.project(jnp.zeros_like(y["image"]), y), task.start(y)):
        np.testing.assert_allclose(task.apply(image, y), low, atol=2e-5)
    x = jax.random.normal(jax.random.key(1), y["image"].shape)
    # The nearest such image: what is added lies in the row space of A.
    added = task.project(x, y) - x
    np.testing.assert_allclose(task.pseudo_inverse(task.apply(added, y), y), added, atol=1e-4)


def test_levels_are_told_unless_the_task_is_blind(images):
    for name in ("denoise", "jpeg", "mixture"):
        task = tasks.find(name)()
        blind = dataclasses.replace(task, blind=True)
        assert task.ranges
        assert not blind.ranges
        look = lambda t: jax.eval_shape(lambda: t.condition(measured(t, images))).shape[-1]
        assert look(task) > look(blind)


@pytest.mark.parametrize("noise", ["gaussian", "poisson"])
def test_noise_has_the_level_that_was_asked_for(noise):
    grey = jnp.full((64, 64, 3), 0.5)  # three quarters of white
    task = tasks.find("denoise")(noise=noise, sigma=(20, 20), eight_bit=False)
    y = jax.jit(task.measure)(jax.random.key(0), {"image": grey})
    expected = 20 / 127.5 * (np.sqrt(0.75) if noise == "poisson" else 1)
    assert np.std(y["image"]) == pytest.approx(expected, rel=0.03)
    assert np.mean(y["image"]) == pytest.approx(0.5, abs=0.01)
    assert denoise.noise_level(y["image"]) == pytest.approx(expected, rel=0.05)
    np.testing.assert_allclose(y["sigma"], 20 / 127.5, rtol=1e-6)


def test_noise_of_a_photograph_is_estimated_within_its_range(images):
    noisy = images[0] + 25 / 127.5 * jax.random.normal(jax.random.key(0), images[0].shape)
    find = tasks.find("denoise")
    assert 127.5 * find().observe({"image": noisy})["sigma"] == pytest.approx(25, rel=0.12)
    assert 127.5 * find(sigma=(30, 40)).observe({"image": noisy})["sigma"] == pytest.approx(30, rel=1e-5)


def test_a_mixture_draws_all_kinds_and_never_too_many(images):
    task = tasks.find("mixture")(together=2, kinds=("blur", "noise", "hole"), size=9, motion=(3, 9), hole="box")
    keys = jax.random.split(jax.random.key(0), 64)
    y = jax.jit(jax.vmap(lambda key: task.measure(key, {"image": images[0]})))(keys)
    there = np.concatenate([y["levels"] > 0, y["hole"].max((1, 2, 3))[:, None] > 0], axis=1)
    assert set(there.sum(1)) == {1, 2}
    assert np.all(there.mean(0) > 0.25)
    assert np.all((y["levels"] == 0) | ((y["levels"] >= 0.1) & (y["levels"] <= 1)))
    assert task.condition(y).shape[-1] == 3 + 1 + 2
    planes = task.condition(y)[..., 4:]
    np.testing.assert_array_equal(planes, np.broadcast_to(y["levels"][:, None, None], planes.shape))


def test_a_mixture_puts_known_pixels_back_only_where_nothing_else_is_wrong(images):
    task = tasks.find("mixture")(kinds=("noise", "hole"), together=2)
    hole = jnp.zeros((SIZE, SIZE, 1)).at[10:20, 10:20].set(1)
    seen = [task.observe({"image": images[0], "hole": hole, **told}) for told in ({}, {"noise": 10.0})]
    y = jax.tree.map(lambda *x: jnp.stack(x), *seen)
    x = jnp.full((2, SIZE, SIZE, 3), 0.25)
    restored = task.project(x, y)
    np.testing.assert_array_equal(restored[0], jnp.where(hole > 0, 0.25, images[0]))
    np.testing.assert_array_equal(restored[1], x[1])
    np.testing.assert_array_equal(dataclasses.replace(task, blind=True).project(x, y), x)


@pytest.mark.parametrize("name", list(resize.METHODS))
def test_a_large_axis_is_resized_by_phases_with_the_same_result(name, monkeypatch):
    image = jax.random.normal(jax.random.key(0), (2, 23, 30, 3))
    both = []
    for largest in (resize.LARGEST, 0):
        monkeypatch.setattr(resize, "LARGEST", largest)
        sized = resize.resize(image, (46, 20), name)
        both.append([resize.reduce(image, 3, name), resize.enlarge(image, 2, name), sized])
    for matrix, phases in zip(*both, strict=True):
        np.testing.assert_allclose(matrix, phases, atol=1e-5)
    assert both[0][0].shape == (2, 8, 10, 3)


@pytest.mark.parametrize(
    ("name", "flag"), [("opencv", "CUBIC"), ("torch", "CUBIC"), ("bilinear", "LINEAR"), ("nearest", "NEAREST")]
)
@pytest.mark.parametrize("size", [(12, 16), (48, 64), (36, 31)])
def test_resizing_is_that_of_opencv(name, flag, size):
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).random((24, 32, 3)).astype(np.float32)
    theirs = cv2.resize(image, size[::-1], interpolation=getattr(cv2, f"INTER_{flag}"))
    np.testing.assert_allclose(resize.resize(jnp.asarray(image), size, name), theirs, atol=1e-5)


def test_a_box_takes_means_and_repeats():
    image = jax.random.normal(jax.random.key(0), (6, 9, 1))
    np.testing.assert_allclose(resize.reduce(image, 3, "box"), image.reshape(2, 3, 3, 3, 1).mean((1, 3)), atol=1e-6)
    np.testing.assert_array_equal(resize.enlarge(image, 2, "box"), jnp.repeat(jnp.repeat(image, 2, 0), 2, 1))


def test_softly_rounded_jpeg_has_a_slope(images):
    def loss(image, rounding):
        coded = jpeg.jpeg(image * 100 + 127, 20.0, rounding=rounding, codec=jpeg.DIFFJPEG)
        return jnp.sum(jnp.square(coded))

    slope = jax.jit(jax.grad(lambda image: loss(image, jpeg.soft_round)))(images[0, :16, :16])
    assert np.all(np.isfinite(slope))
    assert np.abs(slope).max() > 0
    assert not jax.jit(jax.grad(lambda image: loss(image, jnp.round)))(images[0, :16, :16]).any()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("superres", {"scale": 5}, "one of 2, 3, 4, 8, got 5"),
        ("superres", {"reduce": "bicubic"}, "unknown resizing method 'bicubic'"),
        ("denoise", {"sigma": (0, 25)}, "task.sigma must be a range"),
        ("denoise", {"sigma": (50, 25)}, "LOW HIGH"),
        ("denoise", {"sigma": (10, 256)}, "255"),
        ("denoise", {"noise": "gausian"}, "did you mean 'gaussian'"),
        ("deblur", {"kind": "moton"}, "did you mean 'motion'"),
        ("deblur", {"size": 8}, "odd number"),
        ("deblur", {"length": (3, 40)}, "task.length"),
        ("deblur", {"noise": -1}, "task.noise"),
        ("dehaze", {"airlight": (0.5, 1.5)}, "task.airlight"),
        ("jpeg", {"quality": (0, 50)}, "task.quality"),
        ("mixture", {"kinds": ("noise", "jepg")}, "did you mean 'jpeg'"),
        ("mixture", {"kinds": ()}, "at least one"),
        ("mixture", {"kinds": ("noise",), "together": 2}, "number of kinds"),
        ("mixture", {"hole": "bursh"}, "did you mean 'brush'"),
    ],
)
def test_bad_options_are_refused(name, options, said):
    with pytest.raises(ValueError, match=said):
        tasks.find(name)(**options)


@pytest.mark.parametrize(
    ("case", "arrays", "levels", "said"),
    [
        ("denoise", {}, {"sigma": 80}, "between 20 and 30, as in training, got 80"),
        ("denoise", {}, {"quality": 30}, "takes no quality; it takes: sigma"),
        ("denoise blind", {}, {"sigma": 25}, "takes no sigma; leave it out"),
        ("superres", {"hole": 1}, {}, "takes no hole"),
        ("deblur", {"kernel": 1}, {}, "takes no kernel"),
        ("mixture", {}, {"haze": 1}, "it takes: hole, blur, noise, jpeg"),
    ],
)
def test_knowledge_that_does_not_fit_the_task_is_refused(case, arrays, levels, said):
    with pytest.raises(ValueError, match=said):
        check_given(made(case), arrays, levels)


@pytest.mark.parametrize(("case", "said"), [("inpaint", "--hole"), ("jpeg", "--quality"), ("deblur known", "--kernel")])
def test_knowledge_that_is_missing_is_asked_for(case, said, images):
    with pytest.raises(ValueError, match=said):
        made(case).observe({"image": images[0]})


def test_sides_that_cannot_be_reduced_evenly_are_refused(images):
    with pytest.raises(ValueError, match="multiples of it, got 46x48"):
        made("superres").measure(jax.random.key(0), {"image": images[0, :46]})
