"""One training step or prediction of a case on a device, in the forms that PyTorch has for it."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn import functional

from timed.cases import Case
from timed.gpu.precision import casting
from timed.training import ADAMS, FORMS, model, optimisers
from timed.world import Batch

# Of a case that only predicts.
NO_ADAM = "predicting"

# Ways to compile; the second replays what it recorded, which processors have not.
MODES = {"cuda": ("default", "reduce-overhead"), "cpu": ("default",)}


class Inputs(NamedTuple):
    """What a net reads of a batch."""

    ids: torch.Tensor
    scenes: torch.Tensor


class Form(NamedTuple):
    """How a step is written."""

    inputs: str
    groups: str
    adam: str
    mode: str | None = None  # of compilation; none: eager

    def __str__(self) -> str:
        return "-".join(part for part in self if part is not None)


def eager_forms(case: Case) -> list[Form]:
    adams = [NO_ADAM] if case.predict else list(ADAMS)
    return [Form(inputs, groups, adam) for inputs, groups in FORMS for adam in adams]


def compiled_forms(eager: Form, device: torch.device) -> list[Form]:
    """The fastest eager form in each way to compile: every form would take minutes."""
    return [eager._replace(mode=mode) for mode in MODES[device.type]]


class Training:
    """A model in training, or predicting. A step copies its batch to the device and a prediction its answers back, as mmtl's
    do."""

    def __init__(self, case: Case, form: Form, precision: str, device: torch.device):
        self.device = device
        self.net = model(case, (form.inputs, form.groups)).to(device)
        self.predicts = case.predict
        self.optimisers = [] if case.predict else optimisers(case, self.net, form.adam)

        def loss(ids: torch.Tensor, scenes: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            with casting(precision, device):
                logits = self.net(Inputs(ids, scenes))
            # Each task's mean loss, summed; in f32, as autocast has it.
            return functional.binary_cross_entropy_with_logits(logits.float(), labels) * case.tasks

        def predictions(ids: torch.Tensor, scenes: torch.Tensor) -> torch.Tensor:
            with casting(precision, device):
                return torch.sigmoid(self.net(Inputs(ids, scenes)).float())

        self.net.train(not case.predict)
        self.replays = form.mode == "reduce-overhead"
        self.passes: Callable[..., torch.Tensor] = predictions if case.predict else loss
        if form.mode is not None:
            self.passes = torch.compile(self.passes, mode=form.mode, dynamic=False)

    def step(self, batch: Batch) -> torch.Tensor:
        ids, scenes, labels = (part.to(self.device, non_blocking=True) for part in (batch.ids, batch.scenes, batch.labels))
        if self.replays:
            torch.compiler.cudagraph_mark_step_begin()
        if self.predicts:
            with torch.inference_mode():
                return self.passes(ids, scenes).cpu()
        loss = self.passes(ids, scenes, labels)
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.step()
            # Before the next step, whose recording would find them in its memory.
            optimiser.zero_grad()
        return loss.detach()

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def check(self, batch: Batch) -> None:
        """What does not train, or predicts nothing, is not worth timing."""
        if not torch.isfinite(self.step(batch)).all().item():
            what = "predictions are not" if self.predicts else "the loss stopped being"
            raise ArithmeticError(f"{what} finite")


def pinned(batch: Batch, device: torch.device) -> Batch:
    """In memory that a device reads by itself while the processor goes on."""
    if device.type != "cuda":
        return batch
    return Batch(batch.ids.pin_memory(), batch.scenes.pin_memory(), batch.labels.pin_memory())
