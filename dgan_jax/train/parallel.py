"""How the train step is mapped over devices: `jit` on one, `pmap` on several, the same `pmap` over several hosts.

Another way of mapping would change this file alone.
"""

import dataclasses
import os
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from dgan_jax.core.parts import Example
from dgan_jax.train.state import TrainState
from dgan_jax.train.step import NONE, Frozen, Step

AXIS = "device"


@dataclasses.dataclass(frozen=True)
class Mapping:
    """`devices` are this host's; the mapping spans those of all hosts."""

    devices: tuple[Any, ...]

    @property
    def axis_name(self) -> str | None:
        return AXIS if self.count > 1 else None

    @property
    def count(self) -> int:
        return len(self.devices) * jax.process_count()

    def check(self, batch: int, accumulate: int) -> None:
        """A ValueError unless the global batch can be dealt out evenly."""
        if batch % (self.count * accumulate):
            pieces = f"{self.count} device{'s' * (self.count > 1)}"
            pieces += f" x {accumulate} accumulated pieces" if accumulate > 1 else ""
            near = max(1, batch // (self.count * accumulate)) * self.count * accumulate
            raise ValueError(f"data.batch {batch} cannot be divided over {pieces}; try --data.batch {near}")

    def compile(self, step: Step, steps_per_call: int = 1) -> Step:
        """(state, batches, key, frozen) -> (state, metrics, [S] of each where S > 1).

        batches: [S, B, ...] where S = steps_per_call > 1.
        """
        run = step
        if steps_per_call > 1:

            def run(
                state: TrainState, batches: Example, key: jax.Array, frozen: Frozen = NONE
            ) -> tuple[TrainState, Any]:
                return jax.lax.scan(lambda s, batch: step(s, batch, key, frozen), state, batches)

        if self.count == 1:
            return jax.jit(run, donate_argnums=0)
        return jax.pmap(run, axis_name=AXIS, in_axes=(0, 0, None, 0), donate_argnums=0, devices=self.global_devices())

    def global_devices(self) -> list[Any]:
        """In process order, so that the position along the axis is the position in the global batch."""
        ordered = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
        hosts = [[d for d in ordered if d.process_index == p] for p in range(jax.process_count())]
        return [d for host in hosts for d in host[: len(self.devices)]]

    def sharding(self) -> Any:
        """One slice of the leading axis for each of this host's devices."""
        mesh = jax.sharding.Mesh(np.array(self.devices), (AXIS,))
        return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(AXIS))

    def put_state(self, state: Any) -> Any:
        """Host arrays -> devices, the same on each: a state, or variables of networks that nobody trains."""
        if self.count == 1:
            return jax.device_put(state, self.devices[0])
        copies = len(self.devices)
        return jax.device_put(
            jax.tree.map(lambda x: np.broadcast_to(x, (copies, *np.shape(x))), state), self.sharding()
        )

    def put_batch(self, batch: dict[str, np.ndarray], stacked: bool = False) -> Example:
        """This host's part of a batch -> its devices. `stacked`: an axis of steps comes before the batch axis."""
        if self.count == 1:
            return jax.device_put(batch, self.devices[0])
        cut = lambda x: np.stack(np.split(x, len(self.devices), axis=int(stacked)))
        return jax.device_put(jax.tree.map(cut, batch), self.sharding())

    def get(self, tree: Any) -> Any:
        """Replicated device arrays -> host arrays."""
        if self.count > 1:
            tree = jax.tree.map(lambda x: x.addressable_data(0).reshape(x.shape[1:]), tree)
        return jax.device_get(tree)


def join_hosts() -> None:
    """Connect this process with those on the other hosts; must come before any other use of jax.

    TPU pods and SLURM are recognised. Elsewhere each process is told by JAX_COORDINATOR_ADDRESS (host:port of the
    first), JAX_NUM_PROCESSES and JAX_PROCESS_ID.
    """
    given = {
        name: os.environ.get(f"JAX_{name.upper()}") for name in ("coordinator_address", "num_processes", "process_id")
    }
    if all(given.values()):
        # Only needed where the hosts have nothing but CPUs; others ignore it.
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        count, number = int(str(given["num_processes"])), int(str(given["process_id"]))
        jax.distributed.initialize(given["coordinator_address"], count, number)
    elif any(given.values()):
        raise ValueError(
            f"set all of JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID, or none; got {given}"
        )
    else:
        jax.distributed.initialize()


def on_any_host(flag: bool) -> bool:
    """True on all hosts if it is on one; all of them must ask."""
    if jax.process_count() == 1:
        return flag
    return bool(multihost_utils.process_allgather(np.asarray(flag)).any())


def over(devices: int = 0) -> Mapping:
    """A mapping over this host's first `devices` devices; 0 takes all."""
    local = jax.local_devices()
    if devices > len(local):
        raise ValueError(f"train.devices is {devices}, but this host has {len(local)}")
    return Mapping(tuple(local[: devices or len(local)]))
