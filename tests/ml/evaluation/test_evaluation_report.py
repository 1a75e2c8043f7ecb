import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from evaluation_samples import DETECTORS, sample_capture

from ml.evaluation.captures import Family, families_by_split
from ml.evaluation.comparison import compare
from ml.evaluation.leakage import CaptureLeakage, Leakage, Overlap
from ml.evaluation.report import EnrolledCar, write_report
from ml.evaluation.report.wording import seconds
from ml.evaluation.tables import best_marked, grade, number

HOSTILE = 'set/<script>alert("x")</script>&.csv'
VOID = {"meta", "img", "link", "br"}


class Page(HTMLParser):
    """The page's pictures, links, table rows, ids, and the tags left open."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.ids: list[str] = []
        self.named_by: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        values = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(values)
        if tag == "tr":
            self.rows.append([])
        self.links += [values[key] for key in ("src", "href") if key in values]
        self.ids += [values["id"]] if "id" in values else []
        self.named_by += [values["aria-labelledby"]] if "aria-labelledby" in values else []

    def handle_data(self, data):
        if "tr" in self.open and data.strip():
            self.rows[-1].append(data.strip())

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def captures():
    return [
        *(sample_capture(seed=s, fused_quality=0.8, vehicle=f"car {s % 3}") for s in range(7)),
        sample_capture(seed=8, split="test_02_suppress", attack="suppress", attacked=False),
        sample_capture(seed=9, path=HOSTILE, attack=None, attacked=False, masked=40, shared=60),
    ]


def write(folder: Path, families) -> Path:
    write_report(
        folder,
        title="Fusion of <simulated>",
        facts={"Release": "abc123", "Dataset": "simulated & more"},
        families=families,
        policy=np.linspace(0, 1, 100).reshape(10, 10),
        importance={"gat_prob": 0.4, "novel_share": 0.1},
        importance_note="Mean absolute Shapley value.",
        enrolled=[EnrolledCar("kia", 29.6, 44, ["hcrl_sa/train_01/a.csv"], "too short")],
        leakage=Leakage(
            [("set_02/a.csv", "set_01/b.csv")],
            [
                CaptureLeakage("x.csv", 3, trained_on=False, overlap=Overlap(0.0, None, 0.0)),
                CaptureLeakage("x.csv", 3, trained_on=False, overlap=Overlap(0.5, "y.csv", 0.4)),
                CaptureLeakage("z.csv", 0, trained_on=True, overlap=Overlap(None, None, 0.0)),
            ],
        ),
    )
    return folder / "index.html"


@pytest.fixture(scope="module")
def index(tmp_path_factory, captures):
    families = [*families_by_split(captures[7:8]), Family("Leave out: vehicle", "How?", captures)]
    return write(tmp_path_factory.mktemp("report"), families)


def test_the_page_begins_with_the_verdict(index):
    text = index.read_text(encoding="utf-8")
    assert "The learnt fusion beats every rival in macro MCC" in text
    assert text.index("The learnt fusion") < text.index("<table")


def test_the_page_is_well_formed_and_every_region_has_a_name(index):
    page = Page(index)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.named_by) <= set(page.ids)


def test_captures_without_an_attack_window_have_na_for_all_but_the_false_positive_rate(index):
    rows = [row for row in Page(index).rows if row[:2] == ["suppress-kia-8", "suppress"]]
    mcc, f1, fpr, ap, auroc = rows[:5]
    assert {tuple(row[2:]) for row in (mcc, f1, ap, auroc)} == {("n/a",) * len(DETECTORS)}
    assert "n/a" not in fpr


def test_names_are_escaped(index):
    text = index.read_text(encoding="utf-8")
    assert "script" not in Page(index).tags
    assert "Fusion of &lt;simulated&gt;" in text


def test_every_picture_is_described_and_in_the_page_itself(index):
    page = Page(index)
    assert all(len(image["alt"]) > 20 for image in page.images)
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.images)
    described = " ".join(image["alt"] for image in page.images)
    for shown in ("MCC of every", "ROC", "Heat map", "Histogram", "importance", "over time"):
        assert shown in described


def test_the_page_needs_nothing_but_the_figures_beside_it(index):
    links = [link for link in Page(index).links if not link.startswith(("data:", "#"))]
    assert links == ["comparison.json"]
    assert sorted(path.name for path in index.parent.iterdir()) == ["comparison.json", "index.html"]


def test_the_figures_beside_it_are_those_of_the_comparison(index, captures):
    found = json.loads((index.parent / "comparison.json").read_text())
    family = found["families"][-1]
    assert {k: family[k] for k in compare(captures)} == compare(captures)
    assert found["verdict"]["wins"] is True
    assert found["facts"]["Release"] == "abc123"
    assert found["leakage"]["repeats"] == [["set_02/a.csv", "set_01/b.csv"]]


def test_how_cars_were_enrolled_and_what_is_doubtful_is_told(index):
    rows = Page(index).rows
    assert ["kia", "29.6 s", "44", "hcrl_sa/train_01/a.csv", "too short"] in rows
    assert ["x.csv", "no", "3", "50.0 %", "y.csv"] in rows
    assert ["z.csv", "yes", "0", "n/a"] in rows


def test_figures_without_shared_windows_stand_beside(index):
    assert "Without windows whose traffic is in the training captures" in index.read_text()


def test_the_same_report_is_written_twice_byte_for_byte(captures, tmp_path):
    families = families_by_split(captures[:1])
    first, second = (write(tmp_path / name, families) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_curves_are_drawn_only_where_one_model_scored_all(tmp_path):
    first = sample_capture(seed=1)
    other = replace(sample_capture(seed=2), thresholds=dict.fromkeys(DETECTORS, 0.4))
    page = Page(write(tmp_path, [Family("Folds", "How?", [first, other])]))
    assert not any("ROC" in image["alt"] for image in page.images)
    measured_on = [row[0] for row in page.rows if row[0].startswith("kia (")]
    assert measured_on == ["kia (1 capture)", "kia (1 capture)"]


@pytest.mark.parametrize("families", [[], [Family("Empty", "Nothing?", [])]])
def test_a_report_on_no_captures_says_that_there_is_nothing_to_judge(tmp_path, families):
    text = write(tmp_path, families).read_text(encoding="utf-8")
    assert "nothing to judge" in text


def test_all_that_tie_for_the_best_are_marked_and_none_where_all_are_equal():
    assert [c.best for c in best_marked([0.9, 0.90001, None, 0.1])] == [True, True, False, False]
    assert [c.best for c in best_marked([0.3, 0.1], lowest=True)] == [False, True]
    assert [c.best for c in best_marked([0.5, 0.5])] == [False, False]


def test_a_value_is_graded_from_good_to_bad():
    assert [grade(v) for v in (1.0, 0.96, 0.8, 0.5, -0.1, None)] == [0, 1, 2, 3, 4, None]
    assert [grade(v, lowest=True) for v in (0.0, 0.004, 0.01, 0.05, 1.0)] == [0, 1, 2, 3, 4]


def test_numbers_and_durations_read_well():
    assert [number(v) for v in (None, -0.00001, 0.5)] == ["n/a", "0.0000", "0.5000"]
    told = [seconds(v) for v in (None, 0.0471, 2.34, 300)]
    assert told == ["n/a", "47 ms", "2.3 s", "5.0 min"]
