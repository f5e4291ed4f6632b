"""Writes autograd.json: forward passes, losses and gradients of small plans by PyTorch's autograd in float64, and steps of
its optimisers. `crates/reference/tests/golden.rs` builds the same plans and compares.

    python autograd.py          # PyTorch 2.x, NumPy

Every input is a float32 number, so that both sides start from the same values. The models are written with PyTorch's own
functions; nothing here is derived from the code it checks.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

SCENES, ITEMS, USERS, CLASSES, TAGS = 2, 5, 10, 3, 3
TASKS = ["click", "conversion", "ctcvr", "rating", "colour"]
MOMENTUM = float(np.float32(0.1))
EPS = float(np.float32(1e-5))


class Batch:
    """`rows` rows, grouped by scene, with labels of every task and unknown ones among them."""

    def __init__(self, rng, scene_rows):
        rows = sum(scene_rows)
        self.rows = rows
        self.scene = np.repeat(np.arange(SCENES), scene_rows)
        self.scene_starts = np.concatenate([[0], np.cumsum(scene_rows)])
        self.item = rng.integers(0, ITEMS, rows)
        self.user = rng.integers(0, USERS, rows)
        lengths = rng.integers(0, TAGS + 1, rows)
        lengths[1] = 0
        self.tag_starts = np.concatenate([[0], np.cumsum(lengths)])
        self.tags = rng.integers(0, ITEMS, int(lengths.sum()))
        self.numeric = rng.integers(-8, 9, (rows, 2)) / 4
        click = rng.integers(0, 2, rows)
        conversion = rng.integers(0, 2, rows)
        rating = rng.integers(-8, 9, rows) / 4
        self.labels = dict(zip(TASKS, [click, conversion, click * conversion, rating, rng.integers(0, CLASSES, rows)]))
        weights = {task: rng.integers(1, 9, rows) / 4 * (rng.random(rows) > 0.2) for task in TASKS}
        weights["conversion"] = weights["conversion"] * (click == 1)
        self.weights = weights

    def record(self):
        single = lambda ids: {"ids": ids.tolist(), "starts": None}
        return {
            "scene_starts": self.scene_starts.tolist(),
            "lookups": [
                single(self.scene),
                single(self.item),
                {"ids": self.tags.tolist(), "starts": self.tag_starts.tolist()},
                single(self.user),
                single(np.array([], dtype=int)),
                single(np.array([], dtype=int)),
            ],
            "numeric": self.numeric.ravel().tolist(),
            "labels": [float(y) for task in TASKS for y in self.labels[task]],
            "weights": [float(w) for task in TASKS for w in self.weights[task]],
        }


class Case:
    """One plan: named parameters, tables and states; `run` returns logits by task, and states after a training pass."""

    def __init__(self, name, seed, run, losses, scene_rows=(4, 3), objective_weights=None, smoothing=0.0):
        self.name, self.run, self.losses, self.smoothing = name, run, losses, smoothing
        self.rng = np.random.default_rng(seed)
        self.batch = Batch(self.rng, list(scene_rows))
        self.parameters, self.tables, self.states = {}, {}, {}
        self.objective_weights = objective_weights or [1.0, 0.5, 0.25][: len(losses)]

    def _draw(self, shape, around=0.0):
        values = (around + self.rng.uniform(-0.8, 0.8, shape)).astype(np.float32).astype(np.float64)
        return torch.tensor(values, requires_grad=True)

    def param(self, name, *shape, around=0.0):
        if name not in self.parameters:
            self.parameters[name] = self._draw(shape, around)
        return self.parameters[name]

    def table(self, name, rows, dim=3):
        if name not in self.tables:
            self.tables[name] = self._draw((rows, dim))
        return self.tables[name]

    def state(self, name, shape, around):
        if name not in self.states:
            self.states[name] = self._draw(shape, around).detach()
        return self.states[name]

    def embed(self, fields, pool="sum"):
        """The named fields side by side; `item` and `tags` share a table."""
        b, parts = self.batch, []
        for field in fields:
            if field == "number":
                parts.append(torch.tensor(b.numeric))
            elif field == "tags":
                offsets = torch.tensor(b.tag_starts[:-1])
                parts.append(F.embedding_bag(torch.tensor(b.tags), self.table("item", ITEMS), offsets, mode=pool))
            elif field == "item":
                parts.append(F.embedding(torch.tensor(b.item), self.table("item", ITEMS)))
            elif field == "user":
                parts.append(F.embedding(torch.tensor(b.user), self.table("user", USERS)))
        return torch.cat(parts, dim=1)

    def linear(self, name, x, group, groups, width):
        """Group `group` of a grouped layer."""
        w = self.param(f"{name}.weight", groups, x.shape[1], width)[group]
        return x @ w + self.param(f"{name}.bias", groups, width)[group]

    def per_scene(self, function, *inputs):
        """Applies `function(scene, rows...)` to each scene's rows."""
        starts = self.batch.scene_starts
        spans = [slice(int(starts[s]), int(starts[s + 1])) for s in range(SCENES)]
        return torch.cat([function(s, *[x[span] for x in inputs]) for s, span in enumerate(spans)])

    def loss(self, task, logits, reduction):
        y = torch.tensor(np.asarray(self.batch.labels[task], dtype=np.float64))
        w = torch.tensor(np.asarray(self.batch.weights[task], dtype=np.float64))
        if task in ("click", "ctcvr"):
            y = (1 - self.smoothing) * y + self.smoothing / 2
        if task == "rating":
            rows = F.mse_loss(logits[:, 0], y, reduction="none")
        elif task == "colour":
            rows = F.cross_entropy(logits, y.long(), reduction="none", label_smoothing=self.smoothing)
        elif task == "ctcvr":
            log_p = F.logsigmoid(logits).sum(dim=1)
            rows = -y * log_p - (1 - y) * torch.log1p(-log_p.exp())
        else:
            rows = F.binary_cross_entropy_with_logits(logits[:, 0], y, reduction="none")
        return (w * rows).sum() / (w.sum() if reduction == "own" else float(self.batch.rows))

    def predict(self, task, logits):
        if task == "rating":
            return logits
        if task == "colour":
            return F.softmax(logits, dim=1)
        return torch.sigmoid(logits).prod(dim=1, keepdim=True)

    def record(self):
        numbers = lambda x: x.detach().numpy().ravel().tolist()
        logits, states_after = self.run(self, True)
        losses = [self.loss(task, logits[task], reduction) for task, reduction in self.losses]
        sum(weight * loss for weight, loss in zip(self.objective_weights, losses)).backward()
        training = {task: numbers(self.predict(task, z)) for task, z in logits.items()}
        evaluation = {task: numbers(self.predict(task, z)) for task, z in self.run(self, False)[0].items()}
        named = lambda values: {name: numbers(value) for name, value in values.items()}
        gradients = {name: numbers(p.grad) for name, p in (self.parameters | self.tables).items()}
        return {
            "name": self.name,
            "batch": self.batch.record(),
            "parameters": named(self.parameters),
            "tables": named(self.tables),
            "states": named(self.states),
            "objective_weights": self.objective_weights,
            "training": training,
            "evaluation": evaluation,
            "losses": [loss.item() for loss in losses],
            "gradients": gradients,
            "states_after": named(states_after),
        }


def shared_bottom(case, training):
    x = case.embed(["item", "user", "number"])
    trunk = F.relu(case.linear("trunk", x, 0, 1, 4))
    towers = {task: torch.tanh(case.linear("towers", trunk, t, 2, 3)) for t, task in enumerate(["click", "rating"])}
    return {task: case.linear(f"{task} head", tower, 0, 1, 1) for task, tower in towers.items()}, {}


def mmoe(case, training):
    """Gate 0 may not use expert 2; temperature 1/2."""
    x = case.embed(["item", "tags", "user", "number"])
    experts = torch.stack([F.relu(case.linear("experts", x, e, 3, 4)) for e in range(3)], dim=1)
    logits = {}
    for t, task in enumerate(["click", "rating"]):
        z = x @ case.param("gate.weight", 2, x.shape[1], 3)[t] / 0.5
        if t == 0:
            z = z.masked_fill(torch.tensor([False, False, True]), -torch.inf)
        mixed = torch.einsum("re,rew->rw", F.softmax(z, dim=1), experts)
        logits[task] = case.linear(f"{task} head", mixed, 0, 1, 1)
    return logits, {}


def star(case, training):
    """The second scene has one row in the batch: it is normalised by its running statistics and leaves them alone."""
    x = case.embed(["item", "user", "number"])
    width = x.shape[1]
    gamma, beta = case.param("norm.gamma", width, around=1.0), case.param("norm.beta", width)
    scene_gamma = case.param("norm.scene_gamma", SCENES, width, around=1.0)
    scene_beta = case.param("norm.scene_beta", SCENES, width)
    mean = case.state("norm.running_mean", (SCENES, width), 0.0).clone()
    variance = case.state("norm.running_variance", (SCENES, width), 1.5).clone()

    def norm(s, rows):
        weight, bias = gamma * scene_gamma[s], beta + scene_beta[s]
        of_batch = training and len(rows) > 1
        return F.batch_norm(rows, mean[s], variance[s], weight, bias, of_batch, MOMENTUM, EPS)

    x = case.per_scene(norm, x)
    w, b = case.param("hidden.weight", 1, width, 4)[0], case.param("hidden.bias", 1, 4)[0]
    scene_w = case.param("hidden.scene_weight", SCENES, 1, width, 4, around=1.0)
    scene_b = case.param("hidden.scene_bias", SCENES, 1, 4)
    x = case.per_scene(lambda s, rows: F.relu(rows @ (w * scene_w[s, 0]) + b + scene_b[s, 0]), x)
    head_w, head_b = case.param("click head.weight", SCENES, 1, 4, 1), case.param("click head.bias", SCENES, 1, 1)
    logits = case.per_scene(lambda s, rows: rows @ head_w[s, 0] + head_b[s, 0], x)
    return {"click": logits}, {"norm.running_mean": mean, "norm.running_variance": variance}


def norms(case, training):
    x = torch.sigmoid(case.linear("stem", case.embed(["item", "user", "number"]), 0, 1, 4))
    mean = case.state("batch.running_mean", (4,), 0.0).clone()
    variance = case.state("batch.running_variance", (4,), 1.5).clone()
    gamma, beta = case.param("batch.gamma", 1, 4, around=1.0)[0], case.param("batch.beta", 1, 4)[0]
    batch = F.batch_norm(x, mean, variance, gamma, beta, training, MOMENTUM, EPS)
    gamma, beta = case.param("layer.gamma", 1, 4, around=1.0)[0], case.param("layer.beta", 1, 4)[0]
    layer = F.layer_norm(x, (4,), gamma, beta, EPS)
    x = torch.cat([batch + x, layer], dim=1)
    logits = {"rating": case.linear("rating head", x, 0, 1, 1)}
    return logits, {"batch.running_mean": mean, "batch.running_variance": variance}


def product(case, training):
    x = case.embed(["item", "user", "number"])
    click, conversion = (case.linear("towers", x, t, 2, 1) for t in range(2))
    return {"click": click, "ctcvr": torch.cat([click, conversion], dim=1)}, {}


def softmax(case, training):
    x = torch.tanh(case.linear("hidden", case.embed(["item", "number"]), 0, 1, 4))
    return {"colour": case.linear("colour head", x, 0, 1, CLASSES)}, {}


def smoothed(case, training):
    """Labels of two and of more classes, a product, and a number, which has no classes."""
    x = torch.tanh(case.linear("hidden", case.embed(["item", "number"]), 0, 1, 4))
    logits = {task: case.linear(f"{task} head", x, 0, 1, width) for task, width in [("click", 1), ("colour", CLASSES)]}
    logits["rating"] = case.linear("rating head", x, 0, 1, 1)
    logits["ctcvr"] = torch.cat([case.linear("factors", x, g, 2, 1) for g in range(2)], dim=1)
    return logits, {}


def bag(case, training):
    x = case.embed(["item", "tags", "number"], pool="mean")
    return {"rating": case.linear("rating head", x, 0, 1, 1)}, {}


def stitch(case, training):
    """Three mixtures of two columns, by one matrix for all rows."""
    x = case.embed(["item", "user", "number"])
    columns = torch.stack([F.relu(case.linear("columns", x, g, 2, 4)) for g in range(2)], dim=1)
    mixed = torch.einsum("te,rew->rtw", case.param("stitch.weight", 3, 2), columns)
    return {task: case.linear(f"{task} head", mixed[:, t], 0, 1, 1) for t, task in [(0, "click"), (2, "rating")]}, {}


def factorisation(case, training):
    """Classes' logits: inner products of a user's vector with an item's of each class, and an item's biases."""
    user = F.embedding(torch.tensor(case.batch.user), case.table("user", USERS))
    item = F.embedding(torch.tensor(case.batch.item), case.table("item", ITEMS, 3 * CLASSES))
    bias = F.embedding(torch.tensor(case.batch.item), case.table("bias", ITEMS, CLASSES))
    return {"colour": torch.einsum("rd,rdc->rc", user, item.reshape(-1, 3, CLASSES)) + bias}, {}


# The keys of streams `hidden.dropout/a` and `hidden.dropout/b` for seed 5: words of a BLAKE3 hash, which the test checks.
DROPOUT = {"keys": [[1687835265, 2711846447], [1390825685, 1254461329]], "step": 7, "rate": 0.25, "seed": 5}


def philox(counter, key):
    """Philox4x32-10 of Salmon et al. (SC 2011)."""
    c, k, word = list(counter), list(key), 0xFFFFFFFF
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & word, (a >> 32) ^ c[3] ^ k[1], a & word]
        k = [(k[0] + 0x9E3779B9) & word, (k[1] + 0xBB67AE85) & word]
    return c


def dropout(case, training):
    x = case.embed(["item", "user", "number"])
    groups = []
    for g, key in enumerate(DROPOUT["keys"]):
        h = F.relu(case.linear("hidden", x, g, 2, 4))
        if training:
            words = [philox([at // 4, 0, DROPOUT["step"], 0], key)[at % 4] for at in range(h.numel())]
            kept = torch.tensor([word >= DROPOUT["rate"] * 2**32 for word in words]).reshape(h.shape)
            h = torch.where(kept, h * float(np.float32(1) / np.float32(1 - DROPOUT["rate"])), 0.0)
        groups.append(h)
    mixed = 0.5 * groups[0] - 0.25 * groups[1]
    return {"click": case.linear("click head", mixed, 0, 1, 1)}, {}


SMOOTHED = [(task, "own") for task in ["click", "colour", "rating", "ctcvr"]]

CASES = [
    Case("shared-bottom", 1, shared_bottom, [("click", "own"), ("rating", "batch")]),
    Case("mmoe", 2, mmoe, [("click", "own"), ("rating", "own")]),
    Case("star", 3, star, [("click", "own")], scene_rows=(5, 1)),
    Case("norms", 4, norms, [("rating", "own")]),
    Case("product", 5, product, [("click", "own"), ("ctcvr", "own")]),
    Case("softmax", 6, softmax, [("colour", "own")]),
    Case("bag", 7, bag, [("rating", "own")]),
    Case("dropout", 8, dropout, [("click", "own")]),
    Case("stitch", 9, stitch, [("click", "own"), ("rating", "own")]),
    Case("factorisation", 10, factorisation, [("colour", "own")]),
    Case("smoothed", 11, smoothed, SMOOTHED, objective_weights=[1.0, 0.5, 0.25, 2.0], smoothing=0.125),
]

OPTIMISERS = {
    "adam": lambda groups: torch.optim.Adam(groups, betas=betas(0.9, 0.999), eps=f32(1e-8)),
    "adamw": lambda groups: torch.optim.AdamW(groups, betas=betas(0.8, 0.99), eps=f32(1e-6)),
    "sgd": lambda groups: torch.optim.SGD(groups),
    "momentum": lambda groups: torch.optim.SGD(groups, momentum=f32(0.9)),
    "adagrad": lambda groups: torch.optim.Adagrad(groups, eps=f32(1e-10)),
    "row-wise adagrad": lambda groups: RowWiseAdagrad(groups, eps=f32(1e-10)),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, alpha=f32(0.99), eps=f32(1e-8)),
    "lion": lambda groups: Lion(groups, betas=betas(0.9, 0.99)),
}
STEPS = 4


class RowWiseAdagrad(torch.optim.Optimizer):
    """FBGEMM's EXACT_ROWWISE_ADAGRAD, which no package here has for the processor: a row's sum of the mean of its squared
    gradients; where a group has no rows, Adagrad."""

    def __init__(self, groups, eps):
        super().__init__(groups, {"eps": eps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                g = p.grad + group["weight_decay"] * p
                squares = (g**2).mean(dim=1, keepdim=True) if group["rows"] else g**2
                self.state[p]["sum"] = self.state[p].get("sum", 0.0) + squares
                p -= group["lr"] * g / (self.state[p]["sum"].sqrt() + group["eps"])


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al., Symbolic Discovery of Optimization Algorithms, NeurIPS 2023."""

    def __init__(self, groups, betas):
        super().__init__(groups, {"betas": betas})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (beta1, beta2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                m = self.state[p].get("m", torch.zeros_like(p))
                update = torch.sign(beta1 * m + (1 - beta1) * p.grad)
                p -= lr * (update + group["weight_decay"] * p)
                self.state[p]["m"] = beta2 * m + (1 - beta2) * p.grad


def f32(x):
    return float(np.float32(x))


def betas(*values):
    return tuple(f32(value) for value in values)


def updates(case):
    """Steps of each optimiser from the star case's parameters, along drawn gradients. Scene matrices decay towards 1,
    biases and norms not at all; PyTorch decays towards 0 only, so it is given what is left after subtracting 1."""
    rng = np.random.default_rng(99)
    values = {name: p.detach().numpy() for name, p in (case.parameters | case.tables).items()}
    draw = lambda value: rng.uniform(-1, 1, value.shape).astype(np.float32).astype(np.float64)
    gradients = [{name: draw(value) for name, value in values.items()} for _ in range(STEPS)]
    rates = [f32(0.01 * (step + 1)) for step in range(STEPS)]
    records = []
    for optimiser, make in OPTIMISERS.items():
        for decay in [(0.0, 0.0), (0.25, 0.125)]:
            for clip in [None, 0.5]:
                after = run_optimiser(case, values, gradients, rates, make, decay, clip)
                records.append({"optimiser": optimiser, "decay": decay, "clip": clip, "after": after})
    flat = [{name: g.ravel().tolist() for name, g in step.items()} for step in gradients]
    return {"case": case.name, "gradients": flat, "rates": rates, "runs": records}


def run_optimiser(case, values, gradients, rates, make, decay, clip):
    target = lambda name: 1.0 if name.endswith(".scene_weight") else 0.0
    decayed = lambda name: name.endswith(("weight",)) or name in case.tables
    strength = lambda name: (decay[1] if name in case.tables else decay[0]) if decayed(name) else 0.0
    params = {name: torch.tensor(value - target(name), requires_grad=True) for name, value in values.items()}
    of_table = lambda name: name in case.tables
    optimiser = make(
        [{"params": [p], "lr": 0.0, "weight_decay": strength(n), "rows": of_table(n)} for n, p in params.items()]
    )
    for step, lr in zip(gradients, rates):
        norm = np.sqrt(sum((g**2).sum() for g in step.values()))
        scale = 1.0 if clip is None or norm <= clip else clip / norm
        for group, (name, p) in zip(optimiser.param_groups, params.items()):
            group["lr"] = lr
            p.grad = torch.tensor(step[name] * scale)
        optimiser.step()
    return {name: (p.detach().numpy() + target(name)).ravel().tolist() for name, p in params.items()}


def main():
    records = [case.record() for case in CASES]
    star_case = next(case for case in CASES if case.name == "star")
    golden = {"torch": torch.__version__, "dropout": DROPOUT, "cases": records, "updates": updates(star_case)}
    path = Path(__file__).with_suffix(".json")
    lines = json.dumps(golden, indent=None, separators=(",", ":"))
    path.write_text(lines.replace('{"name"', '\n{"name"').replace('{"optimiser"', '\n{"optimiser"') + "\n")


if __name__ == "__main__":
    main()
