"""The machine that something was measured on, in words."""

import functools
import os
import platform
from pathlib import Path
from typing import Any

import jax


def hardware() -> dict[str, Any]:
    """Device, platform, local devices and CPU cores."""
    device = jax.devices()[0]
    return {
        "device": device.device_kind if device.platform != "cpu" else processor(),
        "platform": device.platform,
        "devices": jax.local_device_count(),
        "cores": os.cpu_count(),
    }


@functools.cache
def processor() -> str:
    """The name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
