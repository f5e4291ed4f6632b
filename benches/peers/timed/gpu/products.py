"""The experts' products alone, forward and back, as the device's own library multiplies them.

A step of experts `[inputs, w1]` and `[w1, w2]` on `[rows, inputs]` is six products: two forward, two of the layers' input
gradients, two of their weights'. The first layer, which all experts read alike, is one product or a batch of them,
whichever is faster; the second is a batch.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

from timed.cases import DIM, Case
from timed.rounds import time_rounds


class Product(NamedTuple):
    direction: str  # as mmtl's kernels are told apart
    layer: int
    flops: int
    ways: list[Callable[[], object]]  # of which the fastest counts


def products(case: Case, precision: str, device: torch.device) -> list[Product]:
    rows, inputs, experts, (first, second) = case.rows, case.fields * DIM, case.experts, case.widths
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    generator = torch.Generator(device).manual_seed(1)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, device=device, dtype=torch.float32).to(kind)

    def batched(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.expand(experts, *tensor.shape)

    x, hidden = drawn(rows, inputs), drawn(experts, rows, first)
    w1, w2 = drawn(experts, inputs, first), drawn(experts, first, second)
    joined_w1, joined_hidden = drawn(inputs, experts * first), drawn(rows, experts * first)
    out = drawn(experts, rows, second)
    of_first, of_second = 2 * rows * inputs * experts * first, 2 * rows * first * experts * second
    return [
        Product("forward", 1, of_first, [lambda: torch.mm(x, joined_w1), lambda: torch.bmm(batched(x), w1)]),
        Product("forward", 2, of_second, [lambda: torch.bmm(hidden, w2)]),
        Product("input", 2, of_second, [lambda: torch.bmm(out, w2.mT)]),
        # The sum over experts is part of one product's depth; a batch would leave it to do.
        Product("input", 1, of_first, [lambda: torch.mm(joined_hidden, joined_w1.T)]),
        Product("weights", 2, of_second, [lambda: torch.bmm(hidden.mT, out)]),
        Product("weights", 1, of_first, [lambda: torch.mm(x.T, joined_hidden), lambda: torch.bmm(batched(x).mT, hidden)]),
    ]


def time_products(
    case: Case, precision: str, device: torch.device, seconds: float, wait: Callable[[], None]
) -> list[dict]:
    """Each product's operations and seconds."""
    timed = []
    for product in products(case, precision, device):
        ways = [time_rounds(seconds, 3, lambda _, way=way: way(), wait) for way in product.ways]
        best = min(ways, key=lambda spread: spread["median"])
        timed.append({"direction": product.direction, "layer": product.layer, "flops": product.flops, "seconds": best})
    return timed
