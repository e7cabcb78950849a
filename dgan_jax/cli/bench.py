"""Time a config on this machine: dgan bench CONFIG"""

import dataclasses

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Compile time, median step and restoring time, images/s, FLOPs by XLA's cost analysis, FLOP/s, peak memory."""

    config: tyro.conf.Positional[str]
    """Name or path of a config."""
    batch: int | None = None
    """Images per training step; default: the config's."""
    restore_batch: int | None = None
    """Images per forward pass and per restoring call; default: as batch."""
    repeats: int = 5


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan bench")
    if options.repeats < 1:
        raise ValueError(f"--repeats must be at least 1, got {options.repeats}")
    import jax

    from dgan_jax import api
    from dgan_jax.bench import bench
    from dgan_jax.cli.screen import console, table

    experiment = api.load_config(options.config)
    if options.batch is not None:
        data = dataclasses.replace(experiment.data, batch=options.batch)
        experiment = dataclasses.replace(experiment, data=data)
    costs, parameters = bench(experiment, repeats=options.repeats, restoring=options.restore_batch)
    rows = [
        (
            c.what, str(c.images), f"{c.compile_seconds:.1f}", f"{c.seconds:.3f} ± {c.spread / 2:.3f}",
            f"{c.seconds / c.images:.4f}", f"{c.images_per_second:.1f}", f"{c.flops / 1e9:.1f}",
            f"{c.achieved / 1e9:.1f}", f"{c.peak_bytes / 2**20:.0f}",
        )
        for c in costs
    ]  # fmt: skip
    device = jax.devices()[0]
    title = f"{options.config}: " + ", ".join(f"{name} {count:,} parameters" for name, count in parameters.items())
    table(title, ["", "images", "compile s", "seconds", "s/image", "images/s", "GFLOP", "GFLOP/s", "peak MiB"], rows)
    console.print(
        f"median of {options.repeats} ± half the interquartile range; jax {jax.__version__} on {device.device_kind}"
    )
    return 0
