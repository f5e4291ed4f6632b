"""python -m unittest discover benches/peers"""

import contextlib
import copy
import dataclasses
import io
import json
import stat
import sys
import tempfile
import unittest
from pathlib import Path

import torch

from gpu_side_by_side import Driver, parsed
from gpu_steps import Peer as Steps
from timed.cases import CASES, DEVICE_CASES, Case
from timed.gpu.page import page
from timed.gpu.products import products
from timed.gpu.programs import Mmtl, Peer, Unmeasured
from timed.gpu.results import Results, experts, product_rate, rate
from timed.gpu.targets import TARGETS
from timed.gpu.training import Form, Training, compiled_forms, eager_forms
from timed.rounds import time_rounds
from timed.training import model
from timed.world import batches

CPU = torch.device("cpu")
SMALL = Case(rows=12, fields=3, ids=20, tasks=2, towers=(), widths=(8, 5), experts=3, batches=2)
STAR = Case(rows=12, fields=3, ids=20, tasks=1, towers=(), widths=(8, 5), scenes=4, batches=2)


def kernel(name, flops, size, seconds, uncached=True, number=None):
    return {
        "kernel": name, "number": number, "flops": flops, "bytes": size, "seconds": {"median": seconds}, "uncached": uncached,
        "gigabytes": size / seconds * 1e-9,
    }  # fmt: skip


def report(precision, kernels):
    """As `mmtl bench --format json` writes it: 1,000 GFLOP/s, of bf16 units 8,000, and 100 GB/s."""
    matrix = [{"precision": "bf16", "gflops": {"median": 8e3}}]
    device = {"precision": precision, "copy": {"median": 100.0}, "multiply_add": {"median": 1e3}, "matrix": matrix}
    return {"device": device, "kernels": kernels}


def results():
    found = Results.empty()
    steps = found.data["steps"]
    for case, eager, mmtl in [("large", [4.0, 6.0], [1.0, 2.0]), ("star-1", [], [1.0]), ("star-10", [], [1.25])]:
        steps[case] = {"f32": {"eager": eager, "compiled": [], "mmtl": mmtl, "rows": 10, "forms": {}}}
    kernels = [
        kernel("linear", 600e9, 1e9, 1.0, number=1),
        kernel("linear", 300e9, 1e9, 0.5, number=2),
        kernel("linear", 1e9, 1e9, 9.0, number=3),
        kernel("embed", 0, 80e9, 1.0),
        kernel("mix", 1e9, 40e9, 1.0),
        kernel("gate", 0, 1e3, 1.0, uncached=False),
    ]
    for precision in ("f32", "bf16"):
        found.data["kernels"].setdefault("experts-wide", {})[precision] = report(precision, kernels)
    spread = {"median": 0.5}
    found.data["products"]["f32"] = [
        {"direction": direction, "layer": 1, "flops": 100e9, "seconds": spread} for direction in ("forward", "weights")
    ]
    found.data["errors"]["large, tf32, mmtl"] = "precision `tf32` is not to be had"
    found.data["machine"]["device"] = "Some GPU"
    return found


class Figures(unittest.TestCase):
    def verdicts(self, found):
        return {target.says: target.verdict(found) for target in TARGETS}

    def test_experts_are_the_kernels_with_the_operations(self):
        kernels = results().kernels("experts-wide", "f32")
        self.assertEqual([kernel["number"] for kernel in experts(kernels)], [1, 2])
        self.assertAlmostEqual(rate(experts(kernels), "flops"), 600.0)
        self.assertEqual((experts([]), rate([], "flops"), product_rate([])), ([], None, None))

    def test_lines_are_held_to_what_they_name(self):
        found = self.verdicts(results())
        self.assertEqual(found["experts, f32: 60% of the instruction's peak"], ("60%", "yes"))
        self.assertEqual(found["experts, bf16: 60% of the instruction's peak"], ("8%", "**no**"))
        self.assertEqual(found["embed: 80% of the copy's bandwidth"], ("80%", "yes"))
        # What caches may have served is left out.
        self.assertEqual(found["gate and mix: 80% of the copy's bandwidth"], ("40%", "**no**"))
        self.assertEqual(found["norm: 80% of the copy's bandwidth"], ("—", "not measured"))
        self.assertEqual(found["`large`, f32: 3 × PyTorch eager"], ("3.50 ×", "yes"))
        self.assertEqual(found["`large`, f32: 1.5 × `torch.compile`"], ("—", "not measured"))
        self.assertEqual(found["`star-10`: at most 1.25 × `star-1`"], ("1.25 ×", "yes"))

    def test_a_bound_itself_is_met_and_what_is_beyond_is_not(self):
        found = results()
        found.data["steps"]["star-10"]["f32"]["mmtl"] = [1.26]
        found.data["kernels"]["experts-wide"]["f32"]["kernels"][3]["seconds"] = {"median": 1.02}
        self.assertEqual(self.verdicts(found)["`star-10`: at most 1.25 × `star-1`"][1], "**no**")
        self.assertEqual(self.verdicts(found)["embed: 80% of the copy's bandwidth"][1], "**no**")

    def test_ratios_are_of_the_same_turns(self):
        found = results()
        self.assertEqual(found.ratio("large", "f32", "eager"), 3.5)
        found.data["steps"]["large"]["f32"]["eager"].pop()
        self.assertIsNone(found.ratio("large", "f32", "eager"))

    def test_the_page_has_every_table_and_reason(self):
        text = page(results(), "2026-01-01")
        for part in (
            "# mmtl beside PyTorch on Some GPU, 2026-01-01", "| `large` | f32 | 5.00 s (4.00 to 6.00) | — |", "| 3.50 |",
            "| f32 | library | 0.2 | — | 0.2 | 0.2 | 20% of 1.0 |", "| f32 | mmtl | 0.6 | — | — | 0.6 | 60% of 1.0 |",
            "| embed | `experts-wide` | 1000000.0 | 80000.0 | 80 | 80% |",
            "- not measured: large, tf32, mmtl: precision `tf32` is not to be had",
        ):  # fmt: skip
            self.assertIn(part, text)
        tables = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual({line.count("|") for line in tables}, {4, 7, 8, 11})

    def test_files_are_merged_and_the_later_counts(self):
        first, second = results(), Results(copy.deepcopy(Results.empty().data))
        second.data["steps"] = {"large": {"bf16": {"mmtl": [1.0]}, "f32": {"mmtl": [9.0]}}}
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("a.json", "b.json")]
            for file, found in zip(files, (first, second)):
                file.write_text(json.dumps(found.data))
            merged = Results.read(files)
            self.assertEqual(merged.seconds("large", "f32", "mmtl"), [9.0])
            self.assertEqual(merged.seconds("large", "f32", "eager"), [])
            self.assertEqual(merged.seconds("large", "bf16", "mmtl"), [1.0])
            self.assertEqual(merged.seconds("star-1", "f32", "mmtl"), [1.0])
            files[0].write_text('{"version": 0}')
            with self.assertRaisesRegex(SystemExit, "version 0, expected 1"):
                Results.read(files)


class Models(unittest.TestCase):
    def test_every_form_trains_alike(self):
        for case in (SMALL, STAR):
            drawn = batches(case)
            for form in eager_forms(case):
                training = Training(case, form, "f32", CPU)
                losses = [training.step(drawn[0]).item() for _ in range(300)]
                self.assertLess(losses[-1], losses[0] / 2, (case, form))

    def test_every_form_predicts_and_moves_nothing(self):
        case = dataclasses.replace(SMALL, predict=True)
        batch = batches(case)[0]
        self.assertEqual([form.adam for form in eager_forms(case)], ["predicting"] * 4)
        for form in eager_forms(case):
            training = Training(case, form, "f32", CPU)
            first = training.step(batch)
            self.assertEqual(first.shape, (12, 2))
            self.assertTrue(((first > 0) & (first < 1)).all(), form)
            self.assertTrue(torch.equal(first, training.step(batch)), form)

    def test_bf16_is_mixed_and_parameters_stay_f32(self):
        training = Training(SMALL, eager_forms(SMALL)[0], "bf16", CPU)
        batch = batches(SMALL)[0]
        whole = Training(SMALL, eager_forms(SMALL)[0], "f32", CPU).step(batch).item()
        mixed = training.step(batch).item()
        self.assertNotEqual(mixed, whole)
        self.assertAlmostEqual(mixed, whole, delta=0.02)
        self.assertEqual({p.dtype for p in training.net.parameters()}, {torch.float32})

    def test_a_loss_that_is_not_finite_is_no_figure(self):
        training = Training(SMALL, eager_forms(SMALL)[0], "f32", CPU)
        training.check(batches(SMALL)[0])
        with torch.no_grad():
            next(training.net.heads.parameters()).fill_(float("nan"))
        with self.assertRaisesRegex(ArithmeticError, "finite"):
            training.check(batches(SMALL)[0])

    def test_only_the_fastest_eager_form_is_compiled(self):
        eager = Form("joined", "stacked", "fused")
        modes = [form.mode for form in compiled_forms(eager, torch.device("cuda"))]
        self.assertEqual(modes, ["default", "reduce-overhead"])
        self.assertEqual([str(form) for form in compiled_forms(eager, CPU)], ["joined-stacked-fused-default"])

    def test_norms_are_of_each_scene_s_rows(self):
        case = dataclasses.replace(DEVICE_CASES["norm-wide"], rows=9, fields=1, scenes=2)
        net = model(case, ("joined", "listed"))
        x, scenes = torch.randn(9, 16), torch.tensor([0] * 4 + [1] * 5)
        with torch.no_grad():
            normalised = net.norm(x, scenes)
        for scene in range(2):
            own = normalised[scene][scenes == scene]
            self.assertLess(own.mean(0).abs().max().item(), 1e-5)
            self.assertLess((own.var(0, unbiased=False) - 1).abs().max().item(), 1e-3)

    def test_experts_read_624_inputs(self):
        case = dataclasses.replace(DEVICE_CASES["experts-wide"], rows=2, ids=3)
        first = model(case, ("joined", "stacked")).experts.first
        self.assertEqual((first.in_features, first.out_features), (624, 16 * 512))

    def test_products_are_those_of_the_experts(self):
        case = Case(rows=10, fields=2, ids=5, tasks=1, towers=(), widths=(7, 3), experts=4)
        found = products(case, "f32", CPU)
        forward = 2 * 10 * 4 * (32 * 7 + 7 * 3)
        for direction in ("forward", "input", "weights"):
            self.assertEqual(sum(p.flops for p in found if p.direction == direction), forward)
        shapes = [[tuple(way().shape) for way in p.ways] for p in found]
        self.assertEqual(shapes, [
            [(10, 28), (4, 10, 7)], [(4, 10, 3)], [(4, 10, 7)], [(10, 32)], [(4, 7, 3)], [(32, 28), (4, 32, 7)],
        ])  # fmt: skip


class Programs(unittest.TestCase):
    def test_rounds_end_when_the_device_does(self):
        seen = []
        time_rounds(0.0, 1, lambda calls: seen.append(calls), lambda: seen.append("wait"))
        self.assertEqual(seen, [0, "wait", 1, "wait", 2, "wait", 3, "wait"])

    def test_a_form_is_found_once(self):
        peer = Steps(CPU, {"case": "small-512", "precision": "f32", "rows": 8})
        first = peer.time("eager", 0.0, 0.0)
        self.assertEqual((first["rows"], len(first["tried"])), (8, 8))
        again = peer.time("eager", 0.0, 0.0)
        self.assertEqual((again["form"], again["tried"]), (first["form"], first["tried"]))
        self.assertGreater(again["seconds"]["median"], 0)

    def test_pytorch_s_side_goes_on_after_what_it_cannot_do(self):
        peer = Peer("cpu", threads=1, seconds=0.0)
        try:
            with self.assertRaisesRegex(Unmeasured, "KeyError"):
                peer.time("no such case", "f32", "eager", 8)
            running = peer.running
            self.assertEqual(peer.time("small-512", "f32", "eager", 8)["rows"], 8)
            self.assertIs(peer.running, running)
            running.kill()
            running.wait()
            with self.assertRaisesRegex(Unmeasured, "ended"):
                peer.time("small-512", "f32", "eager", 8)
        finally:
            peer.end()

    def test_what_mmtl_says_is_the_reason(self):
        with tempfile.TemporaryDirectory() as folder:
            mmtl = Mmtl(_program(folder, "print('first\\nthe reason', file=sys.stderr); sys.exit(2)"), "cuda", 1, 1.0)
            with self.assertRaisesRegex(Unmeasured, "^the reason$"):
                mmtl.bench("large", "bf16", None)
            mmtl = Mmtl(_program(folder, "time.sleep(60)"), "cuda", 1, 1.0, limit=0.3)
            with self.assertRaisesRegex(Unmeasured, "0.6 s"):
                mmtl.verify("f32")
            with self.assertRaisesRegex(Unmeasured, "within 0.3 s"):
                mmtl.bench("large", "bf16", None)

    def test_a_whole_call_measures_what_it_can(self):
        size = {"dense_parameters": 1, "table_parameters": 2, "forward_flops_per_row": 3}
        case = {"case": "large", "rows": 8, "seconds": {"median": 0.5}, "size": size}
        steps = [{"case": "large", "launches": [{"kernel": "linear", "launches": 5}, {"kernel": "mix", "launches": 2}]}]
        wrote = {**report("f32", []), "cases": [case], "steps": steps, "program": "mmtl 0", "machine": {"numerics": "some"}}
        body = f"sys.exit('no bf16') if 'bf16' in sys.argv else print({json.dumps(json.dumps(wrote))})"
        with tempfile.TemporaryDirectory() as folder:
            program = _program(folder, body)
            command = ["large", "--mmtl", str(program), "--device", "cpu", "--turns", "2", "--rows", "8", "--write", folder]
            more = ["--verify", "--precisions", "f32,bf16", "--compile", "none", "--kernels", "large"]
            driver = Driver(parsed([*command, *more]))
            driver.peer = _FakePeer()
            with contextlib.redirect_stderr(io.StringIO()):
                driver.measure()
            (file,) = Path(folder).glob("*-gpu-side-by-side.json")
            found = Results.read([file])
            self.assertEqual(found.seconds("large", "f32", "eager"), [2.0, 2.0])
            self.assertEqual(found.ratio("large", "f32", "eager"), 4.0)
            self.assertEqual(found.data["steps"]["large"]["f32"]["launches"], 7)
            self.assertEqual(found.seconds("large", "bf16", "eager"), [2.0, 2.0])
            self.assertEqual(found.seconds("large", "bf16", "mmtl"), [])
            self.assertEqual(found.data["errors"], {
                "large, bf16, mmtl": "no bf16", "large, kernels, bf16": "no bf16"
            })  # fmt: skip
            self.assertIn("| `large` | f32 | 2.00 s", file.with_suffix(".md").read_text())
            self.assertEqual(found.data["verified"], {"f32": 0, "bf16": 1})
            self.assertIn("| `mmtl verify`, bf16: passes | exit code 1 | **no** |", file.with_suffix(".md").read_text())
            # A page made of files tells of the machine that they were made on.
            found.data["machine"]["device"] = "Some GPU"
            file.write_text(json.dumps(found.data))
            self.assertIn("on Some GPU,", Driver(parsed(["--kernels", "none", "--from", str(file)])).write())

    def test_models_of_different_sizes_are_no_figure(self):
        from gpu_side_by_side import _check

        size = {"dense_parameters": 1, "table_parameters": 2, "forward_flops_per_row": 3}
        with self.assertRaisesRegex(Unmeasured, "4 parameters in PyTorch, 3 in mmtl"):
            peer = {"rows": 8, "parameters": 4, "forward_flops_per_row": 3}
            _check(peer, {"case": "x", "rows": 8, "size": size}, scenes=1)

    def test_names_are_checked(self):
        for arguments, said in [(["lrge"], "unknown case `lrge`"), (["--precisions", "f16"], "`f16`, expected some of")]:
            told = io.StringIO()
            with contextlib.redirect_stderr(told), self.assertRaises(SystemExit):
                parsed([*arguments, "--kernels", "none"])
            self.assertIn(said, told.getvalue())
        self.assertEqual(parsed(["--kernels", "none", "--compile", "none", "--precisions", "all"]).precisions,
                         ["f32", "tf32", "bf16"])  # fmt: skip
        self.assertLessEqual({"large", "small-1024", "star-1", "star-10"}, set(CASES))


class _FakePeer:
    def time(self, case, precision, what, rows):
        sizes = {"rows": 8, "parameters": 3, "forward_flops_per_row": 3}
        return {**sizes, "form": "joined-listed-default", "tried": {}, "seconds": {"median": 2.0}}

    def end(self):
        pass


def _program(folder, body):
    file = Path(folder) / "mmtl"
    file.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


if __name__ == "__main__":
    unittest.main()
