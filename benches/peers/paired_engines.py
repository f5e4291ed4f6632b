#!/usr/bin/env python3
"""Compares two engines over the same seeds: a small copy of the quickstart, ten seeds on each.

    python3 benches/peers/paired_engines.py --mmtl target/release/mmtl cpu wgpu

Prints, for each task and metric, the mean difference with its 95 % t interval and the mean size of a difference beside the
seeds' standard deviation. Exits with 1 when an interval lacks 0, or a mean size is more than a quarter of the deviation.
Needs numpy and scipy.
"""

import argparse
import json
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

import numpy as np
from scipy import stats

MOST = 0.25  # of the seeds' standard deviation
ROOT = Path(__file__).resolve().parents[2]
CHANGES = {
    r"^epochs = .*": "epochs = 3",
    r"^architecture = .*": 'architecture = ["mmoe"]',
    r"^seed = .*": "seed = { from = 1, count = 10 }",
    r'"shared-bottom" }': '"mmoe" }',
}


def experiment():
    text = (ROOT / "experiments/quickstart.toml").read_text()
    for pattern, replacement in CHANGES.items():
        text, changed = re.subn(pattern, replacement, text, flags=re.M)
        if changed != 1:
            raise SystemExit(f"the quickstart has {changed} lines like `{pattern}`, expected one")
    return text


def seed_of(trial):
    """The first `seed` in a resolved trial."""
    for key, value in trial.items():
        if key == "seed" and not isinstance(value, (dict, list)):
            return int(value)
        found = seed_of(value) if isinstance(value, dict) else None
        if found is not None:
            return found
    return None


def scores(folder):
    """Test scores over all scenes, by task, metric and seed."""
    found = {}
    for path in folder.glob("*/record.json"):
        trial = tomllib.loads(next(path.parent.glob("*.toml")).read_text())
        for cell in json.loads(path.read_text())["record"]["cells"]:
            score = cell["scored"].get("score")
            if cell["part"] == "test" and cell["rows"] == {"overall": "rows"} and isinstance(score, float):
                found[cell["task"], cell["metric"], seed_of(trial)] = score
    return found


def run(mmtl, engine, work):
    file = work / "quickstart.toml"
    file.write_text(experiment())
    results = work / engine
    command = [mmtl, "run", "--plain", "--engine", engine, "--results", results, file]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return scores(results / "quickstart")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engines", nargs=2)
    parser.add_argument("--mmtl", type=Path, default=ROOT / "target/release/mmtl")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        one, other = (run(args.mmtl.resolve(), engine, Path(work)) for engine in args.engines)
    if not one or one.keys() != other.keys():
        raise SystemExit(f"{len(one)} scores on {args.engines[0]}, {len(other)} on {args.engines[1]}, expected the same ones")
    print("| task | metric | mean | deviation over seeds | mean difference | 95 % interval | mean size | of the deviation |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    agree = True
    for task, metric in sorted({key[:2] for key in one}):
        seeds = sorted(key[2] for key in one if key[:2] == (task, metric))
        x, y = (np.array([of[task, metric, seed] for seed in seeds]) for of in (one, other))
        gap, deviation = y - x, x.std(ddof=1)
        half = stats.t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / len(gap) ** 0.5
        share = f"{abs(gap).mean() / deviation:.2%}" if deviation > 0 else "—"
        interval = f"{gap.mean() - half:+.1e} to {gap.mean() + half:+.1e}"
        size = f"{abs(gap).mean():.1e}"
        same = np.all(gap == 0)
        agree &= bool(same or (abs(gap.mean()) <= half and abs(gap).mean() <= MOST * deviation))
        print(f"| {task} | {metric} | {x.mean():.4f} | {deviation:.4f} | {gap.mean():+.1e} | {interval} | {size} | {share} |")
    if not agree:
        raise SystemExit("engines differ by more than seeds do, or always to one side")


if __name__ == "__main__":
    main()
