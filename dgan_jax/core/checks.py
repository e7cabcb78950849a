"""What the options of systems are held to: ValueErrors that name the option, what was given and what is wanted."""

from typing import Any

DTYPES = ("float32", "bfloat16")


def at_least_one(config: Any, *names: str) -> None:
    """The options of these names are 1 or more."""
    for name in names:
        if getattr(config, name) < 1:
            raise ValueError(f"system.{name} must be at least 1, got {getattr(config, name)}")


def known_dtype(config: Any) -> None:
    """`dtype`, of activations, is float32 or bfloat16."""
    if config.dtype not in DTYPES:
        raise ValueError(f"system.dtype must be {' or '.join(DTYPES)}, got {config.dtype!r}")


def decay(config: Any) -> None:
    """`ema`, the decay of averages, is in [0, 1)."""
    if not 0 <= config.ema < 1:
        raise ValueError(f"system.ema must be in [0, 1), got {config.ema}; 0 keeps no average")
