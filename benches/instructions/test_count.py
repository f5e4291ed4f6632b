"""python3 -m unittest discover benches/instructions"""

import unittest

from count import CannotCount, collected, run, verdict


def made(counts, rustc="1"):
    return {"made_with": {"rustc": rustc, "libc": "2"}, "counts": counts}


class Verdict(unittest.TestCase):
    def test_a_rise_fails_above_three_percent_only(self):
        recorded = made({"mmoe": 10_000})
        for now in (9_700, 10_000, 10_299, 10_300):
            failures, remarks = verdict(made({"mmoe": now}), recorded)
            self.assertEqual((failures, len(remarks)), ([], 1), now)
        failures, remarks = verdict(made({"mmoe": 10_301}), recorded)
        self.assertEqual((len(failures), remarks), (1, []))
        self.assertTrue(failures[0].startswith("mmoe: a step takes 10,301 instructions, 3.01% more than the 10,000"))

    def test_a_fall_passes_and_asks_to_be_recorded(self):
        failures, remarks = verdict(made({"mmoe": 9_699}), made({"mmoe": 10_000}))
        self.assertEqual(failures, [])
        self.assertIn("3.01% fewer", remarks[0])
        self.assertIn("--record", remarks[0])

    def test_one_rise_among_others_fails_and_is_the_one_named(self):
        failures, remarks = verdict(made({"mmoe": 5, "star": 200, "wide": 7}), made({"mmoe": 5, "star": 100, "wide": 7}))
        self.assertEqual((len(failures), len(remarks)), (1, 2))
        self.assertTrue(failures[0].startswith("star: "))

    def test_cases_must_be_the_recorded_ones(self):
        failures, _ = verdict(made({"mmoe": 5, "new": 5}), made({"mmoe": 5, "old": 5}))
        self.assertEqual([failure.split(":")[0] for failure in failures], ["new", "old"])

    def test_another_compiler_is_named(self):
        failures, _ = verdict(made({"mmoe": 20}, rustc="3"), made({"mmoe": 10}, rustc="1"))
        self.assertIn("recorded with rustc 1, libc 2, counted with rustc 3)", failures[0])


class Counting(unittest.TestCase):
    def test_the_count_is_read(self):
        self.assertEqual(collected("==7== Events    : Ir\n==7== Collected : 15780737\n"), 15_780_737)

    def test_no_count_is_no_zero(self):
        for said in ("==7== Collected : 0\n", "==7== Events    : Ir\n", ""):
            self.assertRaises(CannotCount, collected, said)

    def test_a_failing_or_missing_program_is_named(self):
        self.assertRaisesRegex(CannotCount, "false failed: no message", run, ["false"])
        self.assertRaisesRegex(CannotCount, "no-such-program is not there", run, ["no-such-program"])


if __name__ == "__main__":
    unittest.main()
