"""A case's model, and one step or prediction with it."""

from collections.abc import Callable

import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from timed.cases import Case
from timed.mmoe import Mmoe
from timed.star import Star
from timed.world import Batch

# (inputs, experts or scenes): ways to write the same model, of which the fastest is timed.
FORMS = [(inputs, groups) for inputs in ("joined", "tables") for groups in ("listed", "stacked")]

# As everybody writes it, and the fastest that PyTorch has on CPUs.
ADAMS = {"default": {}, "fused": {"fused": True}}


def model(case: Case, form: tuple[str, str]) -> torch.nn.Module:
    torch.manual_seed(1)
    return (Mmoe if case.experts else Star)(case, *form)


def call(case: Case, net: torch.nn.Module, adam: str) -> Callable[[Batch], None]:
    """What is timed."""
    return _prediction(net) if case.predict else _step(case, net, adam)


def parameters(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def forward_flops_per_row(net: torch.nn.Module, batch: Batch) -> float:
    """As PyTorch counts them: matrix products only, a multiplication and an addition as 2."""
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        net(batch)
    return counter.get_total_flops() / len(batch.ids)


def _step(case: Case, net: torch.nn.Module, adam: str) -> Callable[[Batch], None]:
    found = optimisers(case, net, adam)

    def step(batch: Batch) -> None:
        # Each task's mean loss, summed.
        loss = functional.binary_cross_entropy_with_logits(net(batch), batch.labels) * case.tasks
        for optimiser in found:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in found:
            optimiser.step()

    return step


def optimisers(case: Case, net: torch.nn.Module, adam: str) -> list[torch.optim.Optimizer]:
    """Dense Adam for all, or SparseAdam for sparse tables."""
    tables = {id(p) for p in net.inputs.parameters()} if case.sparse else set()
    dense = [p for p in net.parameters() if id(p) not in tables]
    found = [torch.optim.Adam(dense, lr=1e-3, **ADAMS[adam])]
    if case.sparse:
        found.append(torch.optim.SparseAdam(list(net.inputs.parameters()), lr=1e-3))
    return found


def _prediction(net: torch.nn.Module) -> Callable[[Batch], None]:
    net.eval()

    def predict(batch: Batch) -> None:
        with torch.inference_mode():
            torch.sigmoid(net(batch))

    return predict
