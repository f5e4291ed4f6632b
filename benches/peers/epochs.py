"""Times an epoch of the first trial of an export in PyTorch, its evaluation included.

    python benches/peers/epochs.py EXPORT_DIR [--threads 2]

Prints one JSON object.
"""

import argparse
import json
from pathlib import Path

import torch

from parity import check, train
from export import read_export, read_trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, help="folder written by `mmtl data export`")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    trials = read_trials(arguments.export)[:1]
    export = read_export(arguments.export, check(trials))
    result = train(trials[0], export)
    print(json.dumps({"evaluated_at": result["evaluated_at"], "parameters": result["parameters"]}))


if __name__ == "__main__":
    main()
