"""What only some examples need: the same answers, and on CPUs no more work than that."""

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.ops.seldom import only_if

CALLS: list[float] = []


def counted(x):
    jax.debug.callback(lambda value: CALLS.append(float(value)), x[0])
    return jnp.cumsum(x)


def chosen(needed, x):
    return only_if(needed, counted, lambda x: -x, x)


def test_each_example_gets_its_own_answer_and_only_what_it_needs_is_computed():
    x = jnp.arange(12.0).reshape(4, 3)
    needed = jnp.asarray([True, False, False, True])
    CALLS.clear()
    result = jax.block_until_ready(jax.jit(jax.vmap(chosen))(needed, x))
    jax.effects_barrier()
    np.testing.assert_array_equal(result, jnp.where(needed[:, None], jnp.cumsum(x, 1), -x))
    if jax.default_backend() == "cpu":
        assert sorted(CALLS) == [0.0, 9.0]


def test_what_is_not_batched_is_shared():
    x = jnp.arange(3.0)
    needed = jnp.asarray([False, True])
    np.testing.assert_array_equal(jax.vmap(chosen, (0, None))(needed, x), jnp.stack([-x, jnp.cumsum(x)]))
    np.testing.assert_array_equal(jax.vmap(chosen, (None, 0))(True, x[:, None]), x[:, None])
    np.testing.assert_array_equal(chosen(False, x), -x)
