"""Runs both programs in turn: PyTorch, mmtl, PyTorch, mmtl."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from timed.cases import CASES
from timed.comparison import Comparison
from timed.targets import BASES

STEPS = Path(__file__).parent.parent / "steps.py"


@dataclass(frozen=True)
class Programs:
    mmtl: Path
    threads: int
    seconds: float

    def peer(self, case: str, *more: str) -> dict:
        """One case in PyTorch, or scikit-learn."""
        return self._json([sys.executable, str(STEPS), case, *more])

    def bench(self, case: str) -> dict:
        """One case of `mmtl bench`, with the machine's peak."""
        return self._json([str(self.mmtl), "bench", case, "--format", "json"])

    def growth(self) -> dict:
        """How a step grows, with the machine's peak."""
        return self._json([str(self.mmtl), "bench", "--growth", "--format", "json"])

    def _json(self, command: list[str]) -> dict:
        command += ["--threads", str(self.threads), "--seconds", str(self.seconds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"`{' '.join(command)}` ended with {done.returncode}")
        return json.loads(done.stdout)


def compare(programs: Programs, name: str, turns: int) -> Comparison:
    """A case on both sides. The peer's fastest form with each Adam is found in the first turn."""
    found = Comparison(name, [], [])
    trains = name in CASES and not CASES[name].predict
    for _ in range(turns):
        peer = programs.peer(name, *_again(name, found.form))
        found.form = peer["form"]
        found.peer.append(peer["seconds"]["median"])
        report = programs.bench(name)
        case = report["cases"][0]
        check_sizes(peer, case, CASES[name].scenes if name in CASES else 1)
        found.mmtl.append(case["seconds"]["median"])
        found.peaks.append(report["gemm_peak"])
        if case["gflops"] is not None:
            found.gflops.append(case["gflops"])
            found.shares.append(case["share"])
        if trains:
            fused = programs.peer(name, *_again(name, found.fused_form), "--adam", "fused")
            found.fused_form = fused["form"]
            found.fused.append(fused["seconds"]["median"])
        if name in BASES:
            found.base.append(programs.bench(BASES[name])["cases"][0]["seconds"]["median"])
        found.rows = case["rows"]
    return found


def _again(name: str, form: str) -> list[str]:
    """Arguments for a form that was found before."""
    return ["--form", form] if form and name in CASES else []


def check_sizes(peer: dict, case: dict, scenes: int) -> None:
    """Both sides must train a model of one size. PyTorch computes every scene's net for every row."""
    if peer["rows"] != case["rows"]:
        raise SystemExit(f"{case['case']}: {peer['rows']} rows in PyTorch, {case['rows']} in mmtl")
    size = case["size"]
    if size is None:
        return
    parameters = size["dense_parameters"] + size["table_parameters"]
    if peer["parameters"] != parameters:
        raise SystemExit(f"{case['case']}: {peer['parameters']} parameters in PyTorch, {parameters} in mmtl")
    flops = size["forward_flops_per_row"] * scenes
    if peer["forward_flops_per_row"] != flops:
        said = f"{peer['forward_flops_per_row']:g} in PyTorch, {flops} in mmtl's {scenes} scenes"
        raise SystemExit(f"{case['case']}: forward FLOPs a row are {said}")
