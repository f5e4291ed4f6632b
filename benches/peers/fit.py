"""Trains one model and keeps the weights that were best on validation."""

import copy
import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from export import Export, Part
from scores import skill, task_scores
from settings import Settings

PREDICT_ROWS = 8192  # moves no number

# Settings of schedules and optimisers that are not implemented here.
OF_OTHERS = tuple(f"train.{name}" for name in ("final_lr", "drop", "drop_every", "drop_patience", "momentum", "alpha"))


@dataclass
class Fitted:
    """What one fit came to. The model holds its best weights."""

    skill: float  # on validation
    epochs: float  # trained
    best_epoch: float
    seconds_per_epoch: float  # of training, without evaluations
    seconds: float  # of everything
    evaluated_at: list[float]  # seconds from the start to the end of each evaluation


@dataclass(frozen=True)
class Timetable:
    """Steps are counted from 1."""

    steps_per_epoch: int
    epochs: int
    eval_every: float  # epochs

    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def evaluates(self, step: int) -> bool:
        """After the steps nearest to the multiples of `eval_every`, and after the last."""
        interval = self.eval_every * self.steps_per_epoch
        if step == self.steps() or interval <= 1:
            return True
        number = _nearest(step / interval)
        return number >= 1 and _nearest(number * interval) == step


def _nearest(x: float) -> int:
    return math.floor(x + 0.5)  # Python's `round` takes halves to even


class Objective:
    """Σ over tasks of weight · (Σ loss over the task's known rows) / (their number)."""

    def __init__(self, export: Export, task_weights: list[float], reduction: str):
        self.binary = [task.kind == "binary" for task in export.tasks]
        self.weights = task_weights or [1.0] * len(export.tasks)
        self.own = reduction == "own"

    def __call__(self, outputs, targets, known):
        total = outputs.new_zeros(())
        for task, (binary, weight) in enumerate(zip(self.binary, self.weights, strict=True)):
            z, y, k = outputs[:, task], targets[:, task], known[:, task]
            losses = functional.binary_cross_entropy_with_logits(z, y, reduction="none") if binary else (z - y) ** 2
            rows = k.sum().clamp(min=1.0) if self.own else len(k)  # no known row: exactly 0
            total = total + weight * (losses * k).sum() / rows
        return total


def optimiser(model: torch.nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Adam with L2 on weights; biases are not decayed."""
    settings.require("train.optimiser", "adam")
    settings.require("train.table_updates", "exact")  # dense Adam
    settings.require("train.schedule", "constant")
    settings.require("train.warmup", 0)
    for key in OF_OTHERS:
        settings.take(key)
    decays = {"table": settings.take("train.decay_tables"), "weight": settings.take("train.decay_dense"), "bias": 0.0}
    groups = {kind: {"params": [], "weight_decay": decay} for kind, decay in decays.items()}
    for name, parameter in model.named_parameters():
        groups[name.rsplit(".", 1)[-1]]["params"].append(parameter)
    betas = (settings.take("train.beta1"), settings.take("train.beta2"))
    rate, eps = settings.take("train.lr"), settings.take("train.eps")
    return torch.optim.Adam(groups.values(), lr=rate, betas=betas, eps=eps, fused=True)


def predict(model: torch.nn.Module, part: Part) -> np.ndarray:
    """Logits or standardised values, [rows, tasks]."""
    model.eval()
    with torch.inference_mode():
        batches = zip(part.ids.split(PREDICT_ROWS), part.numeric.split(PREDICT_ROWS), strict=True)
        return torch.cat([model(ids, numeric) for ids, numeric in batches]).numpy()


class Best:
    """The best validation skill so far, its weights, and how long ago it was."""

    def __init__(self, model: torch.nn.Module, export: Export):
        self.model, self.export = model, export
        self.skill, self.weights, self.step, self.since = -np.inf, None, 0, 0

    def evaluate(self, step: int) -> None:
        part = self.export.parts["valid"]
        score = skill(task_scores(self.export, part, predict(self.model, part)))
        if score > self.skill:
            self.skill, self.step, self.since = score, step, 0
            self.weights = copy.deepcopy(self.model.state_dict())
        else:
            self.since += 1


def batches(rows: int, size: int, epochs: int, order: torch.Generator):
    """A fresh order each epoch; its last batch has what is left."""
    for _ in range(epochs):
        yield from torch.randperm(rows, generator=order).split(size)


def fit(model: torch.nn.Module, export: Export, settings: Settings, seeds: dict) -> Fitted:
    """Trains `model` in place; afterwards it holds its best weights. Validation rows alone decide which."""
    settings.require("select.score", "skill")
    settings.require("select.per", "run")
    settings.take("train.checkpoint_every")  # moves no number
    settings.require("train.ema", 0)
    settings.take("train.ema_every")
    settings.require("train.label_smoothing", 0)
    settings.require("train.task_weight_decay", [])
    objective = Objective(
        export, settings.take("train.task_weights"), settings.require("model.reduction", "own", "batch")
    )
    steps = optimiser(model, settings)
    clip, patience = settings.take("train.clip"), settings.take("train.patience")
    epochs, size = settings.take("train.epochs"), settings.take("train.batch_size")
    train = export.parts["train"]
    timetable = Timetable(-(-len(train) // size), epochs, settings.take("train.eval_every"))
    settings.finish()

    order = torch.Generator().manual_seed(seeds["order"])
    torch.manual_seed(seeds["dropout"])
    best = Best(model, export)
    began, evaluating, evaluated_at = time.perf_counter(), 0.0, []
    for step, rows in enumerate(batches(len(train), size, epochs, order), start=1):
        model.train()
        loss = objective(model(train.ids[rows], train.numeric[rows]), train.targets[rows], train.known[rows])
        steps.zero_grad()
        loss.backward()
        if clip > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        steps.step()
        if timetable.evaluates(step):
            paused = time.perf_counter()
            best.evaluate(step)
            evaluating += time.perf_counter() - paused
            evaluated_at.append(time.perf_counter() - began)
            if 0 < patience <= best.since:
                break
    seconds = time.perf_counter() - began
    model.load_state_dict(best.weights)
    return Fitted(
        skill=best.skill,
        epochs=step / timetable.steps_per_epoch,
        best_epoch=best.step / timetable.steps_per_epoch,
        seconds_per_epoch=(seconds - evaluating) * timetable.steps_per_epoch / step,
        seconds=seconds,
        evaluated_at=evaluated_at,
    )
