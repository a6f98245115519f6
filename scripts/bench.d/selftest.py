"""The tests of this script: what is pure, and one short round of everything that runs.

Relies on unittest. The floor and oneloop are built as the tests build them, unoptimised, so no
figure of it means anything; it shows that each part still does its work.
"""

import tempfile
import unittest
from pathlib import Path
from xml.dom import minidom

import figures
import growth
import load
import measuring
import pictures
from peers import PEERS, chosen
from running import check_answers, started
from trouble import Trouble
from workloads import PAGE_SIZES, WORKLOADS


def one(workload, peer, cpu_us):
    return {"workload": workload, "peer": peer, "cpu_us": cpu_us, "rate": 1e6 / cpu_us, "busy": 0.5}


ROUNDS = [
    one("f1k", peer, cpu_us)
    for costs in ((8, 9, 6, 16), (4, 9, 4, 8), (5, 9, 5, 10.5))
    for peer, cpu_us in zip(("floor", "floor-sendfile", "oneloop-files", "nginx"), costs)
]


class Pure(unittest.TestCase):
    def test_ratios_are_those_of_the_same_round_to_the_cheaper_floor(self):
        own = figures.summarised(ROUNDS)["f1k"]
        # Of 6/8, 4/4 and 5/5, and of 16/8, 8/4 and 10.5/5.
        self.assertEqual(own["oneloop-files"]["to_floor"], {"median": 1, "least": 0.75, "most": 1})
        self.assertEqual(own["nginx"]["to_floor"], {"median": 2, "least": 2, "most": 2.1})
        self.assertEqual(own["nginx"]["to_nginx"], {"median": 1, "least": 1, "most": 1})
        self.assertEqual(own["oneloop-files"]["cpu_us"], {"median": 5, "least": 4, "most": 6})

    def test_a_table_has_the_cheapest_first_and_every_column_aligned(self):
        _, title, head, *rows = figures.table("f1k", figures.summarised(ROUNDS)["f1k"])
        self.assertEqual(title, "f1k: a file of 1 KiB")
        names = [row.split()[0] for row in rows]
        self.assertEqual(names[2:], ["floor-sendfile", "nginx"])
        self.assertEqual({len(head)}, {len(row) for row in rows})
        self.assertIn("2.00 to 2.10", rows[3])

    def test_the_overview_has_a_line_for_each_workload_and_a_column_for_each_server(self):
        rounds = [one("hello", "floor", 2.0), one("hello", "nginx", 3.0), *ROUNDS]
        lines = figures.overview(figures.summarised(rounds))
        self.assertEqual(lines[0].split(), ["x", "floor", "nginx", "oneloop-files"])
        self.assertEqual(lines[1].split(), ["hello", "1.50", "-"])
        self.assertEqual(lines[2].split(), ["f1k", "2.00", "1.00"])

    def test_without_a_floor_there_is_no_ratio_to_it(self):
        own = figures.summarised([one("hello", "nginx", 4.0)])["hello"]
        self.assertNotIn("to_floor", own["nginx"])
        self.assertIn(" - ", figures.table("hello", own)[3])

    def test_the_picture_of_ratios_is_xml_that_asks_nobody(self):
        svg = pictures.ratios(figures.summarised(ROUNDS), ["made by <this> & that"])
        self.check_picture(svg, ["oneloop-files", "nginx", "2.00", "made by <this> & that"])

    def test_the_picture_of_growth_is_xml_that_asks_nobody(self):
        rounds = [
            {"peer": peer, "connections": count, "active": 5.0, "beside_idle": 6, "bytes": memory}
            for peer in growth.PEERS
            for count, memory in ((1, None), (1000, 119), (10000, 120.5))
        ]
        own = growth.summarised(rounds)
        self.assertEqual(own["bytes"]["nginx"][1000], {"median": 119, "least": 119, "most": 119})
        self.assertNotIn(1, own["bytes"]["nginx"])
        self.check_picture(pictures.growth(own, growth.COUNTS, []), ["oneloop-files", "10k"])

    def check_picture(self, svg, texts):
        page = minidom.parseString(svg)
        self.assertEqual(page.documentElement.getAttribute("width"), "720")
        found = [text.firstChild.data for text in page.getElementsByTagName("text")]
        for text in texts:
            self.assertIn(text, found)
        for shape in page.getElementsByTagName("rect") + page.getElementsByTagName("line"):
            for name in ("x", "x1", "x2"):
                self.assertTrue(0 <= float(shape.getAttribute(name) or 0) <= 720, shape.toxml())
        self.assertIn("prefers-color-scheme: dark", svg)
        self.assertNotRegex(svg.replace("http://www.w3.org/2000/svg", ""), r"http|url\(|@import")

    def test_a_step_of_an_axis_is_1_2_or_5(self):
        for least, step in ((0.03, 0.05), (1, 1), (1.1, 2), (4, 5), (60, 100), (0, 1)):
            self.assertAlmostEqual(pictures.nice_step(least), step)

    def test_what_wrk_says_is_held_against_what_it_must_have_got(self):
        good = "summary 100 10000 2000000 0 0 0 0 0 5 9 11"
        self.assertEqual(load.summary(good, "", 13, 64), load.Run(100, 2.0, 5, 9, 11))
        for said, why in (
            ("", "no summary"),
            (good.replace("100 10000", "0 0"), "not one answer"),
            (good.replace("2000000 0 0 0 0", "2000000 0 0 0 7"), "7 status errors"),
            (good.replace("10000", "1000"), "no 100 answers of 13"),
            (good.replace("10000", "1000000"), "no 100 answers of 13"),
        ):
            with self.assertRaisesRegex(Trouble, why):
                load.summary(said, "", 13, 64)

    def test_a_page_is_of_twenty_files_from_3_to_300_kilobytes(self):
        self.assertEqual((len(PAGE_SIZES), PAGE_SIZES[0], PAGE_SIZES[-1]), (20, 3000, 300_000))
        self.assertEqual(len(set(WORKLOADS["page"].paths)), 20)

    def test_who_is_not_known_is_told(self):
        with self.assertRaisesRegex(Trouble, "there is no peer apache"):
            chosen(["nginx", "apache"], WORKLOADS.values())
        with self.assertRaisesRegex(Trouble, r"nobody to measure: oneloop-respond .it cannot do"):
            chosen(["oneloop-respond"], [WORKLOADS["f1k"]])


class Running(unittest.TestCase):
    place = None  # set by `main`

    def test_a_round_of_hello(self):
        peers = [PEERS["floor"], PEERS["oneloop-files"]]
        found = measuring.measured(WORKLOADS["hello"], peers, self.place, 1, 1)
        self.assertEqual([one["peer"] for one in found], ["floor", "oneloop-files"])
        for one in found:
            self.assertGreater(one["cpu_us"], 0.5)
            self.assertGreater(one["rate"], 100)

    def test_everybody_here_answers_everything_rightly(self):
        peers = [peer for peer in PEERS.values() if not peer.package]
        measuring.check(WORKLOADS.values(), peers, self.place)

    def test_a_wrong_answer_is_told(self):
        page, hello = WORKLOADS["page"], WORKLOADS["hello"]
        with started(PEERS["oneloop-respond"], hello, self.place) as server:
            with self.assertRaisesRegex(Trouble, "with 200 and 13 bytes; expected 200 and"):
                check_answers(server, PEERS["oneloop-respond"], page, self.place.folder)

    def test_growth_at_ten_connections(self):
        growth.WARM_UP = 0.1
        found = growth.once(PEERS["oneloop-files"], 10, self.place, 0.2)
        self.assertGreater(found["active"], 0.5)
        self.assertGreater(found["beside_idle"], 0.5)
        self.assertGreater(found["empty_bytes"], 10_000)


def main(built, place_in):
    programs = built("dev")
    with tempfile.TemporaryDirectory() as scratch:
        Running.place = place_in(Path(scratch), programs)
        tests = unittest.defaultTestLoader.loadTestsFromTestCase
        suite = unittest.TestSuite([tests(Pure), tests(Running)])
        return 0 if unittest.TextTestRunner().run(suite).wasSuccessful() else 1
