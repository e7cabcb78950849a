"""StyleGAN2: its operators, networks and losses against the reference."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from published import args_of, error, fixtures, meta_of, nhwc, recipe_state

from dgan_jax.convert import stylegan2 as names
from dgan_jax.nets.minibatch import minibatch_deviation
from dgan_jax.nets.stylegan2 import activate, modulated_convolution
from dgan_jax.objectives import adversarial
from dgan_jax.ops import upfirdn


def fields(name):
    """A recorded name's arguments: upfirdn.f4.up2.down1.pad2_1_2_1.flip0.gain4 -> {up: 2, ...}, f4."""
    values = {}
    parts = name.split(".")
    # gain1.5 has a point of its own
    if parts[-1].isdigit() and parts[-2].startswith("gain"):
        parts[-2:] = [".".join(parts[-2:])]
    for part in parts[2:]:
        key = part.rstrip("-_.0123456789")
        values[key] = part.removeprefix(key)
    return parts[1], values


def resampled(data, taps):
    """{a record's name: a function of the image that should compute it}, of one-dimensional and other filters."""
    kernels = {name: np.asarray(data[f"in.{name}"], np.float64) for name in ("f4", "f5", "asym")}
    ours = {}
    for name in (name for name in data.files if name.startswith("out.")):
        kind = name.split(".")[1]
        if kind == "upfirdn":
            which, values = fields(name.removeprefix("out."))
            pads = tuple(int(pad) for pad in values["pad"].split("_"))
            options = {
                "up": int(values["up"]), "down": int(values["down"]), "flip": values["flip"] == "1",
                "gain": float(values["gain"]), "pads": pads * 4 if len(pads) == 1 else pads,
            }  # fmt: skip
            ours[name] = [functools.partial(upfirdn.upfirdn, kernel=kernels[which], **options)]
            if which in taps:  # one axis after the other is the same
                ours[name].append(functools.partial(upfirdn.upfirdn, kernel=upfirdn.taps(taps[which]), **options))
        elif kind in WHOLE:
            ours[name] = [functools.partial(WHOLE[kind], kernel=kernels[name.split(".")[-1]])]
        elif kind == "conv":
            parts = {part.rstrip("0123456789"): int(part[-1]) for part in name.split(".")[2:]}
            weights = jnp.asarray(data["in.w" if parts["k"] == 3 else "in.w1"]).transpose(2, 3, 1, 0)
            weights = weights if parts.get("flipw", 1) else weights[::-1, ::-1]
            ours[name] = [
                functools.partial(
                    upfirdn.resampled_convolution, weights=weights, kernel=kernels["f4"], up=parts["up"],
                    down=parts["down"], padding=parts["k"] // 2,
                )
            ]  # fmt: skip
    return ours


WHOLE = {"upsample2d": upfirdn.upsample, "downsample2d": upfirdn.downsample, "filter2d": upfirdn.filtered}


@pytest.mark.parametrize("path", fixtures("stylegan2_ops"))
def test_resampling_computes_what_the_published_operators_do(path):
    data, taps = np.load(path), args_of(path)
    for name, values in taps.items():
        assert error(np.outer(upfirdn.taps(values), upfirdn.taps(values)), data[f"in.{name}"]) < 1e-6
    ours = resampled(data, taps)
    assert ours.keys() == {name for name in data.files if name.startswith("out.") and name.split(".")[1] in OPERATORS}
    found = jax.jit(lambda x: {name: [apply(x) for apply in ways] for name, ways in ours.items()})(nhwc(data["in.x"]))
    for name, ways in found.items():
        assert all(error(way, nhwc(data[name])) < 1e-5 for way in ways), name


OPERATORS = ("upfirdn", "upsample2d", "downsample2d", "filter2d", "conv")


@pytest.mark.parametrize("path", fixtures("stylegan2_ops"))
def test_layers_compute_what_the_published_ones_do(path):
    data = np.load(path)
    read = lambda name: jnp.asarray(nhwc(data[name]))
    x, xs, b, kernel = read("in.x"), read("in.xs"), jnp.asarray(data["in.b"]), np.asarray(data["in.f4"], np.float64)
    weights, styles = jnp.asarray(data["in.w"]).transpose(2, 3, 1, 0), jnp.asarray(data["in.styles"])
    noise, single = jnp.asarray(data["in.noise"])[..., None], jnp.asarray(data["in.w1"]).transpose(2, 3, 1, 0)
    # The gains and the clamp of two of them are told by their values alone.
    of = lambda name: nhwc(data[f"out.bias_act.{name}"])
    clamp = float(np.abs(of("lrelu_gain_clamp")).max())
    inside = np.abs(of("lrelu_gain_clamp")) < 0.99 * clamp
    gain = float(np.sqrt(2) * np.median(of("lrelu_gain_clamp")[inside] / of("lrelu")[inside]))
    linear = float(np.median(of("linear") / (x + b)))
    ours = {
        "modconv.demod": modulated_convolution(x, weights, styles, kernel),
        "modconv.nodemod": modulated_convolution(x, single, styles, kernel, demodulate=False),
        "modconv.up": modulated_convolution(x, weights, styles, kernel, up=2),
        "modconv.demod_noise": modulated_convolution(x, weights, styles, kernel, noise=noise),
        "bias_act.lrelu": activate(x, b),
        "bias_act.lrelu_gain_clamp": activate(x, b, gain=gain, clamp=clamp),
        "bias_act.linear": activate(x, b, "linear", gain=linear),
        "mbstd.g4f1": minibatch_deviation(xs, 4, None),
        "mbstd.g2f3": minibatch_deviation(xs, 2, None, 3),
        "mbstd.all": minibatch_deviation(xs, len(xs), None),
    }
    recorded = {name.removeprefix("out.") for name in data.files if name.startswith("out.")}
    assert ours.keys() == {name for name in recorded if name.split(".")[0] not in OPERATORS}
    for name, value in ours.items():
        assert error(value, nhwc(data[f"out.{name}"])) < 1e-5, name


def labels(data):
    return jnp.asarray(data["in.c"]) if "in.c" in data.files else None


@pytest.mark.parametrize("path", fixtures("stylegan2_generator"))
def test_the_generator_computes_what_the_published_one_does(path):
    data, args, state = np.load(path), args_of(path), recipe_state(path)
    module = names.generator(args)
    variables = names.generator_variables(module, state, latent=args["z_dim"], classes=args["c_dim"])
    c = labels(data)

    @jax.jit
    def run(z):
        draw = lambda z, **options: module.apply(variables, z, c, **options)
        loss = lambda z: (lambda y: (jnp.sum(y**2), y))(draw(z, noise="const"))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(z)
        ws = module.apply(variables, z, c, method="mapped")
        return y, slope, draw(z, noise="const", truncation=0.7), draw(z), ws

    y, slope, truncated, quiet, ws = run(jnp.asarray(data["in.z"]))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == meta_of(path)["parameters"]
    assert error(y, nhwc(data["out.y"])) < 1e-5
    assert error(slope, data["out.grad_z"]) < 1e-5
    assert error(truncated, nhwc(data["out.y_trunc07"])) < 1e-5
    assert error(quiet, nhwc(data["out.y_nonoise"])) < 1e-5
    assert error(ws[:, 0], data["out.ws"]) < 1e-5
    back = names.state_of(variables)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("stylegan2_discriminator", "stylegan2_discriminator_*"))
def test_the_critic_computes_what_the_published_one_does(path):
    data, args, state = np.load(path), args_of(path), recipe_state(path)
    module = names.critic(args)
    variables = names.critic_variables(module, state, channels=args["img_channels"], classes=args["c_dim"])
    c = labels(data)

    @jax.jit
    def run(x):
        loss = lambda x: (lambda y: (jnp.sum(y**2), y))(module.apply(variables, x, c))
        (_, y), slope = jax.value_and_grad(loss, has_aux=True)(x)
        return y, slope

    y, slope = run(jnp.asarray(nhwc(data["in.x"])))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == meta_of(path)["parameters"]
    assert error(y[:, None], data["out.y"]) < 1e-5
    assert error(slope, nhwc(data["out.grad_x"])) < 1e-5
    back = names.state_of(variables)
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("path", fixtures("stylegan2_losses"))
def test_losses_and_penalties_are_the_published_ones(path):
    data, meta, args = np.load(path), meta_of(path), args_of(path)
    whole = {}
    for name, shape in meta["state"]:
        # Names carry a network's prefix, which the recipe is not fed.
        value = recipe.tensor(name[2:], tuple(shape))
        whole[name] = value * np.float32(meta["scaled"].get(name, 1))
    of = lambda prefix: {name[2:]: value for name, value in whole.items() if name.startswith(prefix)}
    generator, critic = names.generator(args["G"]), names.critic(args["D"])
    drawing = names.generator_variables(generator, of("G."), latent=args["G"]["z_dim"], classes=args["G"]["c_dim"])
    judging = names.critic_variables(critic, of("D."), channels=args["D"]["img_channels"], classes=args["D"]["c_dim"])
    x, z, noise = (
        jnp.asarray(nhwc(data["in.x"])), jnp.asarray(data["in.z"]), jnp.asarray(nhwc(data["in.pl_noise"])),
    )  # fmt: skip

    @jax.jit
    def run(drawing, judging):
        fake = critic.apply(judging, generator.apply(drawing, z, None, "const"))
        real = critic.apply(judging, x)

        def slope(params):
            squared = adversarial.r1(lambda x: critic.apply({"params": params}, x), x)
            return jnp.mean(squared), squared

        def length(params):
            own = {**drawing, "params": params}
            ws = generator.apply(own, z, method="mapped")
            lengths = adversarial.path_lengths(
                lambda ws: generator.apply(own, ws, "const", method="synthesised"), ws, noise
            )
            return jnp.mean(jnp.square(lengths - 0.5)), lengths

        return (
            real,
            fake,
            jax.grad(slope, has_aux=True)(judging["params"]),
            jax.grad(length, has_aux=True)(drawing["params"]),
        )

    real, fake, (of_slope, squared), (of_length, lengths) = run(drawing, judging)
    assert error(real[:, None], data["out.real_logits"]) < 1e-5
    assert error(fake[:, None], data["out.fake_logits"]) < 1e-5
    assert error(jax.nn.softplus(-fake)[:, None], data["out.loss_G"]) < 1e-5
    assert error(adversarial.non_saturating(fake), data["out.loss_G"].mean()) < 1e-5
    assert error(adversarial.logistic(real, fake), data["out.loss_D"].mean()) < 1e-5
    assert error(squared, data["out.r1_penalty"]) < 1e-4
    assert error(lengths, data["out.pl_lengths"]) < 1e-4
    gradients = {
        "grad_mean_r1_wrt_D_": names.state_of({"params": of_slope}),
        "grad_pl_wrt_G_": names.state_of({"params": of_length}),
    }
    recorded = [name for name in data.files if name.startswith("out.grad_")]
    assert recorded
    for name in recorded:
        prefix = next(prefix for prefix in gradients if name.startswith(f"out.{prefix}"))
        ours = {key.replace(".", "_"): value for key, value in gradients[prefix].items()}
        assert error(ours[name.removeprefix(f"out.{prefix}")], data[name]) < 1e-4, name
