"""What was measured, as it is kept in a file: a dictionary, which several calls add to.

    steps:    {case: {precision: {eager, compiled, mmtl: [seconds by turns], forms, errors, rows, ...}}}
    products: {precision: [{direction, layer, flops, seconds}]}
    kernels:  {case: {precision: what `mmtl bench` wrote}}
    verified: {precision: exit code}
    errors:   {what: sentence}
    machine:  {what: which}
"""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

VERSION = 1


@dataclass(frozen=True)
class Results:
    data: dict

    @staticmethod
    def empty() -> "Results":
        parts = ("steps", "products", "kernels", "verified", "errors", "machine")
        return Results({"version": VERSION} | {part: {} for part in parts})

    @staticmethod
    def read(files: list[Path]) -> "Results":
        """Of several calls; of what two of them measured the later file counts."""
        merged = Results.empty()
        for file in files:
            data = json.loads(file.read_text())
            if data.get("version") != VERSION:
                raise SystemExit(f"{file} has version {data.get('version')}, expected {VERSION}")
            _merge(merged.data, data)
        return merged

    def seconds(self, case: str, precision: str, side: str) -> list[float]:
        """By turns; none where it was not measured."""
        return self.data["steps"].get(case, {}).get(precision, {}).get(side, [])

    def median(self, case: str, precision: str, side: str) -> float | None:
        seconds = self.seconds(case, precision, side)
        return statistics.median(seconds) if seconds else None

    def ratio(self, case: str, precision: str, side: str) -> float | None:
        """How many times faster mmtl is than a side, the median over turns."""
        peer, mmtl = self.seconds(case, precision, side), self.seconds(case, precision, "mmtl")
        if not peer or len(peer) != len(mmtl):
            return None
        return statistics.median(theirs / ours for theirs, ours in zip(peer, mmtl))

    def kernels(self, case: str, precision: str) -> list[dict]:
        return self.data["kernels"].get(case, {}).get(precision, {}).get("kernels", [])

    def peak(self, case: str, precision: str) -> float | None:
        """GFLOP/s of the instruction in use, measured in the same call as the kernels."""
        device = self.data["kernels"].get(case, {}).get(precision, {}).get("device")
        if device is None:
            return None
        of_units = [unit["gflops"]["median"] for unit in device["matrix"] if unit["precision"] == device["precision"]]
        return (of_units or [device["multiply_add"]["median"]])[0]

    def copy(self, case: str, precision: str) -> float | None:
        """GB/s of copies, likewise."""
        device = self.data["kernels"].get(case, {}).get(precision, {}).get("device")
        return device and device["copy"]["median"]

    def products(self, precision: str) -> list[dict]:
        return self.data["products"].get(precision, [])


def experts(kernels: list[dict]) -> list[dict]:
    """The kernels that a step of little but experts spends its operations in."""
    total = sum(kernel["flops"] for kernel in kernels)
    return [kernel for kernel in kernels if kernel["flops"] >= 0.01 * total > 0]


def rate(parts: list[dict], what: str) -> float | None:
    """GFLOP/s or GB/s of some kernels together."""
    seconds = sum(part["seconds"]["median"] for part in parts)
    return sum(part[what] for part in parts) / seconds * 1e-9 if seconds else None


def product_rate(products: list[dict]) -> float | None:
    """GFLOP/s of some of the library's products together."""
    seconds = sum(product["seconds"]["median"] for product in products)
    return sum(product["flops"] for product in products) / seconds * 1e-9 if seconds else None


def _merge(into: dict, new: dict) -> None:
    for what in _measured(new):
        into["errors"].pop(what, None)
    for part in ("steps", "kernels"):
        for case, precisions in new[part].items():
            into[part].setdefault(case, {}).update(precisions)
    for part in ("products", "verified", "errors", "machine"):
        into[part].update(new.get(part, {}))


def _measured(data: dict) -> list[str]:
    """What there are figures of, as errors name it."""
    steps = [
        f"{case}, {precision}, {side}"
        for case, precisions in data["steps"].items()
        for precision, found in precisions.items()
        for side in ("eager", "compiled", "mmtl")
        if found.get(side)
    ]
    kernels = [f"{case}, kernels, {precision}" for case, of in data["kernels"].items() for precision in of]
    products = [f"experts alone, {precision}" for precision in data["products"]]
    return steps + kernels + products + [f"verify, {precision}" for precision in data["verified"]]
