"""Partial convolutions against the reference layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import args_of, error, fixtures, nhwc, recipe_state

from dgan_jax.convert.trees import to_ours
from dgan_jax.nets.partial_conv import PartialConv

SERVED = {"out", "kernel_size", "stride", "padding", "dilation", "bias", "multi_channel"}


@pytest.mark.parametrize("path", fixtures("partial_conv"))
def test_each_layer_computes_what_the_published_one_does(path):
    data, state = np.load(path), recipe_state(path)
    x, mask = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("x", "mask"))

    @jax.jit
    def run(x, mask):
        found = []
        for i, args in enumerate(args_of(path)):
            assert set(args) <= SERVED, args
            module = PartialConv(
                args["out"], args["kernel_size"], args.get("stride", 1), args.get("padding", 0),
                args.get("dilation", 1), args.get("bias", True),
            )  # fmt: skip
            name = f"l{i}.weight"
            params = {"conv": {"kernel": to_ours(name, state[name], 4)}}
            params |= {"bias": state[f"l{i}.bias"]} if args.get("bias", True) else {}
            known = jnp.broadcast_to(mask, x.shape) if args.get("multi_channel") else mask
            found.append(module.apply({"params": params}, x, known, method="scaled"))
        return found

    for i, (y, ratio, known) in enumerate(run(x, mask)):
        assert error(y, nhwc(data[f"out.y{i}"])) < 1e-5, i
        for ours, name in ((ratio, "ratio"), (known, "mask")):
            theirs = nhwc(data[f"out.{name}{i}"])
            # All planes of a mask for each channel are the same.
            assert error(np.broadcast_to(ours, theirs.shape), theirs) < 1e-5, (name, i)
