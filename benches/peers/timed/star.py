"""STAR's layers and norm (Sheng et al., CIKM 2021, eq. 3 to 6) as they are usually written: every scene's net for every
row, then each row takes its own scene's logit."""

import torch
from torch import nn

from timed.cases import DIM, Case
from timed.inputs import INPUTS

EPS = 1e-5


class StarLayer(nn.Module):
    def __init__(self, scenes: int, fan_in: int, fan_out: int):
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(fan_in, fan_out)))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.scene_weight = nn.Parameter(torch.ones(scenes, fan_in, fan_out))
        self.scene_bias = nn.Parameter(torch.zeros(scenes, fan_out))


class SceneNorm(nn.Module):
    """By the mean and the deviation of the scene's rows; running ones, which predictions would need, are not kept."""

    def __init__(self, scenes: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.scene_weight = nn.Parameter(torch.ones(scenes, width))
        self.scene_bias = nn.Parameter(torch.zeros(scenes, width))

    def forward(self, x, scenes):
        """`[scenes, rows, width]`: all rows as each scene's."""
        normalised = []
        for scene in range(len(self.scene_bias)):
            own = (scenes == scene).unsqueeze(1)
            rows = own.sum().clamp(min=1)
            mean = (x * own).sum(0) / rows
            variance = ((x - mean).square() * own).sum(0) / rows
            scale = self.weight * self.scene_weight[scene] * torch.rsqrt(variance + EPS)
            normalised.append((x - mean) * scale + self.bias + self.scene_bias[scene])
        return torch.stack(normalised)


class Star(nn.Module):
    def __init__(self, case: Case, inputs: str, form: str):
        super().__init__()
        self.scenes = case.scenes
        self.inputs = INPUTS[inputs](case)
        widths = (case.fields * DIM, *case.widths, case.tasks)
        self.layers = nn.ModuleList(StarLayer(case.scenes, a, b) for a, b in zip(widths, widths[1:]))
        self.norm = SceneNorm(case.scenes, case.fields * DIM) if case.norm else None
        self.every_scene = FORMS[form]

    def forward(self, batch):
        x = self.inputs(batch.ids)
        x = x.expand(self.scenes, *x.shape) if self.norm is None else self.norm(x, batch.scenes)
        logits = self.every_scene(self.layers, x)
        out = torch.zeros_like(logits[0])
        for scene in range(self.scenes):
            out = torch.where((batch.scenes == scene).unsqueeze(1), logits[scene], out)
        return out


def _one_by_one(layers, x):
    """Scene after scene."""
    logits = []
    for scene in range(len(layers[0].scene_bias)):
        h = x[scene]
        for layer in layers:
            h = torch.addmm(layer.bias + layer.scene_bias[scene], h, layer.weight * layer.scene_weight[scene])
            h = h if layer is layers[-1] else torch.relu(h)
        logits.append(h)
    return logits


def _at_once(layers, x):
    """All scenes as batched products."""
    h = x
    for layer in layers:
        bias = (layer.bias + layer.scene_bias).unsqueeze(1)
        h = torch.baddbmm(bias, h, layer.weight * layer.scene_weight)
        h = h if layer is layers[-1] else torch.relu(h)
    return h


FORMS = {"listed": _one_by_one, "stacked": _at_once}
