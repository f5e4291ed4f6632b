"""PyTorch's side of the cases on a device: answers requests, so that it need not start anew, nor compile, for each.

    python benches/peers/gpu_steps.py [--device cuda]

Reads a JSON object a line, such as {"case": "large", "precision": "tf32", "what": "eager", "seconds": 1}, and writes one a
line. `what`: `eager`, `compiled` or `products`. The first request for a case finds the fastest form, later ones time that.
`rows` replaces the case's own. What fails is answered as {"error": ...}.
"""

import argparse
import dataclasses
import json
import sys

import torch

from timed.cases import CASES, DEVICE_CASES
from timed.gpu.precision import PRECISIONS, use
from timed.gpu.products import time_products
from timed.gpu.training import Form, Training, compiled_forms, eager_forms, pinned
from timed.rounds import time_rounds
from timed.training import forward_flops_per_row, parameters
from timed.world import Batch, batches

TRIAL_SECONDS = 0.3


class Peer:
    """The models of one case at one precision."""

    def __init__(self, device: torch.device, request: dict):
        self.device = device
        case = {**CASES, **DEVICE_CASES}[request["case"]]
        self.case = dataclasses.replace(case, rows=request.get("rows") or case.rows)
        self.precision = request["precision"]
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision `{self.precision}`, expected one of {', '.join(PRECISIONS)}")
        self.drawn = [pinned(batch, device) for batch in batches(self.case)]
        self.found: dict[str, Training] = {}
        self.forms: dict[str, Form] = {}
        self.tried: dict[str, dict[str, float]] = {}

    def time(self, what: str, seconds: float, trial: float) -> dict:
        use(self.precision)
        if what == "products":
            timed = time_products(self.case, self.precision, self.device, seconds, self._wait)
            return {"rows": self.case.rows, "products": timed}
        if what not in self.found:
            self._choose(what, trial)
        training = self.found[what]
        timed = self._timed(training, seconds)
        training.check(self.drawn[0])
        return {
            "rows": self.case.rows,
            "form": str(self.forms[what]),
            "tried": self.tried[what],
            "parameters": parameters(training.net),
            "forward_flops_per_row": self._flops(training.net),
            "seconds": timed,
            "peak_memory": torch.cuda.max_memory_allocated() if self.device.type == "cuda" else None,
        }

    def _choose(self, what: str, trial: float) -> None:
        if what == "eager":
            candidates = eager_forms(self.case)
        else:
            if "eager" not in self.forms:
                self._choose("eager", trial)
            candidates = compiled_forms(self.forms["eager"], self.device)
        tried: dict[Form, float] = {}
        failed = []
        for form in candidates:
            try:
                training = Training(self.case, form, self.precision, self.device)
                tried[form] = self._timed(training, trial)["median"]
            except Exception as error:  # one form that cannot be had leaves the others
                failed.append(f"{form}: {_told(error)}")
        if not tried:
            raise RuntimeError("; ".join(failed))
        form = min(tried, key=tried.get)
        self.forms[what], self.tried[what] = form, {str(form): seconds for form, seconds in tried.items()}
        self.found[what] = Training(self.case, form, self.precision, self.device)

    def _timed(self, training: Training, seconds: float) -> dict:
        # Whatever is compiled or recorded: it takes a step or three.
        for batch in self.drawn[:3]:
            training.step(batch)
        training.wait()
        return time_rounds(
            seconds, len(self.drawn), lambda calls: training.step(self.drawn[calls % len(self.drawn)]), training.wait
        )

    def _flops(self, net: torch.nn.Module) -> float:
        batch = self.drawn[0]
        there = Batch(*(part.to(self.device) for part in (batch.ids, batch.scenes, batch.labels)))
        return forward_flops_per_row(net, there)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def serve(device: torch.device) -> None:
    peer, of = None, None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            wanted = (request["case"], request["precision"], request.get("rows"))
            if wanted != of:
                peer, of = None, None
                forget(device)
                peer, of = Peer(device, request), wanted
            answer = peer.time(request["what"], request["seconds"], request.get("trial", TRIAL_SECONDS))
        except Exception as error:  # the driver goes on with the next case
            answer = {"error": _told(error)}
        print(json.dumps(answer), flush=True)


def forget(device: torch.device) -> None:
    """Gives back what the case before held."""
    torch.compiler.reset()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _told(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    serve(torch.device(arguments.device))


if __name__ == "__main__":
    main()
