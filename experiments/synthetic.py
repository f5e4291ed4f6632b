"""Paired differences of experiments/synthetic.toml, as Markdown on standard output.

    python experiments/synthetic.py results/synthetic [--mmtl target/release/mmtl]

The loss of a run is its mean squared error, averaged over the two tasks (their labels have the same scale). The
learning rate of each (model, p) is the one of least mean validation loss over the seeds; test losses are read at that
rate only, and once more with both models at the same rate. Needs numpy and scipy.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
from pathlib import Path

import numpy as np
from scipy import stats

MODELS = ("shared-bottom", "mmoe")
TASKS = ("task1", "task2")


def read_losses(mmtl: str, folder: Path, split: str) -> dict[tuple[str, float, float], dict[int, float]]:
    """The loss of every run: (model, p, learning rate) -> seed -> mean squared error, averaged over tasks."""
    command = [mmtl, "table", str(folder), "--metric", "mse", "--split", split, "--format", "json"]
    table = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    candidates = [parse_label(candidate["label"]) for candidate in table["candidates"]]
    by_task = {task: [] for task in TASKS}
    for block in table["tables"]:
        column = [(c["scope"], c["name"]) for c in block["columns"]].index(("overall", "rows"))
        by_task[block["task"]] = [{run["seed"]: run["score"] for run in row[column]["seeds"]} for row in block["rows"]]
    losses = {}
    for at, candidate in enumerate(candidates):
        tasks = [by_task[task][at] for task in TASKS]
        losses[candidate] = {seed: sum(task[seed] for task in tasks) / len(tasks) for seed in tasks[0]}
    return losses


def parse_label(label: str) -> tuple[str, float, float]:
    """`mmoe correlation=0.5 lr=0.001`"""
    model, *axes = label.split()
    values = dict(axis.split("=") for axis in axes)
    return model, float(values["correlation"]), float(values["lr"])


def check_seeds(losses: dict) -> list[int]:
    """Every cell has the same seeds: pairs are complete."""
    seeds = sorted(next(iter(losses.values())))
    for cell, runs in losses.items():
        if sorted(runs) != seeds:
            raise SystemExit(f"{cell} has {len(runs)} seeds, expected the {len(seeds)} of the other cells")
    return seeds


def chosen_rates(valid: dict) -> dict[tuple[str, float], float]:
    """(model, p) -> the learning rate of least mean validation loss."""
    best = {}
    for (model, p, rate), runs in valid.items():
        mean = np.mean(list(runs.values()))
        if (model, p) not in best or mean < best[model, p][0]:
            best[model, p] = (mean, rate)
    return {cell: rate for cell, (_, rate) in best.items()}


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and 95 % t interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return values.mean(), values.mean() - half, values.mean() + half


def verdict(name: str, low: float, high: float) -> str:
    if low > 0:
        return f"{name}: above 0, the interval excludes 0."
    return f"{name}: below 0, the interval excludes 0." if high < 0 else f"{name}: the interval includes 0."


def rate_table(valid: dict, test: dict, chosen: dict) -> list[str]:
    lines = [
        "| model | p | learning rate | validation loss, mean | test loss, mean ± sd | n | chosen |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for cell in sorted(valid, key=lambda cell: (MODELS.index(cell[0]), *cell[1:])):
        model, p, rate = cell
        scores = np.array(list(test[cell].values()))
        mark = "yes" if chosen[model, p] == rate else ""
        lines.append(
            f"| {model} | {p:g} | {rate:g} | {np.mean(list(valid[cell].values())):.5f} "
            f"| {scores.mean():.5f} ± {scores.std(ddof=1):.5f} | {len(scores)} | {mark} |"
        )
    return lines


def gaps(test: dict, rates: dict, seeds: list[int]) -> dict[str, np.ndarray]:
    """Paired differences by seed, each model at its rate in `rates`."""

    def at(model: str, p: float) -> np.ndarray:
        runs = test[model, p, rates[model, p]]
        return np.array([runs[seed] for seed in seeds])

    by_p = {p: at("shared-bottom", p) - at("mmoe", p) for p in sorted({p for _, p in rates})}
    (low, high) = by_p
    named = {f"shared-bottom − mmoe at p = {p:g}": gap for p, gap in by_p.items()}
    return {**named, f"gap at p = {low:g} minus gap at p = {high:g}": by_p[low] - by_p[high]}


def gap_table(named: dict[str, np.ndarray]) -> list[str]:
    lines = ["| paired by seed | mean | 95 % t interval | sd | seeds above 0 |", "| --- | --- | --- | --- | --- |"]
    verdicts = []
    for name, values in named.items():
        mean, low, high = interval(values)
        lines.append(
            f"| {name} | {mean:+.5f} | [{low:+.5f}, {high:+.5f}] | {values.std(ddof=1):.5f} "
            f"| {(values > 0).sum()} of {len(values)} |"
        )
        verdicts.append(f"- {verdict(name, low, high)}")
    return [*lines, "", *verdicts]


def equal_rate_table(test: dict, seeds: list[int]) -> list[str]:
    """The same gaps with both models at one learning rate: what they owe to the choice of rates."""
    lines = []
    for rate in sorted({rate for *_, rate in test}):
        named = gaps(test, {(model, p): rate for model, p, at in test if at == rate}, seeds)
        if not lines:
            lines = [f"| learning rate | {' | '.join(named)} |", "| --- " * (len(named) + 1) + "|"]
        cells = ["{:+.5f} [{:+.5f}, {:+.5f}]".format(*interval(values)) for values in named.values()]
        lines.append(f"| {rate:g} | {' | '.join(cells)} |")
    return lines


def machine() -> str:
    path = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in path.read_text().splitlines() if line.startswith("model name")]
    return f"{names[0]}, {os.cpu_count()} cores, {platform.system()}"


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the grid's folder, such as results/synthetic")
    parser.add_argument("--mmtl", default="target/release/mmtl")
    parser.add_argument("--commit", help="what the program was built from; the checkout's by default")
    given = parser.parse_args()
    commit = given.commit or output("git", "rev-parse", "--short", "HEAD")
    valid, test = (read_losses(given.mmtl, given.folder, split) for split in ("valid", "test"))
    seeds = check_seeds(valid)
    if check_seeds(test) != seeds:
        raise SystemExit("validation and test rows were scored for different seeds")
    chosen = chosen_rates(valid)
    lines = [
        f"# Synthetic tasks of the MMoE paper, {datetime.date.today()}",
        "",
        f"Machine: {machine()}. {output(given.mmtl, '--version')}, commit {commit}.",
        "",
        "## Losses",
        "",
        "Mean squared error, averaged over both tasks. Chosen: the least mean validation loss of that model and p.",
        "",
        *rate_table(valid, test, chosen),
        "",
        "## Gaps at the chosen rates, on test rows",
        "",
        *gap_table(gaps(test, chosen, seeds)),
        "",
        "## Gaps with both models at the same rate",
        "",
        *equal_rate_table(test, seeds),
    ]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
