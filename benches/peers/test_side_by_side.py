"""python -m unittest discover benches/peers"""

import argparse
import dataclasses
import tempfile
import unittest
from pathlib import Path

import torch

from timed.arguments import positive
from timed.cases import CASES, Case
from timed.comparison import Comparison, Ratio
from timed.layers import Listed, Stacked
from timed.markdown import forms, growth, table
from timed.pages import fresh, write
from timed.rounds import time_rounds
from timed.targets import TARGETS, Target
from timed.training import FORMS, call, forward_flops_per_row, model, parameters
from timed.trials import between, events
from timed.turns import check_sizes
from timed.world import batches

SMALL = Case(rows=12, fields=3, ids=20, tasks=2, towers=(6, 4), widths=(8, 5), experts=3, batches=2)
STAR = Case(rows=12, fields=3, ids=20, tasks=1, towers=(), widths=(8, 5), scenes=4, batches=2)


class Models(unittest.TestCase):
    def test_every_form_has_the_same_size(self):
        inputs, tables = 3 * 16, 3 * 20 * 16
        experts = 3 * (inputs * 8 + 8 + 8 * 5 + 5)
        towers = 2 * (5 * 6 + 6 + 6 * 4 + 4 + 4 + 1)
        flops = 2 * (3 * (inputs * 8 + 8 * 5) + 2 * inputs * 3 + 2 * 3 * 5 + 2 * (5 * 6 + 6 * 4 + 4))
        for form in FORMS:
            net = model(SMALL, form)
            self.assertEqual(parameters(net), tables + experts + 2 * inputs * 3 + towers, form)
            self.assertEqual(forward_flops_per_row(net, batches(SMALL)[0]), flops, form)
        layers = inputs * 8 + 8 + 8 * 5 + 5 + 5 + 1
        for form in FORMS:
            net = model(STAR, form)
            self.assertEqual(parameters(net), tables + (1 + 4) * layers, form)
            self.assertEqual(forward_flops_per_row(net, batches(STAR)[0]), 4 * 2 * (inputs * 8 + 8 * 5 + 5), form)

    def test_stacked_experts_are_the_listed_ones(self):
        listed, stacked = Listed(3, 10, (8, 5)), Stacked(3, 10, (8, 5))
        with torch.no_grad():
            for number, expert in enumerate(listed.experts):
                stacked.first.weight[8 * number : 8 * number + 8] = expert[0].weight
                stacked.first.bias[8 * number : 8 * number + 8] = expert[0].bias
                stacked.weights[0][number] = expert[2].weight.T
                stacked.biases[0][number] = expert[2].bias
        x = torch.randn(7, 10)
        torch.testing.assert_close(stacked(x), listed(x))

    def test_a_row_takes_its_own_scene_s_logit(self):
        batch = batches(STAR)[0]
        nets = [model(STAR, ("joined", groups)) for groups in ("listed", "stacked")]
        with torch.no_grad():
            for net in nets:
                generator = torch.Generator().manual_seed(3)
                for name, parameter in net.named_parameters():
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
            logits = [net(batch) for net in nets]
            torch.testing.assert_close(*logits)
            for row, scene in enumerate(batch.scenes.tolist()):
                x = nets[0].inputs(batch.ids[row : row + 1])
                for layer in nets[0].layers:
                    x = x @ (layer.weight * layer.scene_weight[scene]) + layer.bias + layer.scene_bias[scene]
                    x = x if layer is nets[0].layers[-1] else torch.relu(x)
                torch.testing.assert_close(logits[0][row : row + 1], x)

    def test_steps_learn_with_every_optimiser(self):
        for sparse, adam in [(False, "default"), (False, "fused"), (True, "default")]:
            case = dataclasses.replace(SMALL, sparse=sparse)
            net, batch = model(case, FORMS[0]), batches(case)[0]
            step = call(case, net, adam)
            losses = []
            for _ in range(500):
                with torch.no_grad():
                    losses.append(torch.nn.functional.binary_cross_entropy_with_logits(net(batch), batch.labels).item())
                step(batch)
            self.assertLess(losses[-1], losses[0] / 2, (sparse, adam))


class Times(unittest.TestCase):
    def test_without_time_there_are_three_rounds_after_one_call(self):
        seen = []
        timed = time_rounds(0.0, 5, seen.append)
        self.assertEqual((seen, timed["rounds"]), ([0, 1, 2, 3], 3))
        self.assertTrue(0 <= timed["p10"] <= timed["median"] <= timed["p90"])

    def test_epochs_lie_between_the_ends_of_evaluations(self):
        self.assertEqual(between([10.0, 12.0, 16.0]), 3.0)
        with self.assertRaisesRegex(SystemExit, "1 evaluations, expected at least 2"):
            between([10.0])

    def test_a_line_that_is_being_written_is_left_out(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(list(events(Path(folder))), [])
            (Path(folder) / "events.jsonl").write_text('{"at": 1}\n{"at": 2}\n{"at"')
            self.assertEqual([event["at"] for event in events(Path(folder))], [1, 2])


class Pages(unittest.TestCase):
    def test_a_page_of_before_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for text in ("first", "second"):
                path = fresh(Path(folder) / "new", "2026-01-02-page")
                write(path, text)
                names.append(path.name)
            self.assertEqual(names, ["2026-01-02-page.md", "2026-01-02-page-2.md"])
            self.assertEqual((Path(folder) / "new" / names[0]).read_text(), "first")

    def test_numbers_are_above_0(self):
        self.assertEqual((positive(int)("3"), positive(float)("0.5")), (3, 0.5))
        for kind, wrong in [(int, "0"), (int, "1.5"), (float, "-1"), (float, "soon"), (float, "nan")]:
            with self.assertRaisesRegex(argparse.ArgumentTypeError, "above 0"):
                positive(kind)(wrong)


class Verdicts(unittest.TestCase):
    def test_ratios_are_of_the_same_turn(self):
        self.assertEqual(Ratio.of([2.0, 9.0, 4.0], [1.0, 3.0, 4.0]), Ratio(1.0, 2.0, 3.0))
        with self.assertRaises(ValueError):
            Ratio.of([1.0], [1.0, 2.0])

    def test_the_bound_itself_is_met(self):
        for figure, least, most in [(0.5, "**no**", "yes"), (1.0, "yes", "yes"), (1.5, "yes", "**no**")]:
            self.assertTrue(Target("", lambda _: figure, 1.0).verdict({}).startswith(least), figure)
            self.assertTrue(Target("", lambda _: figure, 1.0, at_most=True).verdict({}).startswith(most), figure)

    def test_what_a_case_takes_above_another_is_of_the_same_turn(self):
        # The second turn came while the machine was slow.
        found = Comparison("star-10", [], [1.1, 2.4, 1.3], base=[1.0, 2.0, 1.0])
        self.assertAlmostEqual(found.above_base, 0.2)

    def test_targets_read_what_they_name(self):
        large = Comparison("large", [2.0], [1.0], peaks=[100.0], shares=[0.9])
        wide = Comparison("wide-exact", [3.4], [1.13], base=[1.0])
        self.assertEqual([t.verdict({"large": large}) for t in TARGETS["large"]], ["yes (2.00 ×)", "yes (90%)"])
        self.assertEqual([t.verdict({"wide-exact": wide}) for t in TARGETS["wide-exact"]], ["**no** (3.01 ×)", "**no** (+13%)"])
        jobs = Comparison("jobs", [], [1.0, 2.0], alone=[1.9, 3.8])
        self.assertEqual(TARGETS["jobs"][0].verdict({"jobs": jobs}), "yes (1.90 ×)")

    def test_models_of_different_sizes_are_not_compared(self):
        size = {"dense_parameters": 3, "table_parameters": 4, "forward_flops_per_row": 10}
        case = {"case": "x", "rows": 8, "size": size}
        peer = {"rows": 8, "parameters": 7, "forward_flops_per_row": 20.0}
        check_sizes(peer, case, scenes=2)
        for key, what in [("rows", "rows"), ("parameters", "parameters"), ("forward_flops_per_row", "FLOPs")]:
            with self.assertRaisesRegex(SystemExit, what):
                check_sizes({**peer, key: peer[key] + 1}, case, scenes=2)

    def test_the_table_has_every_case_and_column(self):
        found = Comparison(
            "large", [0.2, 0.4], [0.1, 0.1], "joined-listed", [0.3, 0.3],
            rows=1000, gflops=[60.0], peaks=[100.0], shares=[0.6],
        )
        jobs = Comparison("jobs", [], [1.0], alone=[1.5])
        head, rule, first, second = table({"large": found, "jobs": jobs}).strip().split("\n")
        self.assertEqual({line.count("|") for line in (head, rule, first, second)}, {12})
        for part in ("300.0 ms (200.0 to 400.0)", "3.00 (2.00 to 4.00)", "10,000", "| 60 |", "60%", "yes (3.00 ×)"):
            self.assertIn(part, first)
        self.assertIn("1.00 s (1.00 to 1.00); one job: 1.50 s (1.50 to 1.50)", second)
        self.assertIn("**no** (1.50 ×)", second)

    def test_forms_are_told_of_what_was_measured(self):
        large = Comparison("large", [0.2], [0.1], "joined-listed", fused=[0.3], fused_form="joined-stacked")
        jobs = Comparison("jobs", [], [1.0], alone=[1.5])
        results = {"large": large, "jobs": jobs}
        self.assertEqual(forms(results, ["large", "jobs"]), "large: joined-listed, fused joined-stacked")
        self.assertEqual(forms(results, ["jobs"]), "—")

    def test_growth_has_a_column_for_each_count(self):
        points = [{"count": count, "seconds": {"median": count / 1e3}, "flops": 2e6} for count in (1, 10)]
        lines = growth([{"axis": "scenes", "points": points, "slope": 1.0, "flops_slope": None}])
        self.assertEqual(lines[1:], [
            "| scenes | 1 | 10 | exponent |", "| --- | --- | --- | --- |",
            "| ms | 1.00 | 10.00 | 1.00 |", "| MFLOP | 2 | 2 | — |",
        ])  # fmt: skip

    def test_every_target_is_of_a_case_that_is_measured(self):
        from side_by_side import KNOWN

        self.assertLessEqual(set(TARGETS), set(KNOWN))
        self.assertLessEqual(set(CASES), set(KNOWN))


if __name__ == "__main__":
    unittest.main()
