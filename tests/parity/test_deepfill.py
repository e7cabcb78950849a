"""DeepFill v2: its generator and its attention against the PyTorch port, and names both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from published import args_of, error, fixtures, meta_of, nhwc, recipe_state

from dgan_jax.convert import deepfill_v2 as names
from dgan_jax.nets.contextual_attention import attend
from dgan_jax.nets.deepfill import Generator


@pytest.mark.parametrize("path", fixtures("deepfill_v2"))
def test_the_generator_computes_what_the_published_one_does(path):
    data, args, state = np.load(path), args_of(path), recipe_state(path)
    module = Generator(**names.generator_arguments(args))
    variables = names.generator_variables(module, state)
    x, hole = (jnp.asarray(nhwc(data[f"in.{name}"])) for name in ("x", "mask"))
    assert x.shape[-1] == args["cnum_in"]

    @jax.jit
    def run(x):
        def apply(x):
            coarse, refined = module.apply(variables, x, hole)
            return jnp.sum(refined**2), (coarse, refined)

        return jax.grad(apply, has_aux=True)(x)

    slope, (coarse, refined) = run(x)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == meta_of(path)["parameters"]
    assert error(coarse, nhwc(data["out.y1"])) < 1e-5
    assert error(refined, nhwc(data["out.y2"])) < 1e-5
    assert error(slope[:, ::2, ::2], nhwc(data["out.grad_x_every2"])) < 1e-5
    back = names.generator_state(variables)
    assert back.keys() == state.keys() - {names.FUSING}
    assert all(np.array_equal(back[name], state[name]) for name in back)


@pytest.mark.parametrize("path", fixtures("deepfill_v2"))
def test_attention_pastes_as_the_published_one_does(path):
    data = np.load(path)
    shape = data["out.attention_fused"].shape
    given = jnp.asarray(nhwc(recipe.array(f"{meta_of(path)['name']}.f", shape)))
    hole = jnp.asarray(nhwc(data["in.attention_mask"]))

    @jax.jit
    def run(x):
        plain = attend(x, x, hole, fuse=False)
        slope, pasted = jax.grad(
            lambda x: (lambda y: (jnp.sum(y**2), y))(attend(x, x, hole)), has_aux=True
        )(x)  # fmt: skip
        return plain, pasted, slope

    plain, pasted, slope = run(given)
    assert error(plain, nhwc(data["out.attention_not_fused"])) < 1e-5
    assert error(pasted, nhwc(data["out.attention_fused"])) < 1e-5
    assert error(slope, nhwc(data["out.attention_fused_grad"])) < 1e-5
