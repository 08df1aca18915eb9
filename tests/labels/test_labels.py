"""An image's primary label, and the ranks of every label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.label_map import keep_special_names
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import (
    PrimaryLabelResult,
    RanksResult,
    add_primary_label,
    add_taxonomy_ranks,
)
from fathomnet_voxel51.labels.primary import primary_concept
from fathomnet_voxel51.labels.ranks import (
    keep_new_name,
    mend_ranks,
    wrong_ranks,
)
from fathomnet_voxel51.taxonomy import load_taxonomy

Box = tuple[str | None, float | None, tuple[float, float, float, float]]

SMALL = (0.0, 0.0, 0.1, 0.1)
LARGE = (0.0, 0.0, 0.5, 0.5)

WORKED_BY_HAND: dict[str, tuple[list[Box], str | None]] = {
    "no box": ([], None),
    "no labelled box": ([(None, 9.0, LARGE)], None),
    "one box": ([("Aegina", 1.0, SMALL)], "Aegina"),
    "most frequent, though smaller": (
        [("Beroe", 900.0, LARGE), ("Aegina", 1.0, SMALL), ("Aegina", 1.0, SMALL)],
        "Aegina",
    ),
    "unlabelled boxes do not count": (
        [(None, 1.0, SMALL), (None, 1.0, SMALL), ("Beroe", 1.0, SMALL)],
        "Beroe",
    ),
    "tie: more area, though later by name": (
        [("Aegina", 10.0, LARGE), ("Beroe", 11.0, SMALL)],
        "Beroe",
    ),
    "tie: area is summed over a concept's boxes": (
        [("A", 5.0, SMALL), ("B", 3.0, SMALL), ("A", 5.0, SMALL), ("B", 8.0, SMALL)],
        "B",
    ),
    "tie of count and area: first by name": (
        [("Beroe", 7.0, SMALL), ("Aegina", 7.0, LARGE)],
        "Aegina",
    ),
    "names are compared by their characters": (
        [("b", 7.0, SMALL), ("Z", 7.0, SMALL), ("\u00c9", 7.0, SMALL)],
        "Z",
    ),
    "an area is missing: rectangles decide": (
        [("Aegina", 100.0, SMALL), ("Beroe", None, LARGE)],
        "Beroe",
    ),
    "an unlabelled box's area may be missing": (
        [("Aegina", 100.0, SMALL), ("Beroe", 1.0, LARGE), (None, None, LARGE)],
        "Aegina",
    ),
}


@pytest.fixture
def make_dataset() -> Iterator[Callable[..., Any]]:
    """Makes a dataset with one sample for each list of boxes."""
    made: list[Any] = []

    def make(*images: list[Box]) -> Any:
        dataset = fo.Dataset(persistent=True)
        made.append(dataset)
        dataset.add_samples([_sample(number, boxes) for number, boxes in enumerate(images)])
        if dataset.get_field("ground_truth.detections.area") is None:
            dataset.add_sample_field("ground_truth.detections.area", fo.FloatField)
        return dataset

    yield make
    for dataset in made:
        dataset.delete()


def _sample(number: int, boxes: list[Box]) -> fo.Sample:
    detections = [
        fo.Detection(
            label=label, bounding_box=list(box), **({} if area is None else {"area": area})
        )
        for label, area, box in boxes
    ]
    return fo.Sample(filepath=f"/{number}.png", ground_truth=fo.Detections(detections=detections))


@pytest.mark.parametrize("case", WORKED_BY_HAND)
def test_the_primary_concept_of_an_image_worked_by_hand(case: str) -> None:
    boxes, expected = WORKED_BY_HAND[case]
    assert primary_concept(boxes) == expected


def test_a_dataset_gets_the_labels_worked_by_hand(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(*(boxes for boxes, _ in WORKED_BY_HAND.values()))
    result = add_primary_label(dataset)
    expected = [label for _, label in WORKED_BY_HAND.values()]
    assert dataset.values("primary_label.label") == expected
    assert result == PrimaryLabelResult(labelled=9, unlabelled=2)


def test_a_label_follows_its_boxes_and_only_changed_images_are_touched(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    one: list[Box] = [("Aegina", 1.0, SMALL)]
    dataset = make_dataset(one, one, one)
    add_primary_label(dataset)
    relabelled, emptied, kept = dataset
    kept.primary_label.tags.append("checked")
    kept.save()
    relabelled.ground_truth.detections[0].label = "Beroe"
    relabelled.save()
    emptied.ground_truth.detections[0].label = None
    emptied.save()
    before = dataset.values("last_modified_at")
    assert add_primary_label(dataset) == PrimaryLabelResult(labelled=2, unlabelled=1)
    assert dataset.values("primary_label.label") == ["Beroe", None, "Aegina"]
    assert dataset.values("primary_label.tags")[2] == ["checked"]
    touched = [a != b for a, b in zip(before, dataset.values("last_modified_at"), strict=True)]
    assert touched == [True, True, False]


def test_any_field_of_boxes_can_give_the_label(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset([("Aegina", 1.0, SMALL)])
    dataset.clone_sample_field("ground_truth", "found")
    add_primary_label(dataset, source_field="found", field="found_label")
    assert dataset.values("found_label.label") == ["Aegina"]


def test_a_source_that_holds_no_boxes_is_named_with_those_that_do(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset([("Aegina", 1.0, SMALL)])
    add_primary_label(dataset)
    for source in ("nothing", "filepath", "primary_label"):
        with pytest.raises(DatasetError, match=rf"{source}.*ground_truth"):
            add_primary_label(dataset, source_field=source, field="other")
        assert not dataset.has_field("other")


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ("", InputError),
        ("a b", InputError),
        ("a.b", InputError),
        ("_hidden", InputError),
        ("1st", InputError),
        ("media_type", InputError),
        ("save", InputError),
        ("pk", InputError),
        ("filepath", DatasetError),
        ("tags", DatasetError),
        ("ground_truth", DatasetError),
    ],
)
def test_a_field_that_cannot_take_labels_is_refused(
    make_dataset: Callable[..., Any], field: str, error: type[Exception]
) -> None:
    dataset = make_dataset([("Aegina", 1.0, SMALL)])
    before = dataset.get_field_schema(flat=True).keys()
    with pytest.raises(error):
        add_primary_label(dataset, field=field)
    assert dataset.get_field_schema(flat=True).keys() == before


def test_every_box_gets_its_rank_and_lineage(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(
        [
            ("Acanthascinae", 1.0, SMALL),
            ("Abyssocucumis abyssorum", 1.0, SMALL),
            (None, 1.0, SMALL),
            ("basket", 1.0, SMALL),
        ],
        [],
    )
    result = add_taxonomy_ranks(dataset)
    assert result == RanksResult(boxes=2, unknown_concepts=("basket",))
    subfamily, species, unlabelled, unknown = dataset.first().ground_truth.detections
    assert (subfamily.rank, subfamily.family, subfamily.genus) == ("subfamily", "Rossellidae", None)
    assert subfamily["class"] == "Hexactinellida"
    assert (species.rank, species.species) == ("species", "Abyssocucumis abyssorum")
    assert (species.kingdom, species.phylum, species.order) == (
        "Animalia",
        "Echinodermata",
        "Dendrochirotida",
    )
    for box in (unlabelled, unknown):
        assert (box.rank, box.kingdom, box.species) == (None, None, None)
    assert dataset.count_values("ground_truth.detections.family") == {
        "Rossellidae": 1,
        "Cucumariidae": 1,
        None: 2,
    }


def test_ranks_follow_a_changed_label_and_a_repeat_touches_nothing(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset([("Acanthascinae", 1.0, SMALL)], [("Acanthascinae", 1.0, SMALL)])
    add_taxonomy_ranks(dataset)
    first = dataset.first()
    first.ground_truth.detections[0].label = "basket"
    first.save()
    before = dataset.values("last_modified_at")
    add_taxonomy_ranks(dataset)
    between = dataset.values("last_modified_at")
    assert dataset.values("ground_truth.detections.family") == [[None], ["Rossellidae"]]
    assert [a != b for a, b in zip(before, between, strict=True)] == [True, False]
    add_taxonomy_ranks(dataset)
    assert dataset.values("last_modified_at") == between


def test_labels_of_images_have_ranks_too(make_dataset: Callable[..., Any], either_way: str) -> None:
    dataset = make_dataset([("Acanthascinae", 1.0, SMALL)], [])
    add_primary_label(dataset)
    result = add_taxonomy_ranks(dataset, ["ground_truth", "primary_label"])
    assert result == RanksResult(boxes=2, unknown_concepts=())
    assert dataset.values("primary_label.family") == ["Rossellidae", None]


def test_of_several_fields_all_are_checked_before_one_is_changed(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset([("Acanthascinae", 1.0, SMALL)])
    with pytest.raises(DatasetError, match="'absent' is no field"):
        add_taxonomy_ranks(dataset, ("ground_truth", "absent"))
    assert not dataset.has_field("ground_truth.detections.family")
    with pytest.raises(InputError, match="name at least one field"):
        add_taxonomy_ranks(dataset, ())


def test_the_real_test_split_has_no_label_to_follow(shared_data: Path, dataset_name: str) -> None:
    ingest_dataset(dataset_name, test_annotations=str(shared_data / "dataset_test.json"))
    dataset = fo.load_dataset(dataset_name)
    assert add_primary_label(dataset) == PrimaryLabelResult(labelled=0, unlabelled=325)
    assert add_taxonomy_ranks(dataset) == RanksResult(boxes=0, unknown_concepts=())


def test_ranks_of_labels_that_were_named_by_hand_are_mended_and_no_others(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    names = ("Elpidia", "Paralomis", "Paralomis sp. 3", "Newcomer", "noise", None)
    dataset = make_dataset(*([(name, 1.0, SMALL)] for name in names), [("Elpidia", 1.0, SMALL)])
    tree = load_taxonomy()
    assert not wrong_ranks(dataset, "ground_truth", tree), "it has no ranks at all"
    keep_new_name(dataset, "Newcomer", "Paralomis")
    keep_special_names(dataset, ["noise"])
    add_taxonomy_ranks(dataset)
    assert not wrong_ranks(dataset, "ground_truth", tree)
    sample = dataset.first()
    sample.ground_truth.detections[0].label = "Sebastes"
    drawn = fo.Detection(label="Newcomer", bounding_box=[0, 0, 0.5, 0.5])
    sample.ground_truth.detections.append(drawn)
    sample.save()
    before = {one.id: one.last_modified_at for one in dataset}

    assert wrong_ranks(dataset, "ground_truth", tree) == {"Sebastes": 1, "Newcomer": 1}
    assert mend_ranks(dataset, "ground_truth", tree) == 2
    assert mend_ranks(dataset, "ground_truth", tree) == 0

    dataset.reload()
    genera = [[box.genus for box in sample.ground_truth.detections] for sample in dataset]
    assert genera[0] == ["Sebastes", "Paralomis"]
    assert genera[1:] == [*[["Paralomis"]] * 3, [None], [None], ["Elpidia"]]
    changed = [id_ for id_, moment in before.items() if dataset[id_].last_modified_at != moment]
    assert changed == [sample.id]
