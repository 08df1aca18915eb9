"""Dives stay together, concepts get their share, and what leaks is found."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.names import DUPLICATE_GROUP
from fathomnet_voxel51.splits import split_by_dive
from fathomnet_voxel51.splits.leaks import Leak, find_leaks

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
