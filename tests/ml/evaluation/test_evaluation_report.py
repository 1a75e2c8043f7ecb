import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from evaluation_samples import DETECTORS, THRESHOLDS, sample_capture

from ml.evaluation.comparison import compare
from ml.evaluation.report import write_report
from ml.evaluation.tables import best_marked

HOSTILE = 'set/<script>alert("x")</script>&.csv'
PNG = b"\x89PNG\r\n\x1a\n"


class Page(HTMLParser):
    """The page's images and table rows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.in_row = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "img":
            self.images.append(values)
        if tag == "tr":
            self.rows.append([])
            self.in_row = True
        self.links += [values[key] for key in ("src", "href") if key in values]

    def handle_data(self, data):
        if self.in_row and data.strip():
            self.rows[-1].append(data.strip())

    def handle_endtag(self, tag):
        self.in_row &= tag != "tr"


@pytest.fixture(scope="module")
def captures():
    return [
        sample_capture(seed=1, fused_quality=0.6),
        sample_capture(seed=2, fused_quality=0.6),
        sample_capture(seed=3, split="test_02_suppress", attack="suppress", attacked=False),
        sample_capture(seed=4, path=HOSTILE, attack=None, attacked=False),
    ]


def write(folder: Path, captures) -> Path:
    return write_report(
        folder,
        title="Fusion of <simulated>",
        comparison=compare(captures, THRESHOLDS),
        captures=captures,
        thresholds=THRESHOLDS,
        policy=np.linspace(0, 1, 100).reshape(10, 10),
        alphas=np.full(sum(len(c.labels) for c in captures), 0.45),
        facts={"Release": "abc123", "Dataset": "simulated & more"},
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory, captures):
    return write(tmp_path_factory.mktemp("report"), captures)


def test_the_page_begins_with_the_verdict(index):
    text = index.read_text(encoding="utf-8")
    assert "The learnt fusion beats its best rival" in text
    assert text.index("The learnt fusion") < text.index("<table")


def test_captures_without_an_attack_window_have_na_for_all_but_the_false_positive_rate(index):
    f1, fpr = (row for row in Page(index).rows if row[0].startswith("suppress-kia"))
    assert f1[-6:] == ["n/a"] * 6
    assert "n/a" not in fpr


def test_names_are_escaped(index):
    text = index.read_text(encoding="utf-8")
    assert "script" not in Page(index).tags
    assert "&lt;script&gt;" in text
    assert "Fusion of &lt;simulated&gt;" in text


def test_every_picture_is_there_described_and_loaded_lazily(index):
    images = Page(index).images
    assert {image["loading"] for image in images} == {"lazy"}
    assert all(len(image["alt"]) > 20 for image in images)
    assert all((index.parent / image["src"]).read_bytes().startswith(PNG) for image in images)


def test_the_page_shows_the_policy_the_alphas_the_curves_and_a_timeline_per_capture(index):
    names = [image["src"] for image in Page(index).images]
    assert names == [
        "curves-01.png",
        "policy.png",
        "alphas.png",
        *(f"timeline-{n:02}.png" for n in (1, 2, 3, 4)),
    ]


def test_nothing_is_loaded_from_elsewhere(index):
    links = Page(index).links
    assert all("//" not in link for link in links)
    assert all((index.parent / link).exists() for link in links)


def test_the_comparison_beside_it_has_the_promised_schema(index, captures):
    found = json.loads((index.parent / "comparison.json").read_text())
    assert found == compare(captures, THRESHOLDS)
    assert list(found) == ["captures", "splits"]
    assert [row["path"] for row in found["captures"]] == [c.path for c in captures]
    assert all(list(row["detectors"]) == DETECTORS for row in found["captures"])
    assert found["captures"][2]["detectors"]["fused"]["f1"] is None


def test_the_same_report_is_written_twice_byte_for_byte(index, captures, tmp_path):
    again = write(tmp_path, captures).parent
    names = sorted(path.name for path in index.parent.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    assert all((again / n).read_bytes() == (index.parent / n).read_bytes() for n in names)


def test_alphas_may_come_in_named_groups(tmp_path, captures):
    page = write_report(
        tmp_path,
        title="Groups",
        comparison=compare(captures[:1], THRESHOLDS),
        captures=captures[:1],
        thresholds=THRESHOLDS,
        policy=np.full((10, 10), 0.5),
        alphas={"kia": np.array([0.1, 0.2]), "sonata": np.array([0.9])},
        facts={},
    )
    described = next(i["alt"] for i in Page(page).images if i["src"] == "alphas.png")
    assert "kia: mean 0.15; sonata: mean 0.90" in described


def test_a_report_on_no_captures_says_that_there_is_nothing_to_judge(tmp_path):
    text = write(tmp_path, []).read_text(encoding="utf-8")
    assert "No split has both attacks and a fused score to judge." in text


def test_all_that_tie_for_the_best_are_marked_and_none_where_all_are_equal():
    assert [c.best for c in best_marked([0.9, 0.90001, None, 0.1])] == [True, True, False, False]
    assert [c.best for c in best_marked([0.3, 0.1], lowest=True)] == [False, True]
    assert [c.best for c in best_marked([0.5, 0.5])] == [False, False]
