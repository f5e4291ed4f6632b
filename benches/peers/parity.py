"""Trains every trial of an export in PyTorch.

    python benches/peers/parity.py EXPORT_DIR OUT.json [--threads 2]

OUT.json is written after each trial; trials that it already holds are not trained again.
"""

import argparse
import datetime
import json
from dataclasses import asdict
from pathlib import Path

import torch

from export import Export, read_export, read_trials
from fit import fit, predict
from machine import machine, versions
from mmtl_table import ALL_ROWS
from model import ARCHITECTURES, build
from scores import task_scores
from settings import Settings
from timed import pages


def train(trial: dict, export: Export) -> dict:
    """One trial's results."""
    architecture, seeds = trial["architecture"], trial["seeds"]
    settings = Settings(trial["settings"], ("model", "train", "select", architecture))
    settings.take("model.scene_feature")  # in the export's columns
    model = build(architecture, settings, export, seeds["initialisation"])
    fitted = fit(model, export, settings, seeds)
    test = export.parts["test"]
    return {
        "key": trial["key"],
        "architecture": architecture,
        "seeds": seeds,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "test": task_scores(export, test, predict(model, test)),
        **asdict(fitted),
    }


def check(trials: list[dict]) -> bool:
    """Refuses what has no twin here, before anything is trained; says whether the scene is an input."""
    for trial in trials:
        if trial["architecture"] not in ARCHITECTURES:
            raise SystemExit(f"architecture `{trial['architecture']}`; implemented here: {', '.join(ARCHITECTURES)}")
        if trial["protocol"] != "joint":
            raise SystemExit(f"protocol `{trial['protocol']}`; implemented here: joint")
    as_feature = {trial["settings"]["model.scene_feature"] for trial in trials}
    if len(as_feature) != 1:
        raise SystemExit("expected trials that agree on `model.scene_feature`")
    return as_feature.pop()


def write(path: Path, results: dict) -> None:
    pages.write(path, json.dumps(results, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, help="folder written by `mmtl data export`")
    parser.add_argument("out", type=Path, help="results, JSON")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    trials = read_trials(arguments.export)
    export = read_export(arguments.export, check(trials))
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(arguments.threads),
        "versions": versions(),
        "trials": [],
    }
    if arguments.out.exists():
        before = json.loads(arguments.out.read_text())
        if any(before[part] != results[part] for part in ("machine", "versions")):
            raise SystemExit(f"{arguments.out} was made on another machine or with other versions; name a new file")
        results = before
    done = {trial["key"] for trial in results["trials"]}
    for trial in trials:
        if trial["key"] in done:
            continue
        result = train(trial, export)
        results["trials"].append(result)
        write(arguments.out, results)
        pooled = {task: scopes[ALL_ROWS] for task, scopes in result["test"].items()}
        test = ", ".join(f"{task} {s.get('auc', s.get('mse')):.4f}" for task, s in pooled.items())
        print(
            f"{result['architecture']} seed {result['seeds']['initialisation']}: test {test}; skill "
            f"{result['skill']:.4f} at epoch {result['best_epoch']:g} of {result['epochs']:g}; "
            f"{result['seconds_per_epoch']:.2f} s an epoch",
            flush=True,
        )


if __name__ == "__main__":
    main()
