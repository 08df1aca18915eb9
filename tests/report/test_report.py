"""A data card says what is there, in numbers counted another way, whatever names hold."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bs4 import BeautifulSoup
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.dataset.records import read_values, write_values
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.taxonomy import load_taxonomy
from fathomnet_voxel51.tiles import add_tiles
from markdown_it import MarkdownIt

from demo.generate import DemoSet
from demo.synthetic import write_catalog
from tests.support.cards import bars, notes, read_page, rows, section
from tests.support.drawn import SMALL, Drawn

HOSTILE = "<script>alert(1)</script> | `x` *y* [z](http://a) & \n# heading \u202e"


@pytest.fixture(scope="module")
def demo(drawn: Drawn) -> DemoSet:
    return drawn(SMALL)


@pytest.fixture
def dataset(dataset_name: str, demo: DemoSet) -> Any:
    ingest_dataset(
        dataset_name,
        train_annotations=str(demo.train),
        test_annotations=str(demo.test_truth),
        media_root=str(demo.media_root),
    )
    return fo.load_dataset(dataset_name)


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
    assert ["sha256 of its table", taxonomy.sha256] in rows(section(page, "Taxonomy"))
    contents = rows(section(page, "Contents"))
    sizes = [[len(one[part]) for one in catalogs] for part in ("images", "annotations")]
    assert contents[:3] == [
        ["", "train", "test", "all"],
        ["images", *(str(count) for count in [*sizes[0], sum(sizes[0])])],
        ["boxes", *(str(count) for count in [*sizes[1], sum(sizes[1])])],
    ]
    widths = sorted(box["bbox"][2] for catalog in catalogs for box in catalog["annotations"])
    of_width = rows(section(page, "Sizes of boxes"))[1]
    assert [of_width[1], of_width[-1]] == [f"{width:,.0f}" for width in (widths[0], widths[-1])]
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
    dataset.reload()  # the database keeps times to the millisecond
    before = dataset.last_modified_at, dataset.max("last_modified_at")
    first = report_dataset(dataset, tmp_path / "one").files
    again = report_dataset(dataset, tmp_path / "two").files
    report_dataset(dataset, tmp_path / "two")
    for one, other in zip(first, again, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    assert (dataset.last_modified_at, dataset.max("last_modified_at")) == before
    assert len(list((tmp_path / "two").iterdir())) == 2


def test_predictions_and_evaluations_are_named_with_their_origin(
    dataset: Any, demo: DemoSet, tmp_path: Path
) -> None:
    assert "run import\\_predictions" in report_dataset(dataset).markdown
    shutil.copytree(demo.predictions, tmp_path / "run")
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    checkpoint = {"name": "last.ckpt", "sha256": "c0ffee" * 10 + "c0ff"}
    of_a_model = {"model": {"name": "The winner"}, "checkpoint": checkpoint, "code_version": [1]}
    (tmp_path / "run/manifest.json").write_text(json.dumps({**manifest, **of_a_model}))
    import_predictions(dataset, str(tmp_path / "run"))
    scored = evaluate_predictions(dataset)
    page = read_page(report_dataset(dataset, tmp_path / "card").files[1])
    described, hashes = section(page, "Predictions").find_all("table")
    origin = {row[0]: row[1:] for row in rows(described)}
    assert origin == {
        "": ["test"],
        "boxes": [str(scored.boxes)],
        "state": ["complete"],
        "file": ["run"],
        "model": ["The winner"],
        "checkpoint": ["last.ckpt"],
        "decision": ["argmax"],
    }
    record = read_values(dataset, "import_model_predictions_test") or {}
    assert rows(hashes)[1:] == [
        ["test", "file", record["sha256"]],
        ["test", "checkpoint", checkpoint["sha256"]],
    ]
    key, *_, accuracy, distance, since = rows(section(page, "Evaluations"))[1]
    assert since == "nothing changed"
    assert (key, accuracy) == ("eval_model_predictions", f"{scored.accuracy:.3f}")
    assert distance == f"{scored.mean_taxonomic_distance:.3f}"


def test_a_model_that_nobody_names_is_said_not_to_be(dataset: Any, demo: DemoSet) -> None:
    import_predictions(dataset, str(demo.predictions))
    assert "demo: labels with planted mistakes, no model ran" in report_dataset(dataset).markdown
    import_predictions(dataset, str(demo.predictions / "predictions.csv"), field="bare")
    assert "| model | not said |" in report_dataset(dataset).markdown.partition("bare:")[2]


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


def test_licences_are_counted_by_split_with_their_names_and_urls(
    dataset: Any, demo: DemoSet, tmp_path: Path
) -> None:
    part = section(read_page(report_dataset(dataset, tmp_path).files[1]), "Sources and licences")
    (licence,) = json.loads(demo.train.read_text())["licenses"]
    assert rows(part)[-2:] == [
        ["licence", "URL", "images, train", "images, test"],
        [licence["name"], licence["url"], "6", "4"],
    ]
    assert ["contributor", "FathomNet", "FathomNet"] in rows(part)
    for split, file, count in (("train", demo.train, 6), ("test", demo.test_truth, 4)):
        assert [split, file.name, f"all {count}", "complete"] in rows(part)
        assert [split, hashlib.sha256(file.read_bytes()).hexdigest()] in rows(part)
    assert not any("states no licence" in note for note in notes(part))


def test_the_real_test_split_has_one_licence(
    shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    ingest_dataset(dataset_name, test_annotations=str(shared_data / "dataset_test.json"))
    page = read_page(report_dataset(fo.load_dataset(dataset_name), tmp_path).files[1])
    found = rows(section(page, "Sources and licences"))
    assert found[-1] == ["FathomNet", "http://fathomnet.org/fathomnet/#/license", "325"]


@pytest.fixture
def odd(dataset_name: str, demo: DemoSet, tmp_path: Path) -> Any:
    """Six training images with licences that are none, or hostile; four test images without."""
    train, test = (json.loads(path.read_text()) for path in (demo.train, demo.test))
    train["licenses"] = [
        {"id": 1, "name": HOSTILE, "url": "javascript:alert(1)"},
        {"id": 2, "name": "", "url": ""},
    ]
    train["info"] = {HOSTILE: HOSTILE}
    for image, named in zip(train["images"], [1, 1, 1, 2, HOSTILE, None], strict=True):
        image["license"] = named
    del test["licenses"], test["info"]
    for image in test["images"]:
        del image["license"]
    for name, document in (("train", train), ("test", test)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    paths = {f"{name}_annotations": str(tmp_path / f"{name}.json") for name in ("train", "test")}
    ingest_dataset(dataset_name, **paths)
    return fo.load_dataset(dataset_name)


def test_a_file_that_states_no_licence_or_an_unknown_one_is_said_to(
    odd: Any, tmp_path: Path
) -> None:
    result = report_dataset(odd, tmp_path / "card")
    page = read_page(result.files[1])
    part = section(page, "Sources and licences")
    assert [row[2:] for row in rows(part)[-3:]] == [["3", "0"], ["2", "0"], ["1", "4"]]
    assert [row[0] for row in rows(part)[-2:]] == ["named, but not described", "none named"]
    said = notes(part)
    assert any(note.startswith("test: test.json states no licence") for note in said)
    assert any("does not describe, on 2 images: 2, <script>" in note for note in said)
    assert not page.find_all(["script", "a"])
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(result.markdown)
    assert not BeautifulSoup(rendered, "html.parser").find_all(["script", "a", "em", "code", "img"])
    odd.delete_samples(odd.match_tags("test").limit(1))
    assert (
        "all that was ingested, 4 images; the dataset has 3 of this split now"
        in report_dataset(odd).markdown
    )


def test_a_dataset_that_was_ingested_before_licences_were_kept_has_a_card(
    dataset: Any, demo: DemoSet
) -> None:
    for split in ("train", "test"):
        record = read_values(dataset, f"ingest_{split}") or {}
        without = {k: record[k] for k in record if k not in ("licences", "plugin_version")}
        write_values(dataset, f"ingest_{split}", "ingest_dataset", without)
    text = report_dataset(dataset).markdown
    assert text.count("was not kept when it was ingested. Run ingest\\_dataset again") == 2
    assert "Licence: unknown" in text
    ingest_dataset(dataset.name, train_annotations=str(demo.train), media_root=str(demo.media_root))
    text = report_dataset(dataset).markdown
    assert text.count("was not kept") == 1
    assert "| licence | URL | images, train |" in text


def test_a_licence_that_a_person_names_stands_beside_those_of_the_files(dataset: Any) -> None:
    dataset.info["license"] = "CC BY-NC-ND 4.0"
    dataset.save()
    text = report_dataset(dataset).markdown
    assert "its licence is: CC BY-NC-ND 4.0" in text and "| FathomNet |" in text


def test_media_that_are_missing_are_counted_and_explained(dataset: Any, tmp_path: Path) -> None:
    dataset.limit(3).set_values("media_status", ["missing", "missing", "rejected"])
    part = section(read_page(report_dataset(dataset, tmp_path).files[1]), "Media")
    counts = {row[0]: row[1] for row in rows(part)[1:]}
    assert counts == {"missing": "2", "rejected": "1", "ok": "7"}
    assert all(meaning for _, _, meaning in rows(part))
    assert any("media_status" in note for note in notes(part))


def test_dives_on_both_sides_are_named(dataset: Any) -> None:
    dataset.untag_samples("test")
    assert "No dive is on two of train, val and test" in report_dataset(dataset).markdown
    for number, tag in enumerate(("train", "val")):
        sample = dataset.skip(number).first()
        sample.tags, sample["vehicle"], sample["dive"] = [tag], "Ventana", "12345"
        sample.save()
    text = report_dataset(dataset).markdown
    assert "| train and val | 1 | 2 | not searched |" in text
    assert "Dives on both of train and val: Ventana 12345." in text


def test_tiles_are_no_predictions(dataset: Any) -> None:
    add_tiles(dataset)
    dataset.add_sample_field("drawn", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    text = report_dataset(dataset).markdown.partition("## Predictions")[2]
    assert "tiles" not in text
    assert "drawn: 0 boxes, not imported, so that their origin is unknown." in text


def test_images_that_are_not_there_are_said(dataset_name: str, tmp_path: Path) -> None:
    ingest_dataset(dataset_name, train_annotations=write_catalog(tmp_path / "c.json", 10, 30))
    dataset = fo.load_dataset(dataset_name)
    concepts = len(dataset.distinct("ground_truth.detections.label"))
    text = Path(report_dataset(dataset, tmp_path).files[1]).read_text(encoding="utf-8")
    assert f"No image of {concepts} concepts is at hand" in text


@pytest.mark.fault(
    operator="report_dataset",
    happens="an image is damaged",
    end="the card is written and says which picture it cannot show",
)
def test_a_damaged_image_and_a_dataset_of_somebody_else(dataset_name: str, tmp_path: Path) -> None:
    dataset = fo.Dataset(dataset_name)
    assert "| images | 0 |" in report_dataset(dataset, tmp_path / "card").markdown
    (tmp_path / "a.png").write_text("no picture")
    box = fo.Detection(label="Beroe", bounding_box=[0, 0, 0.5, 0.5])
    detections = fo.Detections(detections=[box])
    dataset.add_sample(fo.Sample(filepath=str(tmp_path / "a.png"), ground_truth=detections))
    text = report_dataset(dataset, tmp_path / "card").markdown
    assert "1 example cannot be shown: not an image" in text
    assert "not made by ingest\\_dataset" in text


def test_a_path_that_is_no_folder_is_refused_before_anything_is_read(
    dataset: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "card.pdf", "s3://bucket/card"):
        with pytest.raises(InputError, match="path"):
            report_dataset(dataset, path)
    with pytest.raises(DatasetError, match="cannot be written"):
        report_dataset(dataset, tmp_path / "file" / "card.md")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"
    assert report_dataset(dataset).files == ()


@pytest.mark.parametrize(
    ("true", "said"),
    [
        (["ROV basket"], "not applicable (1 true name is not on the tree)"),
        (["ROV basket", "Elpidia"], "2.000 (1 true name is not on the tree)"),
    ],
)
def test_a_distance_from_names_that_are_not_on_the_tree_is_not_told(
    dataset_name: str, tmp_path: Path, true: list[str], said: str
) -> None:
    dataset = fo.Dataset(dataset_name)
    for number, name in enumerate(true):
        predicted = "Peniagone" if name == "Elpidia" else name
        truth, guess = (
            fo.Detections(detections=[fo.Detection(label=one, bounding_box=[0, 0, 0.5, 0.5])])
            for one in (name, predicted)
        )
        dataset.add_sample(fo.Sample(f"/{number}.png", ground_truth=truth, model_predictions=guess))
    evaluate_predictions(dataset)
    page = read_page(report_dataset(dataset, tmp_path / "card").files[1])
    assert rows(section(page, "Evaluations"))[1][-2] == said
