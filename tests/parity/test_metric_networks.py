"""The networks that metrics look through, and the figures of sets, against the reference implementations."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc, only, recipe_state, without_effect

from dgan_jax.convert import metric_weights as names
from dgan_jax.metrics import fid, inception, kid
from dgan_jax.metrics import lpips as lpips_metric
from dgan_jax.metrics.discriminative import discriminate, separate
from dgan_jax.metrics.neighbours import coverage
from dgan_jax.nets.inception_v3 import SIDE, InceptionV3
from dgan_jax.nets.lpips import LPIPS, TRUNKS, distance, per_layer, spatial
from dgan_jax.nets.vgg import VGG, imagenet
from dgan_jax.objectives import perceptual
from dgan_jax.systems.diffusion_gan import diffir


def shapes_of(network, *inputs):
    return jax.eval_shape(network.init, jax.random.key(0), *inputs)["params"]


@pytest.mark.parametrize("path", fixtures("inception_v3_fid"))
def test_inception_sees_what_the_published_network_sees(path):
    data, state = np.load(path), recipe_state(path)
    network = InceptionV3()
    params = names.params(network, shapes_of(network, jnp.zeros((1, SIDE, SIDE, 3))), state)
    sets = [key.removeprefix("in.images_") for key in data.files if key.startswith("in.")]
    seen = {name: inception.resize(jnp.asarray(nhwc(data[f"in.images_{name}"]), jnp.float32), SIDE) for name in sets}
    for name, images in seen.items():
        assert error(images[:, ::23, ::23], nhwc(data[f"out.{name}_resized_every23"])) < 1e-6
    # One compilation for all sets together.
    every = (jnp.concatenate(list(seen.values())) - 128.0) / 128.0
    found = jax.jit(lambda params, x: network.apply({"params": params}, x))(params, every)
    ends = np.cumsum([len(images) for images in seen.values()])[:-1]
    for layer in args_of(path)["features_list"]:
        for name, ours in zip(seen, np.split(np.asarray(found[layer]), ends), strict=True):
            theirs = data[f"out.{name}_{layer}"]
            assert error(ours, theirs) < 1e-5, (name, layer)
            # What the images have in common is nearly everything.
            assert error(ours - ours.mean(0), theirs - theirs.mean(0)) < 2e-3, (name, layer)
    back = names.state(network, params)
    assert all(np.array_equal(back[name], value) for name, value in state.items() if not name.endswith("_tracked"))


@pytest.mark.parametrize("path", fixtures("lpips_*"))
def test_lpips_is_the_published_distance_with_its_slope(path):
    data, args = np.load(path), args_of(path)
    state = recipe_state(path) | {key[8:]: data[key] for key in data.files if key.startswith("in.head.")}
    network = LPIPS(*TRUNKS[args["net"]], scaled=args["version"] != "0.0", learned=args.get("lpips", True))
    x, y = (jnp.asarray(nhwc(data[name])) for name in ("in.x", "in.y"))
    params = names.lpips_params(network, shapes_of(network, x, y), state)

    @jax.jit
    def run(params, x, y):
        def loss(x):
            maps = network.apply({"params": params}, x, y)
            return jnp.sum(distance(maps)), maps

        (_, maps), slope = jax.value_and_grad(loss, has_aux=True)(x)
        plain = distance(network.clone(learned=False).apply({"params": params}, x, y))
        # The metric has heads of its own, and takes images in [0, 1].
        metric = lpips_metric.lpips(args["net"], lpips_metric.parameters(args["net"], params["trunk"]))
        shipped = metric((x + 1) / 2, (y + 1) / 2, None)
        return distance(maps), per_layer(maps), spatial(maps, *x.shape[1:3]), plain, slope, shipped

    whole, layers, picture, plain, slope, shipped = run(params, x, y)
    assert error(whole, data["out.distance"]) < 1e-5
    assert error(layers, data["out.per_layer"]) < 1e-5
    assert error(picture[:, None], data["out.spatial_map"]) < 1e-5
    assert error(plain, data["out.baseline_no_heads"]) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert not run(params, x, x)[0].any()
    if args["version"] == "0.1" and network.learned:
        assert error(shipped, data["out.distance"]) < 1e-5


@pytest.mark.parametrize("path", fixtures("sr_vgg19_features"))
def test_vgg_has_the_published_features_of_each_layer(path):
    data, args = np.load(path), args_of(path)
    kind = args.get("vgg_type", "vgg19")
    network = VGG(
        int(kind.removeprefix("vgg").removesuffix("_bn")),
        tuple(args["layer_name_list"]),
        norm=kind.endswith("_bn"),
        pool_stride=None if args.get("remove_pooling") else args.get("pooling_stride", 2),
    )
    x = jnp.asarray(nhwc(data["in.x"]))
    x = (x + 1) / 2 if args.get("range_norm") else x
    x = imagenet(x) if args.get("use_input_norm", True) else x
    state = recipe_state(path)
    params = names.params(network, shapes_of(network, x), state)
    found = jax.jit(lambda params, x: network.apply({"params": params}, x))(params, x)
    for layer, ours in found.items():
        assert error(ours, nhwc(data[f"out.{layer}"])) < 1e-5, layer
    back = names.state(network, params)
    mine = {names.torchvision_name(network, name): value for name, value in state.items()}
    assert all(np.array_equal(value, mine[name]) for name, value in back.items())


@pytest.mark.parametrize("path", fixtures("sr_perceptual_loss"))
def test_the_distance_of_features_is_the_published_one_with_its_slope(path):
    data, args = np.load(path), args_of(path)
    layers, state = args["layer_weights"], recipe_state(path)
    x, truth = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("x", "gt"))
    network = VGG(19, tuple(perceptual.REAL_ESRGAN | layers))
    params = names.params(network, shapes_of(network, x), state)
    distances = {
        "l1": perceptual.mean_absolute,
        "l2": lambda a, b: jnp.mean(jnp.square(a - b)),
        "fro": lambda a, b: jnp.linalg.norm(a - b),
    }

    @jax.jit
    def run(params, x):
        apart = lambda x, distance: perceptual.features_apart(params, layers, x, truth, distance=distance)
        found = {name: apart(x, distance) for name, distance in distances.items()}
        theirs = perceptual.features_apart(params, perceptual.REAL_ESRGAN, x, truth)
        ours = diffir.through_vgg(x, truth, {"vgg19": params})
        return found, jax.grad(apart)(x, perceptual.mean_absolute), ours, theirs

    found, slope, ours, theirs = run(params, x)
    for name, value in found.items():
        assert error(value, data[f"out.percep_{name}"]) < 1e-5, name
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    assert ours == theirs > 0


@pytest.mark.parametrize("path", fixtures("metrics_sets"))
def test_figures_of_sets_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    fake, real, logits = (data[f"in.{name}"] for name in ("fake", "real", "logits"))
    near = lambda ours, name, bound=1e-5: error(ours, data[f"out.{name}"]) < bound
    assert near(fid.statistics(fake).mean, "mu_fake")
    assert near(fid.statistics(fake).covariance[0], "sigma_fake_row0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert near(fid.fid(fake, real), "fid")
        assert near(fid.fid(fake, real), "fid_sqrtm")
        rows = args["fid_small_rows"]
        assert near(fid.fid(fake[:rows], real[:rows]), "fid_small")
    seed = args["rng_seed"]
    mean, deviation = kid.kid(fake, real, subsets=args["kid_subsets"], size=args["kid_subset_size"], seed=seed)
    assert near(mean, "kid_mean", 1e-4)
    assert near(deviation, "kid_std", 1e-4)
    first = [rows[: min(len(fake), len(real))].astype(np.float64) for rows in (fake, real)]
    assert near(kid.squared_discrepancy(*first), "kid_unbiased_first_rows", 1e-4)
    assert near(kid.squared_discrepancy(*first, biased=True), "kid_biased_first_rows", 1e-4)
    for name, order in (("shuffled", seed), ("in_order", None)):
        mean, deviation = inception.inception_score(logits, splits=args["isc_splits"], seed=order)
        assert near(mean, f"isc_mean_{name}")
        assert near(deviation, f"isc_std_{name}")
    assert near(inception.inception_score(logits, splits=1)[0], "isc_one_split")
    precision = coverage(fake, real, neighbours=args["prc_neighborhood"])
    recall = coverage(real, fake, neighbours=args["prc_neighborhood"])
    assert near(precision, "precision")
    assert near(recall, "recall")


@pytest.mark.parametrize("path", fixtures("ids"))
def test_the_linear_machine_and_its_scores_are_the_published_ones(path):
    data, args = np.load(path), args_of(path)
    only(args, loss="squared_hinge", penalty="l2", intercept_scaling=1.0)
    without_effect(args, "tol")  # ours goes on until nothing changes
    cost = args["C"]
    real, fake = data["in.real"], data["in.fake"]
    side = np.repeat([1.0, -1.0], [len(real), len(fake)])
    weights, bias = separate(np.concatenate([real, fake]), side, cost=cost)
    assert error(weights, data["out.weight"]) < 1e-3
    assert error([bias], data["out.bias"]) < 1e-3
    assert error(real @ weights + bias, data["out.real_decision"]) < 1e-3
    assert error(fake @ weights + bias, data["out.fake_decision"]) < 1e-3
    found = discriminate(fake, real, cost=cost)
    assert found.unpaired == pytest.approx(float(data["out.u_ids"]), abs=1e-9)
    assert found.paired == pytest.approx(float(data["out.p_ids"]), abs=1e-9)
