"""Holds mmtl's scores against PyTorch's and writes the verdict as Markdown.

    python benches/peers/compare.py OUT.json MMTL_TABLE.json REPORT.md --mmtl "VERSION, MACHINE, THREADS"

Exits with 1 when a difference of means exceeds the tolerance.
"""

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from mmtl_table import METRICS, read_table

Cell = tuple[str, str, str, str]  # architecture, task, metric, all rows or those of a scene


@dataclass(frozen=True)
class Row:
    """One cell of the table, both ways."""

    cell: Cell
    mmtl: list[float]
    torch: list[float]

    @property
    def difference(self) -> float:
        return statistics.fmean(self.mmtl) - statistics.fmean(self.torch)

    def agrees(self, tolerance: float) -> bool:
        return abs(self.difference) <= tolerance


def torch_scores(results: dict) -> dict[Cell, dict[int, dict]]:
    """For each cell, each seed's score with its counts."""
    scores: dict[Cell, dict[int, dict]] = {}
    for trial in results["trials"]:
        seed = trial["seeds"]["initialisation"]
        for task, scopes in trial["test"].items():
            for scope, score in scopes.items():
                for metric in (metric for metric in METRICS if metric in score):
                    seeds = scores.setdefault((trial["architecture"], task, metric, scope), {})
                    if seed in seeds:
                        raise SystemExit(
                            f"{trial['architecture']} has seed {seed} twice; expected trials that differ by seed only"
                        )
                    seeds[seed] = {**score, "score": score[metric]}
    return scores


def rows(torch: dict[Cell, dict[int, dict]], mmtl: dict[Cell, dict[int, dict]]) -> list[Row]:
    """Cells in PyTorch's order, of the metrics in mmtl's tables. Both sides must have scored the same seeds on the same rows."""
    paired, told = [], {metric for _, _, metric, _ in mmtl}
    for cell, ours in torch.items():
        if mmtl and cell[2] not in told:
            continue
        theirs = mmtl.get(cell)
        name = " ".join(cell)
        if theirs is None:
            raise SystemExit(f"mmtl has no {name}; it has {', '.join(' '.join(cell) for cell in mmtl)}")
        if sorted(ours) != sorted(theirs):
            raise SystemExit(f"{name}: PyTorch has seeds {sorted(ours)}, mmtl {sorted(theirs)}")
        for seed in ours:
            if (ours[seed]["score"] is None) != (theirs[seed]["score"] is None):
                raise SystemExit(f"{name}, seed {seed}: undefined on one side only")
            for count in ("positives", "negatives", "rows"):
                # mmtl counts classes where a score depends on them.
                counts = ours[seed].get(count), theirs[seed][count]
                if None not in counts and counts[0] != counts[1]:
                    raise SystemExit(
                        f"{name}, seed {seed}: {ours[seed][count]} {count} in PyTorch, {theirs[seed][count]} in mmtl; "
                        "expected the same test rows"
                    )
        defined = [seed for seed in sorted(ours) if ours[seed]["score"] is not None]
        if defined:
            paired.append(Row(cell, *([side[seed]["score"] for seed in defined] for side in (theirs, ours))))
    return paired


def report(rows: list[Row], results: dict, tolerance: float, mmtl: str) -> str:
    lines = [
        "# mmtl and PyTorch on the same trials",
        "",
        "Same rows, split, architecture, initial distributions, optimiser, batch size and selection on validation; random",
        "numbers of each side's own. Test scores, of all rows pooled and by scene; ± is the sample standard deviation over n seeds.",
        "",
        f"| architecture | task | score | rows | mmtl | PyTorch | difference of means | at most {tolerance:g} |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        verdict = "yes" if row.agrees(tolerance) else "**no**"
        fields = [*row.cell, summary(row.mmtl), summary(row.torch), f"{row.difference:+.5f}", verdict]
        lines.append(f"| {' | '.join(fields)} |")
    machine, versions = results["machine"], results["versions"]
    lines += [
        "",
        "Seconds an epoch in PyTorch, median over its trials, evaluations left out:",
        "; ".join(f"{name} {seconds:.2f}" for name, seconds in seconds_per_epoch(results).items()) + ".",
        "",
        f"- mmtl: {mmtl}",
        f"- PyTorch: {results['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, "
        + ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    return "\n".join(lines) + "\n"


def summary(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.5f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.5f}{spread} (n = {len(values)})"


def seconds_per_epoch(results: dict) -> dict[str, float]:
    seconds: dict[str, list[float]] = {}
    for trial in results["trials"]:
        seconds.setdefault(trial["architecture"], []).append(trial["seconds_per_epoch"])
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("torch", type=Path, help="results of parity.py")
    parser.add_argument("mmtl", type=Path, help="results of `mmtl table`, as JSON")
    parser.add_argument("report", type=Path, help="Markdown to write")
    parser.add_argument("--mmtl", dest="made_by", required=True, help="version, machine and threads of mmtl's runs")
    parser.add_argument("--tolerance", type=float, default=0.002)
    arguments = parser.parse_args()
    results = json.loads(arguments.torch.read_text())
    paired = rows(torch_scores(results), read_table(arguments.mmtl))
    text = report(paired, results, arguments.tolerance, arguments.made_by)
    arguments.report.write_text(text)
    print(text, end="")
    raise SystemExit(not all(row.agrees(arguments.tolerance) for row in paired))


if __name__ == "__main__":
    main()
