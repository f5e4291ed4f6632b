"""The results as a page of Markdown."""

from timed.gpu.precision import PRECISIONS
from timed.gpu.results import Results, experts, product_rate, rate
from timed.gpu.targets import MOVING, TARGETS, moving
from timed.markdown import NOTHING, times

DIRECTIONS = {"forward": ("linear",), "input": ("linear, input's gradient",), "weights": ("linear, weights' gradient",)}


def page(results: Results, day: str) -> str:
    machine = results.data["machine"]
    lines = [f"# mmtl beside PyTorch on {machine.get('device', 'a device')}, {day}", ""]
    lines += ["| line | figure | met |", "| --- | --- | --- |"]
    lines += [f"| {target.says} | {' | '.join(target.verdict(results))} |" for target in TARGETS]
    lines += ["", "## Steps", "", *_steps(results), "", STEPS]
    lines += ["", "## Experts alone", "", *_experts(results), "", EXPERTS]
    lines += ["", "## Kernels that move memory", "", *_moving(results), "", MOVES, ""]
    lines += [f"- {name}: {said}" for name, said in machine.items()]
    lines += [f"- not measured: {what}: {why}" for what, why in results.data["errors"].items()]
    return "\n".join(lines) + "\n"


STEPS = """Times are medians over turns with the least and the most of them; a turn is PyTorch eager, compiled, then mmtl. A step
copies its batch to the device on both sides. Ratios are PyTorch's time by mmtl's in the same turn. PyTorch's form is the
fastest of eight (tables, experts in a list or as batched products, Adam's two forms); of it, each way to compile is tried."""

EXPERTS = """TFLOP/s. The library's are of the products alone, operands in memory; mmtl's kernels also add biases, activate and
mask. The peak is that of the same instruction on registers, measured in the same call as mmtl's kernels."""

MOVES = """GB/s of what a kernel reads and writes at least; launches go round so many sessions that caches hold nothing of them."""


def _steps(results: Results) -> list[str]:
    lines = [
        "| case | precision | PyTorch eager | `torch.compile` | mmtl | ratio to eager | to compiled | rows/s | launches | form |",
        f"|{' --- |' * 10}",
    ]
    for case, precisions in results.data["steps"].items():
        for precision, found in precisions.items():
            sides = [results.seconds(case, precision, side) for side in ("eager", "compiled", "mmtl")]
            ratios = [results.ratio(case, precision, side) for side in ("eager", "compiled")]
            median = results.median(case, precision, "mmtl")
            fields = [f"`{case}`", precision, *(times(side) for side in sides)]
            fields += [f"{ratio:.2f}" if ratio else NOTHING for ratio in ratios]
            fields.append(f"{found['rows'] / median:,.0f}" if median else NOTHING)
            fields.append(str(found.get("launches", NOTHING)))
            fields.append(", ".join(found.get("forms", {}).values()) or NOTHING)
            lines.append(f"| {' | '.join(fields)} |")
    return lines


def _experts(results: Results) -> list[str]:
    lines = [
        "| precision | side | forward | inputs' gradient | weights' gradient | all | of the peak |",
        f"|{' --- |' * 7}",
    ]
    for precision in PRECISIONS:
        products, kernels = results.products(precision), experts(results.kernels("experts-wide", precision))
        peak = results.peak("experts-wide", precision)
        of_library = [[product for product in products if product["direction"] == name] for name in DIRECTIONS]
        of_mmtl = [[kernel for kernel in kernels if kernel["kernel"] in names] for names in DIRECTIONS.values()]
        rates = {
            "library": [product_rate(part) for part in (*of_library, products)],
            "mmtl": [rate(part, "flops") for part in (*of_mmtl, kernels)],
        }
        for side, figures in rates.items():
            shown = [f"{figure / 1e3:.1f}" if figure else NOTHING for figure in figures]
            share = f"{figures[-1] / peak:.0%} of {peak / 1e3:.1f}" if figures[-1] and peak else NOTHING
            lines.append(f"| {precision} | {side} | {' | '.join(shown)} | {share} |")
    return lines


def _moving(results: Results) -> list[str]:
    lines = ["| kernel | case | µs | MB | GB/s | of the copy |", f"|{' --- |' * 6}"]
    for name, (case, _) in MOVING.items():
        copy = results.copy(case, "f32")
        for kernel in moving(results, name):
            number = f" ({kernel['number']})" if kernel["number"] else ""
            fields = [f"{kernel['kernel']}{number}", f"`{case}`", f"{kernel['seconds']['median'] * 1e6:.1f}"]
            fields += [f"{kernel['bytes'] / 1e6:.1f}", f"{kernel['gigabytes']:.0f}", f"{kernel['gigabytes'] / copy:.0%}"]
            lines.append(f"| {' | '.join(fields)} |")
    return lines
