"""The comparison as a Markdown table."""

import statistics
from collections.abc import Collection

from timed.comparison import Comparison
from timed.targets import TARGETS, Results

COLUMNS = (
    "case", "PyTorch", "fused Adam", "mmtl", "ratio", "ratio to fused", "rows/s", "GFLOP/s", "of peak", "at least", "met"
)  # fmt: skip
NOTHING = "—"


def table(results: Results) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(_fields(found, results))} |" for found in results.values()]
    return "\n".join(lines) + "\n"


def forms(results: Results, cases: Collection[str]) -> str:
    """How those of these cases that were measured were written on the other side."""
    measured = [found for name, found in results.items() if name in cases and found.form]
    return "; ".join(f"{found.name}: {_form(found)}" for found in measured) or NOTHING


def growth(axes: list[dict]) -> list[str]:
    """How a step grows: lines of a table for each axis, with the exponent of the fitted power law."""
    lines = []
    for axis in axes:
        counts = [f"{point['count']:,}" for point in axis["points"]]
        times = [f"{point['seconds']['median'] * 1e3:.2f}" for point in axis["points"]]
        lines += ["", f"| {axis['axis']} | {' | '.join(counts)} | exponent |", f"|{' --- |' * (len(counts) + 2)}"]
        lines.append(f"| ms | {' | '.join(times)} | {axis['slope']:.2f} |")
        flops = [f"{point['flops'] / 1e6:,.0f}" for point in axis["points"]]
        exponent = NOTHING if axis["flops_slope"] is None else f"{axis['flops_slope']:.2f}"
        lines.append(f"| MFLOP | {' | '.join(flops)} | {exponent} |")
    return lines


def _fields(found: Comparison, results: Results) -> list[str]:
    targets = TARGETS.get(found.name, [])
    return [
        f"`{found.name}`",
        times(found.peer),
        times(found.fused),
        times(found.mmtl) + (f"; one job: {times(found.alone)}" if found.alone else ""),
        str(found.ratio) if found.peer else NOTHING,
        str(found.fused_ratio or NOTHING),
        f"{found.rows / found.seconds:,.0f}" if found.rows else NOTHING,
        f"{statistics.median(found.gflops):.0f}" if found.gflops else NOTHING,
        f"{found.share:.0%}" if found.shares else NOTHING,
        "; ".join(target.says for target in targets) or NOTHING,
        "; ".join(target.verdict(results) for target in targets) or NOTHING,
    ]


def _form(found: Comparison) -> str:
    other = found.fused_form
    return found.form if other in ("", found.form) else f"{found.form}, fused {other}"


def times(seconds: list[float]) -> str:
    """Median over turns with the least and the most."""
    if not seconds:
        return NOTHING
    scale, unit, digits = (1, "s", 2) if max(seconds) >= 1 else (1e3, "ms", 1)
    low, middle, high = (f"{value * scale:.{digits}f}" for value in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{middle} {unit} ({low} to {high})"
