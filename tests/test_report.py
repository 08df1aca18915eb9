"""A data card says what is there, in numbers counted another way, whatever names hold."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bs4 import BeautifulSoup
from fathomnet_voxel51.dataset.collection import PUBLIC_API
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.prediction_import import import_predictions
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.samples import ingest_dataset
from fathomnet_voxel51.taxonomy import load_taxonomy
from markdown_it import MarkdownIt

from demo.generate import DemoSet, Settings, make
from demo.synthetic import write_catalog

HOSTILE = "<script>alert(1)</script> | `x` *y* [z](http://a) & \n# heading \u202e"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoSet:
    return make(tmp_path_factory.mktemp("demo"), Settings(train=6, test=4), workers=2)


@pytest.fixture
def dataset(dataset_name: str, demo: DemoSet) -> Any:
    ingest_dataset(
        dataset_name,
        train_annotations=str(demo.train),
        test_annotations=str(demo.test_truth),
        media_root=str(demo.media_root),
    )
    return fo.load_dataset(dataset_name)


def read_page(path: str) -> BeautifulSoup:
    return BeautifulSoup(Path(path).read_text(encoding="utf-8"), "html.parser")


def section(page: BeautifulSoup, heading: str) -> BeautifulSoup:
    """What stands between a heading and the next one."""
    inside = []
    for one in page.find("h2", string=heading).next_siblings:
        if one.name == "h2":
            break
        inside.append(str(one))
    return BeautifulSoup("".join(inside), "html.parser")


def bars(part: BeautifulSoup) -> dict[str, int]:
    titles = [one.text.rsplit(": ", 1) for one in part.find_all("title")]
    return {name: int(count.replace(",", "")) for name, count in titles}


def rows(part: BeautifulSoup) -> list[list[str]]:
    return [[cell.text for cell in row.find_all(["td", "th"])] for row in part.find_all("tr")]


@pytest.mark.parametrize("public", ["0", "1"])
def test_its_numbers_are_those_of_the_catalogs(
    dataset: Any, demo: DemoSet, tmp_path: Path, public: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PUBLIC_API, public)
    result = report_dataset(dataset, tmp_path / "card")
    assert result.files == tuple(
        str(tmp_path / "card" / f"data-card{ending}") for ending in (".md", ".html")
    )
    assert Path(result.files[0]).read_text(encoding="utf-8") == result.markdown
    catalogs = [json.loads(path.read_text()) for path in (demo.train, demo.test_truth)]
    concepts: Counter[str] = Counter()
    for catalog in catalogs:
        names = {one["id"]: one["name"] for one in catalog["categories"]}
        concepts.update(names[box["category_id"]] for box in catalog["annotations"])
    images = [image for catalog in catalogs for image in catalog["images"]]
    page = read_page(result.files[1])
    assert bars(section(page, "Boxes by concept")) == concepts
    vehicles = Counter(re.search(r"framegrabs/([^/]+)/", one["coco_url"])[1] for one in images)
    shown = bars(section(page, "Images by vehicle"))
    assert shown == {name.replace("%20", " "): count for name, count in vehicles.items()}
    assert sum(bars(section(page, "Sizes of boxes")).values()) == concepts.total()
    years = Counter(one["date_captured"][:4] for one in images if one["date_captured"])
    found = bars(section(page, "Images by year"))
    assert all(found[year] >= count for year, count in years.items())
    taxonomy = load_taxonomy()
    at_species = sum(n for name, n in concepts.items() if taxonomy.rollup(name, "species"))
    assert ["species", str(at_species), str(at_species)] in [
        row[:3] for row in rows(section(page, "Boxes by rank"))
    ]
    assert taxonomy.sha256 in result.markdown
    assert "run find\\_label\\_errors" in result.markdown


def test_each_concept_has_examples_and_the_page_asks_for_nothing_else(
    dataset: Any, tmp_path: Path
) -> None:
    page = read_page(report_dataset(dataset, tmp_path / "a.html").files[1])
    captions = {one.text for one in page.find_all("figcaption")}
    assert captions == set(dataset.distinct("ground_truth.detections.label"))
    addresses = [one.get("src") or one.get("href") for one in page.find_all(["img", "a", "link"])]
    assert addresses and all(one.startswith("data:image/jpeg;base64,") for one in addresses)
    assert not page.find_all(["script", "iframe", "link"])


def test_the_same_dataset_gives_the_same_bytes_and_stays_as_it_is(
    dataset: Any, tmp_path: Path
) -> None:
    before = dataset.last_modified_at, dataset.max("last_modified_at")
    first = report_dataset(dataset, tmp_path / "one").files
    again = report_dataset(dataset, tmp_path / "two").files
    report_dataset(dataset, tmp_path / "two")
    for one, other in zip(first, again, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    assert (dataset.last_modified_at, dataset.max("last_modified_at")) == before
    assert len(list((tmp_path / "two").iterdir())) == 2


def test_predictions_and_evaluations_are_named_with_their_origin(
    dataset: Any, demo: DemoSet
) -> None:
    assert "run import\\_predictions" in report_dataset(dataset).markdown
    import_predictions(dataset, str(demo.predictions))
    scored = evaluate_predictions(dataset)
    text = report_dataset(dataset).markdown
    assert "demo: labels with planted mistakes, no model ran" in text
    key = "eval\\_model\\_predictions"
    line = next(line for line in text.splitlines() if line.startswith(f"| {key}"))
    assert line.split(" | ")[3:5] == [str(scored.boxes), f"{scored.accuracy:.3f}"]


def test_names_of_any_signs_stay_text(dataset: Any, tmp_path: Path) -> None:
    first = dataset.first()
    first.ground_truth.detections[0].label = HOSTILE
    first["vehicle"] = HOSTILE
    first.tags.append(HOSTILE)
    first.save()
    dataset.info["license"] = HOSTILE
    dataset.save()
    result = report_dataset(dataset, tmp_path)
    page = read_page(result.files[1])
    assert not page.find_all("script") and not page.find_all("a")
    plain = "<script>alert(1)</script> | `x` *y* [z](http://a) &  # heading  "
    assert any(plain.strip() in name for name in bars(section(page, "Boxes by concept")))
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(result.markdown)
    shown = BeautifulSoup(rendered, "html.parser")
    assert not shown.find_all(["script", "a", "em", "code", "img"])
    cells = [cell.text for cell in shown.find_all("td")]
    assert cells.count(plain.strip()) >= 2, "whole, in one cell"


def test_images_that_are_not_there_are_said(dataset_name: str, tmp_path: Path) -> None:
    ingest_dataset(dataset_name, train_annotations=write_catalog(tmp_path / "c.json", 10, 30))
    dataset = fo.load_dataset(dataset_name)
    concepts = len(dataset.distinct("ground_truth.detections.label"))
    text = Path(report_dataset(dataset, tmp_path).files[1]).read_text(encoding="utf-8")
    assert f"No image of {concepts} concepts is at hand" in text


def test_a_damaged_image_and_a_dataset_of_somebody_else(dataset_name: str, tmp_path: Path) -> None:
    dataset = fo.Dataset(dataset_name)
    assert "| images | 0 |" in report_dataset(dataset, tmp_path / "card").markdown
    (tmp_path / "a.png").write_text("no picture")
    box = fo.Detection(label="Beroe", bounding_box=[0, 0, 0.5, 0.5])
    detections = fo.Detections(detections=[box])
    dataset.add_sample(fo.Sample(filepath=str(tmp_path / "a.png"), ground_truth=detections))
    text = report_dataset(dataset, tmp_path / "card").markdown
    assert "1 examples cannot be shown: not an image" in text
    assert "not made by ingest\\_dataset" in text


def test_a_path_that_is_no_folder_is_refused_before_anything_is_read(
    dataset: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "card.pdf", "gs://bucket/card"):
        with pytest.raises(InputError, match="path"):
            report_dataset(dataset, path)
    with pytest.raises(DatasetError, match="cannot be written"):
        report_dataset(dataset, tmp_path / "file" / "card.md")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"
    assert report_dataset(dataset).files == ()
