"""What only some examples of a batch need."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def only_if(needed: jax.Array, compute: Callable[[Any], Any], otherwise: Callable[[Any], Any], x: Any) -> Any:
    """compute(x) where `needed` [] is true, else otherwise(x), of the same shapes; not differentiated.

    Under `jax.vmap` a conditional computes both for every example. Here CPUs take one example after the other and
    compute what each needs; accelerators, which would be idle meanwhile, do compute both.
    """

    def choose(chosen: tuple[jax.Array, Any]) -> Any:
        return jax.lax.cond(chosen[0], compute, otherwise, chosen[1])

    @jax.custom_batching.custom_vmap
    def one(needed: jax.Array, x: Any) -> Any:
        return choose((needed, x))

    @one.def_vmap
    def many(size: int, batched: list, needed: jax.Array, x: Any) -> tuple[Any, Any]:
        spread = lambda value, has: value if has else jnp.broadcast_to(value, (size, *value.shape))
        everyone = jax.tree.map(spread, (needed, x), tuple(batched))
        by_turns, at_once = (lambda all: jax.lax.map(choose, all)), jax.vmap(choose)
        result = jax.lax.platform_dependent(everyone, cpu=by_turns, default=at_once)
        return result, jax.tree.map(lambda _: True, result)

    return one(jnp.asarray(needed), x)
