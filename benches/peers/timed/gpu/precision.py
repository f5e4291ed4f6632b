"""What `mmtl --precision` names, in PyTorch."""

import contextlib

import torch

PRECISIONS = ("f32", "tf32", "bf16")


def use(precision: str) -> None:
    """TF32 is off at f32: PyTorch calls that the highest precision of products."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")


def casting(precision: str, device: torch.device) -> contextlib.AbstractContextManager:
    """Mixed precision: parameters stay f32, products are bf16."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
