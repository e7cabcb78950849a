"""ECDP's networks, its loss, its probability flow and its discrete ways back against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, meta_of, nhwc, recipe_state

from dgan_jax.convert import ecdp as names
from dgan_jax.nets.ecdp import ECDPEncoder, ECDPHead
from dgan_jax.samplers import ancestral, ddim
from dgan_jax.samplers import probability_flow as ode
from dgan_jax.systems.diffusion import ecdp


def networks(args, antialias):
    trunk = args["rrdb"]
    assert args["extra_channels"] == trunk["nf"] * len(trunk["selection"])
    assert args["out_channels"] in (None, 2 * args["num_channels"])
    config = ecdp.Config(
        time_features=args["time_channels"], encoder_features=trunk["nf"], encoder_blocks=trunk["blocks"],
        encoder_growth=trunk["gc"], shown=tuple(trunk["selection"]), antialias=antialias,
    )  # fmt: skip
    return ecdp.networks_of(config, args["scale"], args["num_channels"])


def weights(path, nets):
    """Parameters by player, and the state that they are of; both ways."""
    state = recipe_state(path)
    found = names.players({"encoder": nets.encoder, "denoiser": nets.unet}, state)
    params = {player: own["params"] for player, own in found.items()}
    back = {names.UNET + name: value for name, value in names.unet_state(nets.unet, params["denoiser"]).items()}
    back |= {names.ENCODER + name: value for name, value in names.encoder_state(params["encoder"]).items()}
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)
    return params


def computed(say):
    """`say` compiled once, and compiled too for loops that are not."""
    program = jax.jit(say)

    def call(x, t):
        with jax.disable_jit(False):
            return program(x, jnp.asarray(t, jnp.float32))

    return call


@pytest.mark.parametrize("path", fixtures("sr_ecdp"))
def test_networks_and_both_resizings_are_the_published_ones(path):
    data, meta = np.load(path), meta_of(path)
    read = lambda name: jnp.asarray(nhwc(data[name]))
    y = {"low": 2 * read("in.lr") - 1}
    x, t = read("in.x_t"), jnp.asarray(data["in.t"])
    for end, antialias in (("", False), ("_aa", True)):
        nets = networks(meta["args"], antialias)
        params = weights(path, nets)
        assert error(nets.enlarged(y), read(f"out.cond_scaled{end}")) < 1e-5

        @jax.jit
        def run(params, x, nets=nets):
            told = nets.encode(params, y)[0]
            loss = lambda x: (lambda said: (jnp.sum(said**2), said))(nets.says(params, told)(x, t))
            (_, said), slope = jax.value_and_grad(loss, has_aux=True)(x)
            return told, said, slope

        told, said, slope = run(params, x)
        assert error(told, read("out.lr_feats")) < 1e-5
        assert error(said, read(f"out.net{end}")) < 1e-5
        if not antialias:
            assert error(slope, read("out.grad_x")) < 1e-5
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(own)) for name, own in params.items()}
    assert counts == {"denoiser": meta["parameters"]["unet"], "encoder": meta["parameters"]["encoder"]}


@pytest.mark.parametrize("path", fixtures("sr_ecdp"))
def test_loss_flow_and_steps_are_the_published_ones(path):
    data = np.load(path)
    read = lambda name: jnp.asarray(nhwc(data[name]))
    nets = networks(args_of(path), False)
    params, y = weights(path, nets), {"low": 2 * read("in.lr") - 1}
    told, x, noise = nets.encode(params, y)[0], read("in.x_t"), read("in.noise")
    say = computed(nets.says(params, told))

    process = ecdp.process()
    assert error(np.square(process.signal[1:]), data["out.alpha_bars"]) < 1e-5
    assert error(np.square(process.step_signal[1:]), data["out.alphas"]) < 1e-5
    times = jnp.linspace(0, 1, len(data["out.t_to_aa"]))
    assert error(jnp.square(ecdp.SDE.marginal(times)[0]), data["out.t_to_aa"]) < 1e-5
    clean = nets.clean(2 * read("in.hr") - 1, y)
    assert error(clean, read("out.residual")) < 1e-5
    t = jnp.asarray(data["in.loss_t"], jnp.float32)
    assert error(ecdp.errors(say(ecdp.noisy(clean, t, noise), t), clean, noise), data["out.loss_eval"]) < 1e-4

    flow = ecdp.flow_of(say)
    for name in (name for name in data.files if name.startswith("out.ode_") and name[8:].replace(".", "").isdigit()):
        assert error(flow.velocity(x, jnp.full(len(x), float(name[8:]))), read(name)) < 1e-4, name
    constant = lambda number: noise
    with jax.disable_jit():
        assert error(ode.stepped(flow, x, 20, middle=False), read("out.ode_euler20")) < 1e-3
        assert error(ode.stepped(flow, x, 10), read("out.ode_midpoint10")) < 1e-3
        made, calls = ode.carried(flow, x, rtol=ecdp.Config().rtol, atol=ecdp.Config().atol)
        assert error(made, read("out.ode_dopri5_rtol1e-3")) < 0.03
        assert error(nets.image(made, y), read("out.sr_from_ode")) < 0.03
        assert np.all(np.abs(np.asarray(calls) / int(data["out.ode_nfe"]) - 1) < 0.2)
        for sampler, stepper in (("ddim", ddim), ("ancestral", ancestral)):
            way = ecdp.chain(sampler, ecdp.STEPS)
            # The chain from state 8 on, and its one step from state 200.
            part = ecdp.through(process, way.times[way.times <= 8], variance="large")
            assert error(ecdp.discrete(say, sampler, part, x, constant), read(f"out.{sampler}_from_t8")) < 1e-4
            assert error(one_step(stepper, way, say, x, noise), read(f"out.{sampler}_t200")) < 1e-4


def one_step(stepper, way, say, x, noise, time=200):
    """The step of a whole chain that begins at the state after transition `time`."""
    index, process = list(way.times).index(time), ecdp.process()
    told = jnp.full(len(x), time + 1.0)
    clean, eps = ecdp.hybrid(say(x, told), x, told)
    if stepper is ddim:
        weight = ddim.weights(way.tables, 0.0)[:, index]
        return weight[0] * x + weight[1] * eps
    i = jnp.full(len(x), index)
    log_variance = ancestral.log_variance_in(process, way, None, jnp.full(len(x), time), i, x)
    return ancestral.step(way.tables, clean, x, log_variance, i, noise)


@pytest.mark.parametrize("path", fixtures("sr_ecdp_rrdbnet"))
def test_encoder_and_head_enlarge_as_published(path):
    data, meta = np.load(path), meta_of(path)
    args, state = meta["args"], recipe_state(path)
    last = (args["blocks"] - 1,)
    encoder = ECDPEncoder(features=args["nf"], blocks=args["blocks"], growth=args["gc"], shown=last)
    head = ECDPHead(scale=args["scale"], out_channels=data["out.y"].shape[1])
    found = names.players({"encoder": encoder, "head": head}, state)
    trunk, rest = found["encoder"]["params"], found["head"]["params"]
    run = jax.jit(lambda x: head.apply({"params": rest}, encoder.apply({"params": trunk}, x)[1]))
    assert error(run(nhwc(data["in.lr"])), nhwc(data["out.y"])) < 1e-5
    back = {names.TRUNK + name: value for name, value in names.encoder_state(trunk).items()}
    back |= {names.HEAD + name: value for name, value in names.head_state(head, rest).items()}
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], state[name]) for name in state)
    assert sum(leaf.size for leaf in jax.tree.leaves(found)) == meta["parameters"]


@pytest.mark.parametrize(
    ("options", "scale", "unet", "encoder"),
    [
        ({}, 4, 26_039_302, 16_548_544),
        ({"encoder_blocks": 8, "shown": (1, 3, 5, 7)}, 8, 26_039_302, 5_757_184),
        ({"encoder_blocks": 16, "shown": (1, 5, 10, 15)}, 4, 26_039_302, 11_512_576),
    ],
)
def test_published_sizes_have_the_published_number_of_parameters(options, scale, unet, encoder):
    nets = ecdp.networks_of(ecdp.Config(**options), scale, 3)
    count = lambda shapes: sum(leaf.size for leaf in jax.tree.leaves(shapes))
    low = jnp.zeros((1, 2, 2, 3))
    (told, last), made = jax.eval_shape(lambda: nets.encoder.init_with_output(jax.random.key(0), low))
    assert count(made) == encoder
    x = jnp.zeros((1, 2 * scale, 2 * scale, 3))
    assert count(jax.eval_shape(nets.unet.init, jax.random.key(0), x, jnp.ones(1), told)) == unet
    if not options:  # the network by which the encoder learns
        assert count(jax.eval_shape(nets.head.init, jax.random.key(0), last)) + encoder == 16_661_059
