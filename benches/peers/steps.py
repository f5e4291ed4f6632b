"""Times the cases of `mmtl bench` in PyTorch eager.

    python benches/peers/steps.py [CASE...] [--threads 2] [--seconds 3] [--form INPUTS-GROUPS] [--adam fused]

Prints one JSON object a line and case. Without --form every way to write the model is tried for a moment and the
fastest is timed.
"""

import argparse
import json
import resource

import torch

from timed.auc import time_auc
from timed.cases import CASES
from timed.rounds import time_rounds
from timed.training import ADAMS, FORMS, call, forward_flops_per_row, model, parameters
from timed.world import batches

TRIAL_SECONDS = 0.5


def time_case(name: str, seconds: float, form: tuple[str, str] | None, adam: str) -> dict:
    case = CASES[name]
    drawn = batches(case)

    def timed(form: tuple[str, str], seconds: float) -> dict:
        run = call(case, model(case, form), adam)
        return time_rounds(seconds, len(drawn), lambda calls: run(drawn[calls % len(drawn)]))

    tried = {}
    if form is None:
        for _ in range(2):  # whatever comes first also waits for memory
            for candidate in FORMS:
                median = timed(candidate, TRIAL_SECONDS)["median"]
                tried[candidate] = min(tried.get(candidate, median), median)
        form = min(tried, key=tried.get)
    net = model(case, form)
    return {
        "case": name,
        "rows": case.rows,
        "form": "-".join(form),
        "adam": None if case.predict else adam,
        "tried": {"-".join(form): median for form, median in tried.items()},
        "parameters": parameters(net),
        "forward_flops_per_row": forward_flops_per_row(net, drawn[0]),
        "seconds": timed(form, seconds),
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def form_named(name: str) -> tuple[str, str]:
    found = [form for form in FORMS if "-".join(form) == name]
    if not found:
        raise argparse.ArgumentTypeError(f"`{name}`, expected one of {', '.join('-'.join(form) for form in FORMS)}")
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*CASES, "auc"]
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(known))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--form", type=form_named)
    parser.add_argument("--adam", choices=list(ADAMS), default="default")
    arguments = parser.parse_args()
    for name in arguments.cases:
        if name not in known:
            parser.error(f"unknown case `{name}`, expected one of {', '.join(known)}")
    torch.set_num_threads(arguments.threads)
    for name in arguments.cases or known:
        if name == "auc":
            timed = time_auc(arguments.seconds)
        else:
            timed = time_case(name, arguments.seconds, arguments.form, arguments.adam)
        print(json.dumps(timed), flush=True)


if __name__ == "__main__":
    main()
