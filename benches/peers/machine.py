"""What the figures were made on."""

import os
import platform
from pathlib import Path

import numpy
import sklearn
import torch


def machine(threads: int) -> dict:
    return {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.system(), "threads": threads}


def versions() -> dict:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()} ({torch.backends.cpu.get_cpu_capability()})"
