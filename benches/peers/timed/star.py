"""STAR's layers (Sheng et al., CIKM 2021, eq. 5 and 6) as they are usually written: every scene's net for every row,
then each row takes its own scene's logit."""

import torch
from torch import nn

from timed.cases import DIM, Case
from timed.inputs import INPUTS


class StarLayer(nn.Module):
    def __init__(self, scenes: int, fan_in: int, fan_out: int):
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(fan_in, fan_out)))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.scene_weight = nn.Parameter(torch.ones(scenes, fan_in, fan_out))
        self.scene_bias = nn.Parameter(torch.zeros(scenes, fan_out))


class Star(nn.Module):
    def __init__(self, case: Case, inputs: str, form: str):
        super().__init__()
        self.scenes = case.scenes
        self.inputs = INPUTS[inputs](case)
        widths = (case.fields * DIM, *case.widths, case.tasks)
        self.layers = nn.ModuleList(StarLayer(case.scenes, a, b) for a, b in zip(widths, widths[1:]))
        self.every_scene = FORMS[form]

    def forward(self, batch):
        logits = self.every_scene(self.layers, self.inputs(batch.ids))
        out = torch.zeros_like(logits[0])
        for scene in range(self.scenes):
            out = torch.where((batch.scenes == scene).unsqueeze(1), logits[scene], out)
        return out


def _one_by_one(layers, x):
    """Scene after scene."""
    logits = []
    for scene in range(len(layers[0].scene_bias)):
        h = x
        for layer in layers:
            h = torch.addmm(layer.bias + layer.scene_bias[scene], h, layer.weight * layer.scene_weight[scene])
            h = h if layer is layers[-1] else torch.relu(h)
        logits.append(h)
    return logits


def _at_once(layers, x):
    """All scenes as batched products."""
    h = x.expand(len(layers[0].scene_bias), *x.shape)
    for layer in layers:
        bias = (layer.bias + layer.scene_bias).unsqueeze(1)
        h = torch.baddbmm(bias, h, layer.weight * layer.scene_weight)
        h = h if layer is layers[-1] else torch.relu(h)
    return h


FORMS = {"listed": _one_by_one, "stacked": _at_once}
