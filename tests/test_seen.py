"""An edit touches exactly what is on the screen: every way to a target, and pairs of ways.

The screen is worked out here from the documents in the database, without FiftyOne and without the
code under test; the requests are those of the real App.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fathomnet_voxel51.dataset.schema import boxes_path
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling import relabel_boxes
from fathomnet_voxel51.relabelling.relabel import ChosenBoxes
from fathomnet_voxel51.tiles import add_tiles
from fiftyone import ViewField as F
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import (
    ExecutionContext,
    ExecutionResult,
    Executor,
    execute_or_delegate_operator,
)
from fiftyone.server import view as server_view
from pymongo import ReplaceOne

from demo.synthetic import write_catalog, write_predictions_csv
from tests.support import screens

RELABEL = f"{PLUGIN_NAME}/relabel_boxes"
REVIEW = f"{PLUGIN_NAME}/review_labels"
LABEL_HITS = f"{PLUGIN_NAME}/label_hits"
UNDO = f"{PLUGIN_NAME}/undo_relabel"
RECONCILE = f"{PLUGIN_NAME}/reconcile_labels"
NEW = "Scotoplanes globosa"
TRUTH, PREDICTED, TILES = "ground_truth", "model_predictions", "tiles"

Boxes = frozenset[str]


class Box(NamedTuple):
    """A box as it is stored."""

    id: str
    label: str | None
    number: int | None


class Image(NamedTuple):
    """An image as it is stored."""

    id: str
    split: str
    truth: tuple[Box, ...]
    predicted: tuple[Box, ...]


class Tile(NamedTuple):
    """What the grid shows as one: an image or a patch, with the boxes that are drawn on it."""

    id: str
    image: Image
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class World:
    """The dataset, what is stored in it, and the names that the screens are about.

    Attributes:
        dataset: a FiftyOne dataset.
        images: its images, as they are stored.
        common: the most frequent name.
        rarer: another.
        taken_for: the third.
        kept: the collections behind it with their documents at first: that of its images, and those
            of its saved views of patches, each of which has a copy of the boxes.
    """

    dataset: Any
    images: tuple[Image, ...]
    common: str
    rarer: str
    taken_for: str
    kept: tuple[tuple[Any, dict[ObjectId, Any]], ...]

    def belonging(self, image: Image, boxes: tuple[Box, ...]) -> Boxes:
        """The annotated boxes that predictions are about."""
        numbers = {one.number for one in boxes}
        return frozenset(one.id for one in image.truth if one.number in numbers)


def stored(dataset: Any) -> tuple[Image, ...]:
    def boxes(document: dict[str, Any], field: str) -> tuple[Box, ...]:
        found = (document.get(field) or {}).get("detections") or []
        return tuple(
            Box(str(one["_id"]), one.get("label"), one.get("annotation_id")) for one in found
        )

    return tuple(
        Image(str(one["_id"]), one["split"], boxes(one, TRUTH), boxes(one, PREDICTED))
        for one in dataset._sample_collection.find(sort=[("_id", 1)])
    )


def labels_of(dataset: Any) -> dict[str, str | None]:
    return {box.id: box.label for image in stored(dataset) for box in image.truth}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("seen")
    files = {
        split: write_catalog(folder / f"{split}.json", 14, 60, seed=9, split=split)
        for split in ("train", "test")
    }
    name = "test-seen"
    ingest_dataset(
        name,
        train_annotations=str(files["train"]),
        test_annotations=str(files["test"]),
        media_root=str(folder),
    )
    dataset = fo.load_dataset(name)
    # Few names, or hardly any box would be seen through two filters.
    path = boxes_path(dataset, TRUTH)
    names = ("Sebastes", "Umbellula", "Pannychia moseleyi")
    labels = dataset.values(f"{path}.label")
    turn = itertools.cycle((0, 1, 0, 2, 1, 0, 2))
    dataset.set_values(
        f"{path}.label", [[names[next(turn)] for _ in image or ()] for image in labels]
    )
    add_taxonomy_ranks(dataset)
    for split, file in files.items():
        rows = write_predictions_csv(folder / f"{split}.csv", file)
        import_predictions(dataset, str(rows), split=split)
    path = boxes_path(dataset, PREDICTED)
    labels = dataset.values(f"{path}.label")
    dataset.set_values(
        f"{path}.label", [[names[next(turn)] for _ in image or ()] for image in labels]
    )
    # Some predictions are about no box.
    numbers = dataset.values(f"{path}.annotation_id")
    for image in numbers[::5]:
        image[:1] = [999_999] if image else []
    dataset.set_values(f"{path}.annotation_id", numbers)
    evaluate_predictions(dataset)
    add_tiles(dataset, columns=2, rows=1)
    truth = dataset.filter_labels(TRUTH, F("label").is_in(list(names[:2])))
    dataset.save_view("two names", truth)
    dataset.save_view("patches", dataset.to_patches(TRUTH))
    dataset.save_view("patches of two", truth.to_patches(TRUTH))
    dataset.save_view("predicted", dataset.to_patches(PREDICTED))
    dataset.save_view("tiled", dataset.to_patches(TILES))
    dataset.save_view("evaluated", dataset.to_evaluation_patches("eval_model_predictions"))
    views = [dataset.load_saved_view(name) for name in dataset.list_saved_views()]
    collections = [dataset._sample_collection]
    collections += [view._dataset._sample_collection for view in views if view._is_patches]
    kept = tuple((one, {image["_id"]: image for image in one.find()}) for one in collections)
    yield World(dataset, stored(dataset), *names, kept)
    dataset.delete()


@dataclass(frozen=True)
class Base:
    """A way to a grid: the view bar, and the tiles that are then there.

    Attributes:
        view: what is in the view bar.
        tiles: what is in the grid.
        saved: the name of the view, where it is a saved one.
        field: whose boxes are looked at.
        patches: whether tiles are patches.
    """

    view: Callable[[World], Any]
    tiles: Callable[[World], list[Tile]]
    saved: str | None = None
    field: str = TRUTH
    patches: bool = False


def every_image(world: World, keep: Callable[[Box], bool] = lambda box: True) -> list[Tile]:
    """Images that have a box that is kept, with these."""
    tiles = [Tile(one.id, one, tuple(filter(keep, one.truth))) for one in world.images]
    return [one for one in tiles if one.boxes]


def every_patch(world: World, keep: Callable[[Box], bool] = lambda box: True) -> list[Tile]:
    return [
        Tile(box.id, image, (box,)) for image in world.images for box in image.truth if keep(box)
    ]


def every_prediction(world: World) -> list[Tile]:
    return [Tile(box.id, image, (box,)) for image in world.images for box in image.predicted]


def images_predicted(world: World) -> list[Tile]:
    """Images with a certain prediction, with these predictions."""
    tiles = [
        Tile(one.id, one, tuple(box for box in one.predicted if box.label == world.taken_for))
        for one in world.images
    ]
    return [one for one in tiles if one.boxes]


def is_of_two(world: World) -> Callable[[Box], bool]:
    return lambda box: box.label in (world.common, world.rarer)


def load(name: str) -> Callable[[World], Any]:
    return lambda world: world.dataset.load_saved_view(name)


BASES = {
    "grid": Base(lambda world: None, every_image),
    "view stage": Base(
        lambda world: world.dataset.filter_labels(
            TRUTH, F("label").is_in([world.common, world.rarer])
        ),
        lambda world: every_image(world, is_of_two(world)),
    ),
    "saved view": Base(
        load("two names"), lambda world: every_image(world, is_of_two(world)), "two names"
    ),
    "images of a split": Base(
        lambda world: world.dataset.match(F("split") == "test"),
        lambda world: [one for one in every_image(world) if one.image.split == "test"],
    ),
    "search results": Base(
        lambda world: world.dataset.to_patches(TRUTH).select(
            [one.id for one in every_patch(world)[7:31:2]], ordered=True
        ),
        lambda world: every_patch(world)[7:31:2],
        patches=True,
    ),
    "patches": Base(load("patches"), every_patch, "patches", patches=True),
    "patches of a view": Base(
        load("patches of two"),
        lambda world: every_patch(world, is_of_two(world)),
        "patches of two",
        patches=True,
    ),
    "patches of predictions": Base(
        load("predicted"), every_prediction, "predicted", PREDICTED, patches=True
    ),
    "a predicted taxon": Base(
        lambda world: world.dataset.filter_labels(PREDICTED, F("label") == world.taken_for),
        images_predicted,
        field=PREDICTED,
    ),
}

FILTERS = ("no filter", "a name", "images with a name", "a split")
CHOICES = ("shown", "selected", "opened", "clicked", "lassoed")


def filtered(world: World, base: Base, how: str) -> tuple[dict[str, Any], list[Tile], str]:
    """What the sidebar sends, what is then in the grid, and whose boxes are looked at."""
    tiles, field = base.tiles(world), base.field
    if how == "no filter":
        return {}, tiles, field
    if how == "a split":
        kept = [one for one in tiles if one.image.split == "train"]
        return {"split": screens.is_label("train")}, kept, field
    matching = how == "images with a name"
    path = f"{field}.label" if base.patches else f"{TRUTH}.detections.label"
    sent = {path: screens.is_label(world.common, matching=matching)}
    if base.patches or base.field == TRUTH:
        narrowed = [
            one._replace(boxes=tuple(box for box in one.boxes if box.label == world.common))
            for one in tiles
        ]
    else:
        # Predictions were chosen, and now boxes of the truth are: these are what is looked at.
        narrowed = [
            one._replace(boxes=tuple(box for box in one.image.truth if box.label == world.common))
            for one in tiles
        ]
        field = base.field if matching else TRUTH
    if matching:
        kept = [one for one, few in zip(tiles, narrowed, strict=True) if few.boxes]
    else:
        kept = [one for one in narrowed if one.boxes]
    return sent, kept, field


class Screen(NamedTuple):
    """A request of the App, and the boxes that a person means by it; None if nobody can know."""

    request: dict[str, Any]
    meant: Boxes | None


def screen(world: World, base_name: str, filter_name: str, choice: str) -> Screen:
    base = BASES[base_name]
    filters, tiles, field = filtered(world, base, filter_name)
    assert len(tiles) > 3, "a screen on which there is nothing to choose proves nothing"
    sent: dict[str, Any] = {"view": base.view(world), "saved": base.saved, "filters": filters}
    chosen = tiles
    if choice == "selected":
        chosen = [tiles[1], tiles[3]]
        sent["selected"] = [one.id for one in chosen]
    elif choice == "opened":
        chosen = [tiles[2]]
        sent["opened"] = tiles[2].id
    elif choice == "clicked":
        tile = tiles[2]
        chosen = [tile._replace(boxes=tile.boxes[-1:])]
        sent |= {
            "opened": tile.id,
            "labels": [screens.label(field, tile.id, tile.boxes[-1].id)],
        }
    elif choice == "lassoed" and base.patches:
        chosen = tiles[::3]
        sent["extended"] = screens.lasso_of_patches([one.id for one in chosen])
    elif choice == "lassoed":
        # The map is of the annotated boxes, and knows nothing of filters.
        lassoed = {box.id for image in world.images for box in image.truth[::2]}
        sent["extended"] = screens.lasso(TRUTH, sorted(lassoed))
        chosen = [
            one._replace(
                boxes=tuple(
                    box
                    for box in (one.boxes if field == TRUTH else one.image.truth)
                    if box.id in lassoed
                )
            )
            for one in tiles
        ]
        field = TRUTH
    request = screens.request(world.dataset, **sent)
    if field == TRUTH:
        meant = frozenset(box.id for one in chosen for box in one.boxes)
    else:
        meant = frozenset().union(*(world.belonging(one.image, one.boxes) for one in chosen))
    nothing_chosen = (base_name, filter_name, choice) == ("grid", "no filter", "shown")
    return Screen(request, None if nothing_chosen else meant or None)


def form(request: dict[str, Any], operator: str = RELABEL) -> dict[str, Any]:
    """The form that the App would be sent, by the names of its fields."""
    sent = copy.deepcopy(request)
    context = ExecutionContext(
        sent, executor=Executor(), operator_uri=operator, required_secrets=[]
    )
    found: dict[str, Any] = foo.get_operator(operator).resolve_type(context, "inputs").to_json()
    return dict(found["type"]["properties"])


def execute(request: dict[str, Any], operator: str = RELABEL) -> ExecutionResult:
    """What the App's server does when a form is sent."""
    sent = copy.deepcopy(request)
    result: ExecutionResult = asyncio.run(execute_or_delegate_operator(operator, sent))
    return result


def as_a_person(
    request: dict[str, Any], label: str = NEW, operator: str = RELABEL, **values: Any
) -> dict[str, Any]:
    """The request of a form that is filled in, and ticked where it asks."""
    values = {"label": label, "field": TRUTH, "view": "", "dry_run": False, "note": ""} | values
    sent = request | {"params": values, "prompt_id": screens.FORM}
    ticks = {name: True for name in form(sent, operator) if name.startswith("_tick_")}
    return sent | {"params": values | ticks}


def is_possible(base: str, filter_name: str) -> bool:
    """Whether the grid offers the filter, and leaves enough of what there is to choose from.

    A patch has nothing of its image, such as its split, but what lies in it.
    """
    patches = BASES[base].patches
    return filter_name != "a split" or not (patches or base == "images of a split")


WAYS = sorted(
    {
        *((base, "no filter", choice) for base in BASES for choice in CHOICES),
        *((base, one, "shown") for base in BASES for one in FILTERS if is_possible(base, one)),
        *(
            (base, "a name", choice)
            for base in ("grid", "saved view", "patches", "a predicted taxon")
            for choice in CHOICES
        ),
    }
)
"""Every way to a grid with every choice in it, with every filter, and some of all three."""


def test_there_are_at_least_forty_ways_and_their_pairs() -> None:
    assert len(WAYS) >= 40
    assert {one for way in WAYS for one in way} == {*BASES, *FILTERS, *CHOICES}


@pytest.mark.parametrize("way", WAYS, ids=" + ".join)
def test_exactly_what_is_on_the_screen_is_relabelled(
    world: World, way: tuple[str, str, str]
) -> None:
    request, meant = screen(world, *way)
    before = labels_of(world.dataset)
    result = execute(as_a_person(request))
    after = labels_of(world.dataset)
    changed = {box for box in before if before[box] != after[box]}
    if meant is None:
        assert not changed
        nothing_is_meant(result)
        return
    assert not result.error, result.error_message
    assert changed == {box for box in meant if before[box] != NEW}
    assert {after[box] for box in meant} == {NEW}
    assert result.result["changed"] == len(changed)


def nothing_is_meant(result: ExecutionResult) -> None:
    assert result.error
    assert "name the boxes" in result.error_message or "no box" in result.error_message


@pytest.mark.parametrize("way", WAYS, ids=" + ".join)
def test_exactly_what_is_on_the_screen_is_judged(world: World, way: tuple[str, str, str]) -> None:
    request, meant = screen(world, *way)
    # What is open or lassoed is all that is seen then.
    scope = "selected" if way[2] in ("selected", "clicked") else "shown"
    values = {"verdict": "reject", "scope": scope}
    result = execute(as_a_person(request, "", operator=REVIEW, **values), REVIEW)
    judged = {
        str(box["_id"])
        for image in world.dataset._sample_collection.find()
        for box in (image.get(TRUTH) or {}).get("detections") or ()
        if box.get("review_state") == "rejected"
    }
    if meant is None:
        assert not judged
        nothing_is_meant(result)
        return
    assert not result.error, result.error_message
    assert judged == meant
    assert result.result["rejected"] == len(judged)


@pytest.mark.parametrize("way", WAYS, ids=" + ".join)
def test_exactly_what_is_on_the_screen_becomes_boxes_of_hits(
    world: World, way: tuple[str, str, str]
) -> None:
    request, meant = screen(world, *way)
    values = {"into": "debris"}
    result = execute(as_a_person(request, "rope", operator=LABEL_HITS, **values), LABEL_HITS)
    images = list(world.dataset._sample_collection.find())

    def rectangles(image: Any, field: str) -> dict[str, list[float]]:
        boxes = (image.get(field) or {}).get("detections") or ()
        return {str(box["_id"]): box["bounding_box"] for box in boxes}

    if meant is None:
        assert not any(rectangles(image, "debris") for image in images)
        nothing_is_meant(result)
        return
    assert not result.error, result.error_message
    assert result.result["hits"] == len(meant)
    for image in images:
        hits = [box for id_, box in rectangles(image, TRUTH).items() if id_ in meant]
        made = list(rectangles(image, "debris").values())
        # Every hit is in a box, and every side of a box is that of a hit.
        assert all(any(holds(box, hit) for box in made) for hit in hits)
        assert sides(made) <= sides(hits)


# What is selected in a screen does not change what is seen there.
SCREENS = [way for way in WAYS if way[2] in ("shown", "opened", "lassoed")]


@pytest.mark.parametrize("way", SCREENS, ids=" + ".join)
@pytest.mark.parametrize("operator", [UNDO, RECONCILE])
def test_what_is_changed_wherever_it_is_is_told_and_asked_about_where_it_is_not_seen(
    world: World, way: tuple[str, str, str], operator: str, tmp_path: Path
) -> None:
    request, _ = screen(world, *way)
    before = labels_of(world.dataset)
    if operator == UNDO:
        values: dict[str, Any] = {"journal": ""}
        boxes = [(image.id, box.id) for image in world.images[::3] for box in image.truth]
        meant = frozenset(box for _, box in boxes if before[box] != world.common)
        relabel_boxes(ChosenBoxes(world.dataset, tuple(boxes)), world.common)
        request, _ = screen(replace(world, images=stored(world.dataset)), *way)
        world.dataset.reload()
    else:
        table = tmp_path / "names.csv"
        table.write_text(f"old,new\n{world.rarer},{NEW}\n")
        values = {"field": TRUTH, "table": str(table), "dry_run": False}
        meant = frozenset(box for box, label in before.items() if label == world.rarer)
    at_first = labels_of(world.dataset)
    seen = seen_boxes(replace(world, images=stored(world.dataset)), request)
    sent = request | {"params": values, "prompt_id": screens.FORM}
    fields = form(sent, operator)
    said = fields["_target"]["view"]["label"]
    assert said.startswith(f"{len(meant)} boxes in ") and f"of {len(seen)} shown: those " in said
    ticks = [name for name in fields if name.startswith("_tick_")]
    assert bool(ticks) == bool(meant - seen)
    if ticks:
        assert f"{len(meant - seen)} " in fields["_reason_0"]["view"]["label"]
        assert "not what the form was ticked for" in execute(sent, operator).error_message
        assert labels_of(world.dataset) == at_first
    result = execute(sent | {"params": values | dict.fromkeys(ticks, True)}, operator)
    assert not result.error, result.error_message
    after = labels_of(world.dataset)
    if operator == UNDO:
        assert after == before
    else:
        assert {box for box in before if before[box] != after[box]} == meant


def seen_boxes(world: World, request: dict[str, Any]) -> Boxes:
    """The annotated boxes on a screen, by FiftyOne's own way from the request to the grid."""
    extended = copy.deepcopy(request["extended"])
    view = server_view.get_view(
        world.dataset,
        stages=request["view"],
        filters=copy.deepcopy(request["filters"]),
        extended_stages=extended,
    )
    if request["current_sample"]:
        view = view.select(request["current_sample"])
    if TRUTH not in view.get_field_schema():
        return frozenset()
    path = f"{TRUTH}.id" if view._is_patches else f"{TRUTH}.detections.id"
    return frozenset(one for one in view.values(path, unwind=True) if one)


def holds(box: list[float], hit: list[float]) -> bool:
    return all(
        box[at] <= hit[at] + 1e-9 and hit[at] + hit[at + 2] <= box[at] + box[at + 2] + 1e-9
        for at in (0, 1)
    )


def sides(boxes: list[list[float]]) -> set[tuple[int, int, float]]:
    ends = [
        (at, end, box[at] + end * box[at + 2]) for box in boxes for at in (0, 1) for end in (0, 1)
    ]
    return {(at, end, round(value, 6)) for at, end, value in ends}


@pytest.fixture(autouse=True)
def put_back(world: World) -> Iterator[None]:
    """Gives the next test the same boxes, without the code under test."""
    yield
    changed = False
    for samples, documents in world.kept:
        edits = [
            ReplaceOne({"_id": document["_id"]}, documents[document["_id"]])
            for document in samples.find()
            if document != documents[document["_id"]]
        ]
        if edits:
            samples.bulk_write(edits, ordered=False)
            changed = True
    if changed:
        world.dataset.reload()
    for key in world.dataset.list_runs():
        if key.startswith("relabel_"):
            world.dataset.delete_run(key)


@pytest.mark.parametrize("base", ["tiled", "predicted taxon and tiles"])
def test_where_it_cannot_be_known_which_boxes_are_meant_nothing_changes(
    world: World, base: str
) -> None:
    dataset = world.dataset
    request, why = {
        "tiled": (
            screens.request(dataset, dataset.load_saved_view("tiled"), "tiled"),
            "nothing says which boxes of ground_truth they belong to",
        ),
        "predicted taxon and tiles": (
            screens.request(
                dataset,
                dataset.filter_labels(PREDICTED, F("label") == world.taken_for).filter_labels(
                    TILES, F("bounding_box")[0] == 0
                ),
            ),
            "boxes of model_predictions and of tiles are filtered",
        ),
    }[base]
    refused(world, request, why)


def refused(world: World, request: dict[str, Any], why: str) -> None:
    """The form says why not, and so does the run; nothing is changed."""
    before = labels_of(world.dataset)
    assert why in str(form(request | {"params": {"label": NEW, "field": TRUTH}}))
    result = execute(as_a_person(request))
    assert result.error and why in result.error_message
    assert labels_of(world.dataset) == before


def test_what_is_selected_and_not_seen_is_not_guessed_at(world: World) -> None:
    one, other = world.images[1], world.images[4]
    clicked = screens.label(TRUTH, one.id, one.truth[0].id)
    hidden = world.dataset.match(F("split") == ("test" if one.split == "train" else "train"))
    refused(world, screens.request(world.dataset, hidden, labels=[clicked]), "is not shown")
    both = screens.request(world.dataset, selected=[one.id], opened=other.id)
    refused(world, both, "one image is open and others are selected")
    two_fields = [clicked, screens.label(PREDICTED, one.id, one.predicted[0].id)]
    refused(
        world,
        screens.request(world.dataset, labels=two_fields, opened=one.id),
        "boxes of ground_truth and of model_predictions are selected",
    )
    grouped = world.dataset.group_by("split")
    refused(world, screens.request(world.dataset, grouped), "images are grouped")


def test_of_a_dataset_of_groups_the_slice_that_is_shown_is_changed() -> None:
    dataset = fo.Dataset(persistent=True)
    dataset.add_group_field("group", default="left")
    for number in range(3):
        group = fo.Group()
        for side in ("left", "right"):
            box = fo.Detection(label=("Elpidia", "Sebastes")[number % 2], bounding_box=[0, 0, 1, 1])
            sample = fo.Sample(filepath=f"/{number} {side}.png", group=group.element(side))
            sample[TRUTH] = fo.Detections(detections=[box])
            dataset.add_sample(sample)
    try:
        view = dataset.filter_labels(TRUTH, F("label") == "Elpidia")
        request = screens.request(dataset, view) | {"group_slice": "right"}
        result = execute(request | {"params": {"label": NEW}})
        assert not result.error, result.error_message
        for side, label in (("left", "Elpidia"), ("right", NEW)):
            dataset.group_slice = side
            labels = dataset.values(f"{TRUTH}.detections.label")
            assert labels == [[label], ["Sebastes"], [label]]
    finally:
        dataset.delete()


def test_a_pair_of_an_evaluation_is_its_annotated_box(world: World) -> None:
    view = world.dataset.load_saved_view("evaluated")
    found = [
        (patch.id, [box.id for box in (patch.ground_truth or fo.Detections()).detections])
        for patch in view
    ]
    chosen = [found[2], next(one for one in reversed(found) if one[1])]
    request = screens.request(
        world.dataset, view, "evaluated", selected=[patch for patch, _ in chosen]
    )
    before = labels_of(world.dataset)
    assert not execute(as_a_person(request)).error
    after = labels_of(world.dataset)
    assert {one for one in after if after[one] != before[one]} == {
        box for _, boxes in chosen for box in boxes
    }


def test_a_lasso_in_the_map_of_predictions_means_the_boxes_that_they_are_about(
    world: World,
) -> None:
    lassoed = {one.predicted[-1].id for one in world.images if one.predicted}
    stage = screens.lasso(PREDICTED, sorted(lassoed))
    before = labels_of(world.dataset)
    assert not execute(as_a_person(screens.request(world.dataset, extended=stage))).error
    after = labels_of(world.dataset)
    meant = {
        box
        for image in world.images
        for box in world.belonging(image, tuple(o for o in image.predicted if o.id in lassoed))
    }
    assert {one for one in after if after[one] != before[one]} == meant


def test_the_form_says_how_many_boxes_in_how_many_images_of_how_many_shown(world: World) -> None:
    request, meant = screen(world, "saved view", "a name", "selected")
    assert meant
    tiles = filtered(world, BASES["saved view"], "a name")[1]
    shown = sum(len(one.boxes) for one in tiles)
    fields = form(request | {"params": {"label": "", "field": TRUTH}})
    said = fields["_target"]["view"]["label"]
    assert said == f"{len(meant)} boxes in 2 images, of {shown} shown: selected"


def test_the_form_says_so_where_nothing_is_chosen(world: World) -> None:
    boxes = sum(len(one.truth) for one in world.images)
    fields = form(screens.request(world.dataset) | {"params": {"label": "", "field": TRUTH}})
    all_of_them = f"{boxes} boxes, all of {TRUTH} in a dataset of {len(world.images)} images"
    assert fields["_target"]["view"]["label"] == f"{all_of_them}: nothing is selected"


def test_a_tick_is_about_one_target_and_one_label_and_one_form(world: World) -> None:
    request, meant = screen(world, "grid", "a name", "selected")
    ticked = as_a_person(request)
    assert [name for name in ticked["params"] if name.startswith("_tick_")]
    other = screen(world, "grid", "a name", "opened").request
    before = labels_of(world.dataset)
    for changed in (
        ticked | {"params": {k: v for k, v in ticked["params"].items() if "_tick_" not in k}},
        ticked | {"params": ticked["params"] | {"label": world.taken_for}},
        ticked | {"prompt_id": "of the next form"},
        ticked | {name: other[name] for name in ("selected", "selected_samples", "current_sample")},
    ):
        assert "not what the form was ticked for" in execute(changed).error_message
        assert labels_of(world.dataset) == before
        (question,) = (one for name, one in form(changed).items() if name.startswith("_tick_"))
        assert question["invalid"]
    assert not execute(ticked).error
    assert {one for one, label in labels_of(world.dataset).items() if label == NEW} == meant


def test_what_is_seen_whole_and_of_one_phylum_is_not_asked_about(world: World) -> None:
    request, meant = screen(world, "grid", "a name", "shown")
    assert meant and world.common == "Sebastes"

    def is_asked(request: dict[str, Any], label: str) -> bool:
        return any("_tick_" in name for name in as_a_person(request, label)["params"])

    alike = "Sebastolobus"  # fish both
    assert is_asked(request, NEW), "another phylum"
    assert is_asked(request | {"active_fields": [PREDICTED]}, alike), "nobody sees the boxes"
    assert not is_asked(request, alike)
    assert execute(as_a_person(request, alike)).result["changed"] == len(meant)


def test_a_program_is_asked_nothing(world: World) -> None:
    request, meant = screen(world, "saved view", "a name", "selected")
    result = execute(request | {"params": {"label": NEW}})
    assert result.result["changed"] == len(meant or ())


@pytest.mark.parametrize(
    "way", [("saved view", "a name", "shown"), ("patches of predictions", "no filter", "selected")]
)
def test_a_worker_changes_the_boxes_that_the_form_showed(
    world: World, way: tuple[str, str, str]
) -> None:
    request, meant = screen(world, *way)
    assert meant
    queued = execute(as_a_person(request) | {"request_delegation": True})
    assert not queued.error, queued.error_message
    # Meanwhile one of them is edited, and another box comes into what was seen.
    samples = world.dataset._sample_collection
    first, *_ = sorted(meant)
    path = f"{TRUTH}.detections"
    newcomer = next(
        box.id
        for image in world.images
        for box in image.truth
        if box.label != world.common and box.id not in meant
    )
    for box, label in ((first, "Edited by somebody"), (newcomer, world.common)):
        (image,) = (one for one in world.images if box in {each.id for each in one.truth})
        place = [each.id for each in image.truth].index(box)
        name = f"{path}.{place}.label"
        samples.update_one({"_id": ObjectId(image.id)}, {"$set": {name: label}})
    before = labels_of(world.dataset)
    service = DelegatedOperationService()
    result = service.execute_operation(service._repo.get(_id=queued.result["id"]))
    assert not result.error, result.error_message
    after = labels_of(world.dataset)
    assert {one for one in after if after[one] != before[one]} == meant - {first}
    assert result.result["conflicts"] == 1


def test_an_evaluation_is_of_the_images_that_are_seen(world: World) -> None:
    evaluate = f"{PLUGIN_NAME}/evaluate_predictions"
    for choice, target in (("shown", "CURRENT_VIEW"), ("selected", "SELECTED_SAMPLES")):
        request, meant = screen(world, "saved view", "a name", choice)
        params = {"eval_key": "seen", "view_target": target}
        result = execute(request | {"params": params}, evaluate)
        assert not result.error, result.error_message
        assert result.result["boxes"] == len(meant or ())
    world.dataset.reload()
    world.dataset.delete_evaluation("seen")
