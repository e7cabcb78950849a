"""Figures of whole sets, and the published weights behind them: converted, found, checked, named in every result."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch_writer

from dgan_jax import pretrained
from dgan_jax.cli.main import main
from dgan_jax.convert import metric_weights
from dgan_jax.data.safetensors_file import read_weights
from dgan_jax.metrics import fid, inception, kid, neighbours
from dgan_jax.metrics.discriminative import discriminate
from dgan_jax.metrics.metric import Metric
from dgan_jax.metrics.sets import SetMetric
from dgan_jax.metrics.through_networks import PRETRAINED
from dgan_jax.nets import squeezenet
from dgan_jax.nets.lpips import LEAST, TRUNKS

draw = np.random.default_rng(0)
SET, OTHER = draw.normal(size=(300, 12)).astype("f4"), draw.normal(0.3, 1.2, size=(280, 12)).astype("f4")


def random_state(name: str) -> dict[str, np.ndarray]:
    """A state dictionary as the published file of a network has it, with values of our own."""
    published = pretrained.NETWORKS[name]
    random = np.random.default_rng(1)
    spread = lambda leaf: random.standard_normal(leaf.shape, np.float32) * np.float32(leaf.size**-0.25)
    tree = jax.tree.map(lambda leaf: np.abs(spread(leaf)) if leaf.ndim == 1 else spread(leaf), published.shapes())
    return metric_weights.state(published.network, tree)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with weights of AlexNet, by the command, from a file as torchvision saves it."""
    place = tmp_path_factory.mktemp("weights")
    file = place / "alexnet-owt-7be5be79.pth"
    state = random_state("alexnet")
    torch_writer.save({**state, "classifier.6.weight": np.zeros((10, 3), "f4")}, file)
    assert main(["convert", str(file), "--network", "alexnet", "-o", str(place)]) == 0
    return place


# Statistics and figures


def test_statistics_of_parts_merge_into_those_of_the_whole(tmp_path):
    whole = fid.statistics(SET)
    parts = [fid.statistics(part) for part in np.split(SET, [1, 120])]
    merged = fid.merge(fid.merge(parts[0], parts[1]), parts[2])
    assert merged.images == 300
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=1e-10, atol=1e-14)
    fid.save(tmp_path / "half.npz", merged)
    read = fid.load(tmp_path / "half.npz")
    assert read.images == 300
    np.testing.assert_allclose(fid.merge(read, whole).covariance, fid.merge(whole, whole).covariance, rtol=1e-10)


def test_a_file_that_holds_no_statistics_is_one_sentence(tmp_path):
    (tmp_path / "text.npz").write_text("nothing")
    np.savez(tmp_path / "other.npz", mu=np.zeros(3))
    np.savez(tmp_path / "torn.npz", mu=np.zeros(3), sigma=np.zeros((2, 2)), count=9)
    for name, says in (("text", "holds no"), ("other", "holds no"), ("torn", "damaged"), ("none", "holds no")):
        with pytest.raises(ValueError, match=says):
            fid.load(tmp_path / f"{name}.npz")


def test_the_frechet_distance_of_few_images_is_that_of_the_formula_and_comes_with_a_warning():
    with pytest.warns(UserWarning, match="FID of 5 images"):
        assert fid.fid(SET[:5], SET[:5]) == pytest.approx(0.0, abs=1e-6)
    moved = fid.statistics(SET)._replace(mean=fid.statistics(SET).mean + 2.0)
    assert fid.frechet(fid.statistics(SET), moved) == pytest.approx(12 * 2.0**2)
    doubled = fid.statistics(2.0 * SET.astype(np.float64))
    still = doubled._replace(mean=fid.statistics(SET).mean)
    assert fid.frechet(fid.statistics(SET), still) == pytest.approx(np.trace(fid.statistics(SET).covariance))


def test_the_kernel_distance_is_unbiased_and_takes_all_images_where_there_are_few():
    same = [kid.kid(half[:150], half[150:], subsets=1)[0] for half in draw.normal(size=(40, 300, 12))]
    # Of two halves of one set it is zero on average, within three standard errors, and negative about half of the time.
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(len(same))
    assert min(same) < 0
    mean, deviation = kid.kid(SET[:100], OTHER[:100])
    assert mean == pytest.approx(kid.squared_discrepancy(SET[:100].astype("f8"), OTHER[:100].astype("f8")), rel=1e-9)
    assert deviation == 0


def test_coverage_does_not_depend_on_the_blocks_it_is_computed_in(monkeypatch):
    whole = neighbours.coverage(SET, OTHER)
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    assert 0 < whole < 1
    assert neighbours.coverage(SET, OTHER) == whole
    assert neighbours.coverage(SET + 1000, OTHER + 1000) == whole
    assert neighbours.coverage(SET, SET) == 1
    assert neighbours.coverage(SET + 100, SET) == 0


def test_a_linear_machine_is_fooled_by_equal_images_and_not_by_shifted_ones():
    assert discriminate(SET + 9, SET) == (0.0, 0.0)
    # Of identical pairs each is on one side once, and no restored image scores higher than itself.
    assert discriminate(SET, SET) == (0.5, 0.0)
    near = discriminate(OTHER, SET[:280])
    assert 0 < near.unpaired < 0.5
    assert 0 < near.paired < 0.5


def test_too_few_images_are_refused_with_their_number():
    for figure, says in (
        (lambda: inception.inception_score(SET[:9]), "got 9"),
        (lambda: neighbours.coverage(SET, SET[:3]), "got 3"),
        (lambda: kid.kid(SET[:1], SET[:1]), "got 1"),
        (lambda: fid.frechet(fid.statistics(SET[:1]), fid.statistics(SET[:1])), "got 1"),
        (lambda: discriminate(SET[:2], SET[:3]), "got 2"),
    ):
        with pytest.raises(ValueError, match=says):
            figure()


def test_the_resize_takes_the_first_pixel_for_the_first_and_repeats_the_last():
    ramp = jnp.asarray([0.0, 10.0]).reshape(1, 1, 2, 1)
    assert inception.resize(ramp, 4)[0, 0, :, 0].tolist() == [0, 5, 10, 10]
    images = jnp.asarray(draw.random((1, 8, 8, 3)), jnp.float32)
    assert np.array_equal(inception.resize(images, 8), images)
    levels = inception.eight_bit_rgb(jnp.full((1, 2, 2, 1), 100.4 / 255))
    assert levels.shape == (1, 2, 2, 3)
    assert set(np.unique(levels)) == {100.0}


# Weights


def test_lpips_by_a_converted_file_tells_images_apart_and_names_the_file(folder):
    metric = PRETRAINED["lpips_alex"](folder)
    assert isinstance(metric, Metric)
    stored = read_weights(folder / "alexnet.safetensors").config
    assert stored["source"] == "alexnet-owt-7be5be79.pth"
    assert stored["source_sha256"][:16] in metric.protocol
    assert "NOT the published" in metric.protocol
    original = jnp.asarray(draw.random((3, 40, 36, 3)), jnp.float32)
    hole = jnp.zeros((3, 40, 36, 1)).at[:2, 10:20, 8:20].set(1.0)
    restored = jnp.where(hole > 0, 0.5, original).at[1].set(original[1])
    in_hole = PRETRAINED["lpips_alex_hole"](folder)

    @jax.jit
    def run(restored):
        total = lambda x: metric.function(x, original, hole).sum()
        return (
            metric.function(restored, original, hole),
            in_hole.function(restored, original, hole),
            jax.grad(total)(restored),
        )

    whole, missing, slope = run(restored)
    assert whole[0] > 0
    assert missing[0] > whole[0]
    assert whole[1] == whole[2] == missing[1] == 0
    assert np.isnan(missing[2]), "nothing is missing there"
    assert np.isfinite(slope).all()


def test_lpips_takes_grey_images_for_equal_channels_and_refuses_small_ones(folder):
    function = PRETRAINED["lpips_alex"](folder).function
    shape = lambda *size: jax.ShapeDtypeStruct(size, jnp.float32)
    assert jax.eval_shape(function, shape(2, 32, 32, 1), shape(2, 32, 32, 1), None).shape == (2,)
    for size, says in (((2, 30, 64, 3), "sides of 31"), ((2, 64, 64, 4), "4 channels")):
        with pytest.raises(ValueError, match=says):
            jax.eval_shape(function, shape(*size), shape(*size), None)
    with pytest.raises(ValueError, match="hole"):
        PRETRAINED["lpips_alex_hole"](folder).function(jnp.zeros((1, 32, 32, 3)), jnp.zeros((1, 32, 32, 3)), None)


@pytest.mark.parametrize("net", LEAST)
def test_the_least_side_is_the_least_that_leaves_a_pixel_in_every_layer(net):
    def smallest(side):
        images = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
        layers, _ = jax.eval_shape(TRUNKS[net][0].init_with_output, jax.random.key(0), images)
        return min(min(layer.shape[1:3]) for layer in layers.values())

    assert smallest(LEAST[net]) == 1
    assert smallest(LEAST[net] - 1) < 1


def test_squeezenets_pools_round_sizes_up():
    ramp = jnp.arange(1.0, 5.0).reshape(1, 4, 1, 1) * jnp.ones((1, 4, 4, 1))
    assert squeezenet.pool(ramp)[0, :, :, 0].tolist() == [[3, 3], [4, 4]]
    images = jax.ShapeDtypeStruct((1, 97, 71, 3), jnp.float32)
    layers, _ = jax.eval_shape(squeezenet.SqueezeNet().init_with_output, jax.random.key(0), images)
    sizes = [layers[name].shape[1:3] for name in squeezenet.LAYERS]
    assert sizes == [(48, 35), (24, 17), (12, 8), *[(6, 4)] * 4]


def test_the_folder_may_come_from_the_environment(folder, monkeypatch):
    monkeypatch.setenv("DGAN_WEIGHTS", str(folder))
    assert PRETRAINED["lpips_alex"](None).protocol == PRETRAINED["lpips_alex"](folder).protocol


def test_a_file_of_the_published_hash_is_not_called_another(folder, monkeypatch):
    digest = read_weights(folder / "alexnet.safetensors").config["source_sha256"]
    known = pretrained.NETWORKS["alexnet"]._replace(files=(f"alexnet-owt-{digest[:8]}.pth",))
    monkeypatch.setitem(pretrained.NETWORKS, "alexnet", known)
    pretrained.loaded.cache_clear()
    assert "NOT" not in PRETRAINED["lpips_alex"](folder).protocol
    pretrained.loaded.cache_clear()


@pytest.mark.parametrize("name", PRETRAINED)
def test_without_weights_the_file_its_hash_and_the_command_are_named(name, tmp_path, monkeypatch):
    monkeypatch.delenv("DGAN_WEIGHTS", raising=False)
    for given, where in ((None, "DGAN_WEIGHTS"), (tmp_path, str(tmp_path))):
        with pytest.raises(ValueError, match=r"dgan convert \S+-([0-9a-f]{8})\.pth --network \w+ -o") as caught:
            PRETRAINED[name](given)
        assert where in str(caught.value)
        assert "SHA-256" in str(caught.value)


def test_weights_of_another_network_and_changed_weights_are_refused(folder, tmp_path):
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"vgg16{suffix}").write_bytes((folder / f"alexnet{suffix}").read_bytes())
        (tmp_path / f"alexnet{suffix}").write_bytes((folder / f"alexnet{suffix}").read_bytes())
    with pytest.raises(ValueError, match="the weights of alexnet, not of vgg16"):
        PRETRAINED["lpips_vgg"](tmp_path)
    data = bytearray((tmp_path / "alexnet.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "alexnet.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="its SHA-256 differs"):
        PRETRAINED["lpips_alex"](tmp_path)


def test_the_inception_file_serves_every_metric_of_its_features_and_they_share_them(tmp_path, capsys):
    state = random_state("inception_v3_fid") | {"Conv2d_1a_3x3.bn.num_batches_tracked": np.array(3)}
    torch_writer.save(state, tmp_path / "pt_inception-2015-12-05-6726825d.pth")
    out = str(tmp_path / "deep" / "weights")
    file = str(tmp_path / "pt_inception-2015-12-05-6726825d.pth")
    assert main(["convert", file, "--network", "inception_v3_fid", "-o", out]) == 0
    told = capsys.readouterr().out
    assert "23,885,392 parameters" in told
    assert "compare with none" in told.replace("\n", " ")
    names = ("fid", "kid", "inception_score", "u_ids", "p_ids", "precision_inception", "recall_inception")
    built = {name: PRETRAINED[name](tmp_path / "deep" / "weights") for name in names}
    assert all(isinstance(metric, SetMetric) for metric in built.values())
    assert len({id(metric.features) for metric in built.values()}) == 1
    assert all("SHA-256" in metric.protocol and not metric.bootstrap for metric in built.values())
    seen = jax.eval_shape(built["fid"].features, jax.ShapeDtypeStruct((2, 20, 30, 3), jnp.float32), None)
    assert {name: leaf.shape for name, leaf in seen.items()} == {"2048": (2, 2048), "logits_unbiased": (2, 1008)}
    described = lambda rows: {"2048": rows, "logits_unbiased": rows}
    with pytest.warns(UserWarning, match="biased"):
        figures = {name: built[name].figure(described(OTHER), described(SET[:280])) for name in names}
    assert figures["fid"] > 0
    assert figures["kid"] == pytest.approx(1000 * kid.kid(OTHER, SET[:280])[0])
    assert figures["inception_score"] == inception.inception_score(OTHER)[0] > 1
    assert figures["u_ids"] == 100 * discriminate(OTHER, SET[:280]).unpaired
    assert figures["p_ids"] == 100 * discriminate(OTHER, SET[:280]).paired
    assert figures["precision_inception"] == 100 * neighbours.coverage(OTHER, SET[:280])
    assert figures["recall_inception"] == 100 * neighbours.coverage(SET[:280], OTHER)
    # torchvision's network of the same architecture has another head, and is refused.
    published = pretrained.NETWORKS["inception_v3_fid"]
    with pytest.raises(ValueError, match=r"has also AuxLogits\.fc\.bias"):
        metric_weights.params(published.network, published.shapes(), state | {"AuxLogits.fc.bias": np.zeros(3, "f4")})
    with pytest.raises(ValueError, match=r"fc\.weight is \(1000, 2048\)"):
        metric_weights.params(
            published.network, published.shapes(), state | {"fc.weight": np.zeros((1000, 2048), "f4")}
        )


def test_vgg16_is_described_by_its_second_dense_layer():
    shapes = pretrained.NETWORKS["vgg16_fc2"].shapes()
    assert shapes["fc1"]["kernel"].shape == (25088, 4096)
    images = jax.ShapeDtypeStruct((2, 50, 40, 3), jnp.float32)
    seen = jax.eval_shape(lambda params, images: inception.through_vgg16(params)(images, None), shapes, images)
    assert seen.shape == (2, 4096)
    names = metric_weights.names_of(pretrained.NETWORKS["vgg16_fc2"].network, shapes)
    assert {"features.28.weight", "classifier.0.weight", "classifier.3.bias"} <= set(names)
    assert "classifier.6.weight" not in names


def test_convert_wants_a_config_or_a_network_but_not_both(capsys):
    assert main(["convert", "some.pth", "--network", "alexnet", "--config", "ddgan_cifar10"]) == 2
    assert "either --config" in capsys.readouterr().err


def test_an_unknown_network_is_met_with_the_nearest(capsys):
    assert main(["convert", "some.pth", "--network", "alexnett"]) == 2
    assert "did you mean 'alexnet'" in capsys.readouterr().err
