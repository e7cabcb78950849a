"""What a loss or a network asks of all devices at once."""

import jax


def mean_over(value: jax.Array, axis_name: str | None) -> jax.Array:
    """The mean of a value over the devices of an axis (`Spec.axis_name`); itself where there is none."""
    return value if axis_name is None else jax.lax.pmean(value, axis_name)
