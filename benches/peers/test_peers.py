"""python -m unittest discover benches/peers"""

import unittest

import numpy as np
import pyarrow
import torch

from compare import Row, rows
from dense import Dense
from embedding import Embedding
from export import Export, Part, Task, _only_tokens, _stacked
from fit import Objective, Timetable, optimiser
from mmoe import Mmoe
from scores import skill, task_scores
from settings import Settings
from shared_bottom import SharedBottom

INPUTS, TASKS = 11, 2


def model(architecture, **own):
    generator = torch.Generator().manual_seed(1)
    inputs = Embedding(20, 2, 3, 4, 0.5, generator)
    return architecture(inputs, TASKS, lambda knob, *_: own[knob], torch.relu, 0.0, generator)


def mmoe(experts, gate="softmax"):
    own = {"experts": experts, "expert_widths": [7, 5], "tower_widths": [3], "gate": gate, "temperature": 1.0}
    return model(Mmoe, **own)


def rows_of_inputs():
    ids = torch.tensor([[0, 12], [3, 19], [3, 12]])
    return ids, torch.linspace(-1, 1, 9).reshape(3, 3)


class Models(unittest.TestCase):
    def test_parameters_match_the_closed_form(self):
        towers = TASKS * ((5 + 1) * 3 + (3 + 1))
        hidden = (INPUTS + 1) * 7 + (7 + 1) * 5
        bottom = model(SharedBottom, towers="shared", bottom_widths=[7, 5], tower_widths=[3])
        self.assertEqual(sum(p.numel() for p in bottom.parameters()), 20 * 4 + hidden + towers)
        gates = TASKS * INPUTS * 6
        self.assertEqual(sum(p.numel() for p in mmoe(6).parameters()), 20 * 4 + 6 * hidden + gates + towers)

    def test_one_expert_is_a_shared_bottom(self):
        bottom, one = model(SharedBottom, towers="shared", bottom_widths=[7, 5], tower_widths=[3]), mmoe(1)
        names = {name: name.replace("experts.", "bottom.") for name in one.state_dict() if not name.startswith("gates")}
        bottom.load_state_dict({new: one.state_dict()[old] for old, new in names.items()})
        torch.testing.assert_close(bottom(*rows_of_inputs()), one(*rows_of_inputs()))

    def test_mixture_is_the_sum_of_gated_experts(self):
        net = mmoe(4)
        x = net.inputs(*rows_of_inputs())
        experts = net.experts(x)
        for task in range(TASKS):
            gate = torch.softmax(x[:, 0] @ net.gates.weight[task], dim=1)
            mixed = sum(gate[:, [e]] * experts[:, e] for e in range(4))
            tower, head = net.towers.hidden[0], net.towers.head
            hidden = torch.relu(mixed @ tower.weight[task] + tower.bias[task])
            output = (hidden @ head.weight[task] + head.bias[task])[:, 0]
            torch.testing.assert_close(net(*rows_of_inputs())[:, task], output)

    def test_uniform_gates_have_no_parameters(self):
        self.assertIsNone(mmoe(4, gate="uniform").gates)
        self.assertEqual(mmoe(4, gate="uniform")(*rows_of_inputs()).shape, (3, TASKS))

    def test_initial_weights_fill_glorot_s_interval_and_biases_are_zero(self):
        layer = Dense(8, 30, 24, torch.relu, 0.0, torch.Generator().manual_seed(1))
        self.assertLessEqual(layer.weight.abs().max().item(), 1 / 3)  # √(6 / 54)
        self.assertGreater(layer.weight.abs().max().item(), 0.99 / 3)
        self.assertEqual(layer.bias.abs().max().item(), 0)


class Training(unittest.TestCase):
    def test_each_task_is_divided_by_its_own_known_rows(self):
        export = type("E", (), {"tasks": [type("T", (), {"kind": "regression"})] * 2})
        outputs, targets = torch.tensor([[3.0, 1.0], [2.0, 5.0]]), torch.zeros(2, 2)
        known = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        self.assertEqual(Objective(export, [], "own")(outputs, targets, known).item(), 9)
        self.assertEqual(Objective(export, [], "batch")(outputs, targets, known).item(), 4.5)
        self.assertEqual(Objective(export, [2.0, 1.0], "own")(outputs, targets, known).item(), 18)

    def test_evaluations_are_nearest_to_the_multiples_and_at_the_end(self):
        def steps(every):
            table = Timetable(10, 2, every)
            return [step for step in range(1, 21) if table.evaluates(step)]

        self.assertEqual(steps(1.0), [10, 20])
        self.assertEqual(steps(0.25), [3, 5, 8, 10, 13, 15, 18, 20])
        self.assertEqual(steps(1.5), [15, 20])
        self.assertEqual(steps(0.01), list(range(1, 21)))

    def test_tables_and_weights_decay_apart_and_biases_never(self):
        values = {
            "optimiser": "adam", "table_updates": "exact", "schedule": "constant", "warmup": 0.0, "final_lr": 0.0,
            "momentum": 0.0, "decay_tables": 0.1, "decay_dense": 0.2, "beta1": 0.9, "beta2": 0.999, "lr": 1e-3,
            "eps": 1e-8, "drop": 0.1, "drop_every": 1, "drop_patience": 1, "alpha": 0.99,
        }  # fmt: skip
        settings = Settings({f"train.{key}": value for key, value in values.items()}, ("train",))
        net = mmoe(3)
        decay = {id(p): g["weight_decay"] for g in optimiser(net, settings).param_groups for p in g["params"]}
        settings.finish()
        for name, parameter in net.named_parameters():
            kind = name.rsplit(".", 1)[-1]
            self.assertEqual(decay.pop(id(parameter)), {"table": 0.1, "weight": 0.2, "bias": 0.0}[kind], name)
        self.assertFalse(decay)

    def test_settings_not_asked_for_are_an_error(self):
        settings = Settings({"train.lr": 1e-3, "train.new": 1, "data.source": "census"}, ("train",))
        settings.take("train.lr")
        with self.assertRaisesRegex(SystemExit, "train.new"):
            settings.finish()


class Fields(unittest.TestCase):
    def test_one_token_a_row_is_an_id(self):
        one = pyarrow.chunked_array([[[3], [1]], [[4]]])
        self.assertEqual(_only_tokens("genre", one).to_pylist(), [3, 1, 4])
        for lists in ([[3], []], [[3], [1, 2]]):
            with self.assertRaisesRegex(SystemExit, "`genre`"):
                _only_tokens("genre", pyarrow.chunked_array([lists]))


    def test_tables_that_no_field_reads_are_not_stacked(self):
        vocabularies = [{"size": 5}, {"size": 1}, {"size": 7}]
        fields = [{"kind": {"Categorical": {"vocabulary": 2}}}, {"kind": "Numeric"}]
        fields += [{"kind": {"Tokens": {"vocabulary": 0}}}, {"kind": {"Categorical": {"vocabulary": 2}}}]
        self.assertEqual(_stacked(vocabularies, fields), ({0: 0, 2: 5}, 12))


class Scores(unittest.TestCase):
    def test_scenes_are_scored_by_their_own_known_rows(self):
        task = Task("click", "binary")
        labels = np.array([[0.0], [1.0], [1.0], [np.nan], [0.0]])
        export = Export([task], 0, {}, [0.5], ["search", "feed", "cart"])
        part = Part(None, None, None, None, labels=labels, scenes=np.array([0, 0, 1, 1, 0]))
        scores = task_scores(export, part, np.array([[0.0], [1.0], [2.0], [3.0], [2.0]]))["click"]
        self.assertEqual(scores["search"]["auc"], 0.5)
        self.assertEqual(scores["all"]["auc"], 0.625)
        self.assertAlmostEqual(scores["feed"]["logloss"], np.log1p(np.exp(-2.0)))
        self.assertIsNone(scores["feed"]["auc"])
        self.assertEqual([scores["cart"][name] for name in ("auc", "logloss", "positives")], [None, None, 0])
        self.assertEqual(skill({"click": scores}), 0.25)


class Verdicts(unittest.TestCase):
    CELL = ("mmoe", "income", "auc", "all")

    def test_the_bound_itself_agrees(self):
        for distance, agrees in [(0.125, True), (0.25, True), (0.375, False)]:
            for sign in (-1, 1):
                row = Row(self.CELL, [0.5 + sign * distance], [0.5])
                self.assertEqual(row.agrees(0.25), agrees, sign * distance)

    def test_sides_must_have_the_same_seeds_and_rows(self):
        def side(seed=1, positives=3):
            return {self.CELL: {seed: {"score": 0.9, "positives": positives, "negatives": 4, "rows": 7}}}

        self.assertEqual(rows(side(), side()), [Row(self.CELL, [0.9], [0.9])])
        with self.assertRaisesRegex(SystemExit, "seeds"):
            rows(side(), side(seed=2))
        with self.assertRaisesRegex(SystemExit, "positives"):
            rows(side(), side(positives=2))
        undefined = {self.CELL: {1: {"score": None, "undefined": "one class", "positives": 3, "negatives": 4, "rows": 7}}}
        self.assertEqual(rows(undefined, undefined), [])
        with self.assertRaisesRegex(SystemExit, "undefined on one side"):
            rows(side(), undefined)
        with self.assertRaisesRegex(SystemExit, "mmtl has no mmoe income auc all"):
            rows(side(), {})


if __name__ == "__main__":
    unittest.main()
