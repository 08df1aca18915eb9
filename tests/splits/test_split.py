"""Dives stay together, concepts get their share, and what leaks is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_crops
from fathomnet_voxel51.names import DUPLICATE_GROUP
from fathomnet_voxel51.relabelling import set_label_map
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.splits import split_by_dive
from fathomnet_voxel51.splits.leaks import Leak, find_leaks
from fiftyone import ViewField as F

from tests.support.stored import documents

CONCEPTS = ("Beroe", "Aegina", "Scotoplanes globosa", "Sebastes")
STILLS = "https://a.org/framegrabs/Ventana/stills/2000/123"


@pytest.fixture(params=["collection", "public"], autouse=True)
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "public":
        monkeypatch.setenv(PUBLIC_API, "1")


@pytest.fixture
def dataset(dataset_name: str) -> Iterator[Any]:
    yield make_dataset(dataset_name)


def make_dataset(name: str) -> Any:
    """60 dives of 1 to 6 training images, 3 test images of the first, and two tags besides."""
    random = Random(7)
    dataset = fo.Dataset(name)
    for field in ("vehicle", "dive", "source_url", "split"):
        dataset.add_sample_field(field, fo.StringField)
    dives = [(str(number), 1 + number % 6, ["train"]) for number in range(60)]
    for dive, images, tags in [*dives, ("0", 3, ["test"])]:
        concepts = random.sample(CONCEPTS, 2)
        for image in range(images):
            dataset.add_sample(
                fo.Sample(
                    filepath=f"/nowhere/{dive}-{image}-{tags[0]}.png",
                    tags=["seen", *tags] if image == 0 else tags,
                    split=tags[0],
                    vehicle="Ventana",
                    dive=dive,
                    ground_truth=fo.Detections(
                        detections=[
                            fo.Detection(label=concept, bounding_box=[0, 0, 0.5, 0.5])
                            for concept in concepts
                        ]
                    ),
                )
            )
    return dataset


def sides_of(dataset: Any) -> dict[str, set[str]]:
    """Tags of the sides by dive, test images left out."""
    columns = dataset.match_tags("test", bool=False).values(["dive", "tags"])
    found: dict[str, set[str]] = {}
    for dive, tags in zip(*columns, strict=True):
        found.setdefault(dive, set()).update(set(tags) & {"train", "val"})
    return found


@pytest.mark.parametrize("seed", range(8))
def test_no_dive_is_on_both_sides_on_any_seed(dataset: Any, seed: int) -> None:
    result = split_by_dive(dataset, seed=seed)
    assert all(len(sides) == 1 for sides in sides_of(dataset).values())
    assert result.dives == 60
    assert result.train + result.val == 210
    assert result.val == dataset.match_tags("val").count()
    assert abs(result.val_share - 0.2) <= 0.02
    assert result.concepts_only_in_train == ()
    assert [leak.sides for leak in result.leaks if "val" in leak.sides] in (
        [],
        [("val", "test")],
    )


def test_tags_of_other_names_and_the_test_split_stay(dataset: Any) -> None:
    seen = dataset.match_tags("seen").values("id")
    split_by_dive(dataset)
    assert dataset.match_tags("seen").values("id") == seen
    assert dataset.match_tags("test").count() == 3
    assert all(len(set(tags) & {"train", "val", "test"}) == 1 for tags in dataset.values("tags"))


def test_a_dry_run_says_what_the_run_then_does(dataset: Any) -> None:
    before = dataset.values("tags")
    told = split_by_dive(dataset, dry_run=True)
    assert dataset.values("tags") == before
    done = split_by_dive(dataset)
    assert (told.train, told.val, told.changed) == (done.train, done.val, done.changed)
    assert done.changed == done.val > 0


def test_a_second_run_changes_nothing_and_another_seed_divides_anew(dataset: Any) -> None:
    split_by_dive(dataset)
    once = dataset.values("tags")
    assert split_by_dive(dataset).changed == 0
    assert dataset.values("tags") == once
    assert split_by_dive(dataset, seed=1).changed > 0


def test_a_view_is_divided_alone(dataset: Any) -> None:
    view = dataset.match(fo.ViewField("dive").is_in([str(number) for number in range(20)]))
    result = split_by_dive(view)
    assert result.dives == 20
    others = dataset.exclude(view.values("id"))
    assert others.match_tags("val").count() == 0


def test_leaks_of_a_split_that_somebody_made_image_by_image(dataset: Any) -> None:
    first_two = dataset.match(fo.ViewField("dive") == "5").match_tags("train").values("id")[:2]
    view = dataset.select(first_two)
    view.untag_samples("train")
    view.tag_samples("val")
    assert find_leaks(dataset) == (
        Leak(("train", "val"), 1, 6, ("Ventana 5",)),
        Leak(("train", "test"), 1, 1 + 3, ("Ventana 0",)),
    )


def test_near_duplicates_on_two_sides_are_a_leak(dataset: Any) -> None:
    dataset.add_sample_field(DUPLICATE_GROUP, fo.IntField)
    dives = dataset.values("dive")
    groups = [1 if dive in ("1", "2") else 2 if dive == "0" else None for dive in dives]
    dataset.set_values(DUPLICATE_GROUP, groups)
    assert [leak.near_duplicates for leak in find_leaks(dataset)] == [1]
    dataset.match(fo.ViewField("dive") == "2").untag_samples("train")
    dataset.match(fo.ViewField("dive") == "2").tag_samples("val")
    found = {leak.sides: leak.near_duplicates for leak in find_leaks(dataset)}
    assert found == {("train", "val"): 1, ("train", "test"): 1}


@pytest.mark.parametrize("ratio", [0, 1, -0.1, 1.5, float("nan")])
def test_a_ratio_that_leaves_a_side_empty_is_refused(dataset: Any, ratio: float) -> None:
    with pytest.raises(InputError, match="is not between 0 and 1"):
        split_by_dive(dataset, val_ratio=ratio)


def test_one_dive_or_none_cannot_be_divided(dataset: Any) -> None:
    with pytest.raises(DatasetError, match=r"all 6 training images .* are of one dive \(Ventana 5"):
        split_by_dive(dataset.match(fo.ViewField("dive") == "5"))
    with pytest.raises(DatasetError, match="no image tagged train or val"):
        split_by_dive(dataset.match_tags("test"))


def by_urls_that_name_no_dive(name: str) -> Any:
    """40 training images of eight days and four folders, published in one folder by one host."""
    dataset = fo.Dataset(name)
    for field in ("vehicle", "dive", "source_url", "file_name"):
        dataset.add_sample_field(field, fo.StringField)
    dataset.add_sample_field("date_captured", fo.DateTimeField)
    dataset.add_samples(
        [
            fo.Sample(
                filepath=f"/nowhere/train_images/{number}.png",
                tags=["train"],
                source_url=f"https://a.org/media/{number}.png",
                file_name=f"cam{number % 4}/cruise{number % 10}_{number:04}.png",
                date_captured=datetime(2021, 5, 1 + number // 5, 12, number % 60),
                ground_truth=fo.Detections(
                    detections=[fo.Detection(label="Beroe", bounding_box=[0, 0, 0.5, 0.5])]
                ),
            )
            for number in range(40)
        ]
    )
    return dataset


@pytest.mark.parametrize(
    ("by", "pattern", "groups", "of_name"),
    [
        ("day", "", 8, lambda sample: sample.date_captured.date()),
        ("folder", "", 4, lambda sample: sample.file_name.split("/")[0]),
        ("pattern", r"cruise\d+", 10, lambda sample: sample.file_name[5:12]),
        (
            "pattern",
            r"cam(\d).*_00(\d)",
            16,
            lambda sample: sample.file_name[3] + sample.file_name[-6],
        ),
    ],
)
def test_where_urls_name_no_dive_a_day_a_folder_or_a_pattern_stays_together(
    dataset_name: str, by: Any, pattern: str, groups: int, of_name: Callable[[Any], Any]
) -> None:
    dataset = by_urls_that_name_no_dive(dataset_name)
    result = split_by_dive(dataset, by=by, pattern=pattern)
    sides: dict[Any, set[str]] = {}
    for sample in dataset:
        sides.setdefault(of_name(sample), set()).update(sample.tags)
    assert len(sides) == result.dives == groups
    assert all(len(tags) == 1 for tags in sides.values())
    assert result.val > 0 < result.train
    assert result.leaks == () == find_leaks(dataset)


def test_of_one_dive_it_says_by_what_the_images_can_be_divided(dataset_name: str) -> None:
    dataset = by_urls_that_name_no_dive(dataset_name)
    with pytest.raises(DatasetError, match=r"8 days or 4 folders.*pattern") as error:
        split_by_dive(dataset)
    assert "all 40 training images" in str(error.value)
    assert len(str(error.value)) < 500
    dataset.clear_sample_field("date_captured")
    with pytest.raises(DatasetError, match=r"no day that tells them apart.* 4 folders"):
        split_by_dive(dataset, by="day")


def test_two_vehicles_on_one_day_are_two_groups_and_undated_images_stay_together(
    dataset_name: str,
) -> None:
    dataset = by_urls_that_name_no_dive(dataset_name)
    dataset.set_values("vehicle", ["Ventana", "Tiburon"] * 20)
    undated = dataset.values("id")[:5]
    dataset.set_values("date_captured", dict.fromkeys(undated), key_field="id")
    result = split_by_dive(dataset, by="day")
    assert (result.dives, result.images_of_no_dive) == (1 + 7 * 2, 5)
    assert len({tuple(tags) for tags in dataset.select(undated).values("tags")}) == 1


def test_what_has_the_same_value_of_a_field_stays_together(
    dataset_name: str, tmp_path: Path
) -> None:
    rows = [f"{one:03}.png,Sebastes,d{one % 7},{one % 4}" for one in range(140)]
    table = tmp_path / "crops.csv"
    table.write_text("\n".join(["path,label,deployment,camera", *rows, "last.png,Octopus,,1"]))
    ingest_crops(dataset_name, table=str(table))
    dataset = fo.load_dataset(dataset_name, reload=True)
    result = split_by_dive(dataset, 0.3, by="field", field="deployment")
    assert (result.dives, result.images_of_no_dive) == (8, 1)
    sides: dict[str, set[str]] = {}
    for deployment, tags in zip(*dataset.values(["deployment", "tags"]), strict=True):
        sides.setdefault(deployment, set()).update(tags)
    assert all(len(one) == 1 for one in sides.values())
    assert {tag for one in sides.values() for tag in one} == {"train", "val"}
    # What is kept with the dataset tells leaks later, too.
    assert find_leaks(dataset) == result.leaks == ()
    dataset.limit(1).untag_samples(["train", "val"])
    dataset.limit(1).tag_samples("val" if sides["d0"] == {"train"} else "train")
    assert [one.examples for one in find_leaks(dataset)] == [("d0",)]
    assert split_by_dive(dataset, by="field", field="camera").dives == 4
    for field, by, said in (
        ("", "field", "name one; there are .*camera.*deployment"),
        ("cruise", "field", "'cruise' names no group: choose one of .*camera"),
        ("ground_truth", "field", "'ground_truth' names no group"),
        ("camera", "dive", "of no use by dive"),
    ):
        before = documents(dataset)
        with pytest.raises(InputError, match=said):
            split_by_dive(dataset, by=by, field=field)
        assert documents(dataset) == before


@pytest.mark.parametrize(
    ("by", "pattern", "said"),
    [("pattern", "", "name one"), ("pattern", "(cruise", "no regular"), ("day", "x", "of no use")],
)
def test_a_pattern_that_is_of_no_use_is_refused(
    dataset: Any, by: Any, pattern: str, said: str
) -> None:
    before = dataset.values("tags")
    with pytest.raises(InputError, match=said):
        split_by_dive(dataset, by=by, pattern=pattern)
    assert dataset.values("tags") == before


def test_a_later_split_by_dive_is_told_by_dives_again(dataset: Any) -> None:
    split_by_dive(dataset, by="pattern", pattern=r"[0-9]+-([0-9])")
    assert {leak.sides for leak in find_leaks(dataset)} <= {("train", "test"), ("val", "test")}
    split_by_dive(dataset)
    (leak,) = find_leaks(dataset)
    assert leak.examples == ("Ventana 0",)


def two_sides(name: str, train: dict[str, Any], test: dict[str, Any]) -> Any:
    """One image on either side, of two dives, with what is known of each."""
    dataset = fo.Dataset(name)
    for field in ("vehicle", "dive", "source_url", "file_name"):
        dataset.add_sample_field(field, fo.StringField)
    dataset.add_sample_field("date_captured", fo.DateTimeField)
    for side, known in (("train", train), ("test", test)):
        size = known.get("size", (1920, 1080))
        dataset.add_sample(
            fo.Sample(
                filepath=f"/nowhere/{side}/{known['file_name']}",
                tags=[side],
                vehicle="Ventana",
                dive=f"dive {side}",
                metadata=fo.ImageMetadata(width=size[0], height=size[1]),
                **{key: value for key, value in known.items() if key != "size"},
            )
        )
    return dataset


UUID = "000b8e39-7240-49fd-9f50-713edcb28544"
NOON = datetime(2020, 1, 8, 12)


@pytest.mark.parametrize(
    ("train", "test", "is_same"),
    [
        # The same UUID, in another folder, at another host, in another format.
        (
            {"file_name": f"{UUID}.png", "source_url": "https://a.org/x/07-03-27-40.png"},
            {"file_name": f"2025/{UUID.upper()}.jpg", "source_url": "https://b.org/1.png"},
            True,
        ),
        ({"file_name": f"{UUID}.png"}, {"file_name": f"still-{UUID}.jpg"}, True),
        # The same URL, though the files were named otherwise.
        (
            {"file_name": "1.png", "source_url": "https://a.org/x/07-03-27-40.png?size=full"},
            {"file_name": "2.png", "source_url": "https://a.org/x/07-03-27-40.png"},
            True,
        ),
        ({"file_name": "plume-east.png"}, {"file_name": "b/plume-east.png"}, True),
        # Of one name but another size, place or time: another image.
        ({"file_name": "plume.png"}, {"file_name": "plume.png", "size": (640, 480)}, False),
        (
            {"file_name": "07-03-27-40.png", "source_url": "https://a.org/1/07-03-27-40.png"},
            {"file_name": "07-03-27-40.png", "source_url": "https://a.org/2/07-03-27-40.png"},
            False,
        ),
        (
            {"file_name": "plume.png", "date_captured": NOON},
            {"file_name": "plume.png", "date_captured": NOON.replace(hour=13)},
            False,
        ),
        # Every set counts its images anew; taken at the same moment, they are one.
        ({"file_name": "frame_0001.png"}, {"file_name": "frame_0001.png"}, False),
        (
            {"file_name": "frame_0001.png", "date_captured": NOON},
            {"file_name": "frame_0001.png", "date_captured": NOON},
            True,
        ),
        ({"file_name": "a.png"}, {"file_name": "b.png"}, False),
    ],
)
def test_an_image_on_two_sides_is_known_by_its_url_or_file_name(
    dataset_name: str, train: dict[str, Any], test: dict[str, Any], is_same: bool
) -> None:
    leaks = find_leaks(two_sides(dataset_name, train, test))
    name = test["file_name"].split("/")[-1]
    expected = Leak(("train", "test"), 0, 0, (), same_images=1, same_examples=(name,))
    assert leaks == ((expected,) if is_same else ())


def test_a_host_that_all_images_share_is_no_dive(dataset_name: str) -> None:
    dataset = by_urls_that_name_no_dive(dataset_name)
    names = dataset.values("file_name")
    dataset.set_values("source_url", [f"https://cdn.org/{name[-9:]}" for name in names])
    with pytest.raises(DatasetError, match=r"no dive that tells them apart.*8 days or 4 folders"):
        split_by_dive(dataset)


@pytest.mark.parametrize("field", ["ground_truth", "taxon"])
def test_crops_of_no_taxon_are_on_neither_side_until_they_have_a_name(
    field: str, dataset_name: str, tmp_path: Path
) -> None:
    names = ("Sebastes", "Aegina", "noise", "Sebastes")
    rows = (f"{number}.png,{names[number % 4]},{number % 5}" for number in range(40))
    (tmp_path / "crops.csv").write_text("\n".join(("path,label,dive", *rows)))
    ingest_crops(dataset_name, table=str(tmp_path / "crops.csv"), label_field=field)
    crops = fo.load_dataset(dataset_name)
    crops.tag_samples("mine")
    table = "name,parent,status\nSebastes,,\nAegina,,\nnoise,,special\n"
    (tmp_path / "names.csv").write_text(table)
    set_label_map(crops, str(tmp_path / "names.csv"))
    told = split_by_dive(crops, dry_run=True)
    done = split_by_dive(crops)
    assert told == replace(done, dry_run=True)
    assert (done.train, done.val, done.left_out, done.val_share) == (24, 6, 10, 0.2)
    noise = crops.match(F(f"{field}.label") == "noise")
    assert {tuple(sorted(tags)) for tags in noise.values("tags")} == {("mine", "no taxon")}
    assert crops.count_sample_tags() == {"mine": 40, "train": 24, "val": 6, "no taxon": 10}
    assert split_by_dive(crops).changed == 0
    # Whatever the field is called, the card counts its labels.
    assert "| concepts | 2 |" in report_dataset(crops).markdown
    # Somebody says what two of them are.
    some = noise.limit(2).values("id")
    crops.select(some).set_values(f"{field}.label", ["Aegina"] * 2)
    again = split_by_dive(crops)
    assert (again.train + again.val, again.left_out) == (32, 8)
    assert not crops.select(some).match_tags("no taxon")
