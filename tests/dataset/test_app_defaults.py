"""How a new dataset looks: colours that can be read and follow the tree, and what may be edited."""

from __future__ import annotations

import csv
from itertools import pairwise
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.app_defaults import (
    NAMES_OF_BOXES,
    colour_states,
    concept_colours,
    offer_names,
    save_concept_tree,
    see_through_nameless,
    tick_new_field,
)
from fathomnet_voxel51.dataset.datasets import create_dataset
from fathomnet_voxel51.labels.verdicts import STATES
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.taxonomy import load_taxonomy
from matplotlib.colors import rgb_to_hsv, to_rgb, to_rgba

from tests.support.colours import luminance

CAN_OFFER = hasattr(fo.Dataset, "update_label_schema")


@pytest.fixture
def dataset(dataset_name: str) -> Any:
    return create_dataset(dataset_name, ["test"])


def test_white_names_can_be_read_on_every_colour_and_boxes_be_seen_on_dark_water() -> None:
    colours = concept_colours(load_taxonomy())
    with data_file("taxonomy.csv").open(newline="") as file:
        concepts = {row["concept"] for row in csv.DictReader(file)}
    assert concepts <= colours.keys()
    assert len(set(colours.values())) == len(colours)
    water = luminance("#0b1a20")
    for colour in colours.values():
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5
        assert (luminance(colour) + 0.05) / (water + 0.05) >= 2.5


def test_a_phylum_has_its_own_part_of_the_hues() -> None:
    taxonomy = load_taxonomy()
    hues: dict[str, list[float]] = {}
    for name, colour in concept_colours(taxonomy).items():
        hue = float(rgb_to_hsv(to_rgb(colour))[0])
        hues.setdefault(str(taxonomy.rollup(name, "phylum")), []).append(hue)
    ranges = sorted((min(some), max(some)) for some in hues.values())
    # Two neighbours may meet within the digits of a colour.
    assert all(one[1] < other[0] + 0.01 for one, other in pairwise(ranges))


def test_every_field_of_names_has_the_same_colours_also_one_that_comes_later(dataset: Any) -> None:
    tick_new_field(dataset, "another_model")
    tick_new_field(dataset, "another_model")
    dataset.reload()
    fields = {one["path"]: one for one in dataset.app_config.color_scheme.fields}
    assert len(fields) == len(dataset.app_config.color_scheme.fields)
    assert fields.keys() == {
        "ground_truth", "primary_label", "model_predictions", "another_model",
    }  # fmt: skip
    expected = concept_colours(load_taxonomy())
    for one in fields.values():
        given = {value["value"]: value["color"] for value in one["valueColors"]}
        assert given == expected
        assert one["colorByAttribute"] == "label"


def test_the_annotate_tab_offers_names_and_nothing_that_is_no_persons_to_set(dataset: Any) -> None:
    offer_names(dataset, ["Sebastes", "Aegina", "Sebastes"])
    dataset.reload()
    if not CAN_OFFER:
        assert not hasattr(dataset, "label_schemas"), "a release without that tab is left alone"
        return
    schema = dataset.label_schemas["ground_truth"]
    assert schema["classes"] == ["Aegina", "Sebastes"]
    assert [one["name"] for one in schema["attributes"]] == ["iscrowd"]
    assert dataset.active_label_schemas == ["ground_truth"]
    offer_names(dataset, ["another"])
    assert dataset.label_schemas["ground_truth"] == schema  # somebody's choice stays


@pytest.mark.skipif(not hasattr(fo, "Taxonomy"), reason="this FiftyOne has no ontologies of names")
@pytest.mark.parametrize(
    ("others", "chosen_by"), [(["Sebastes", "Animalia"], NAMES_OF_BOXES), (["Nautilus x"], None)]
)
def test_names_are_chosen_on_the_tree_where_it_has_them_all(
    dataset: Any, others: list[str], chosen_by: str | None
) -> None:
    names = load_taxonomy().names
    save_concept_tree(load_taxonomy())
    offer_names(dataset, names, others)
    schema = dataset.label_schemas["ground_truth"]
    assert schema.get("applied_ontology") == chosen_by
    assert schema["classes"] == sorted({*names, *others})


def test_a_model_s_boxes_are_seen_through_those_without_a_name_unless_somebody_chose_otherwise(
    dataset: Any,
) -> None:
    def chosen(field: str) -> list[str]:
        dataset.reload()
        fields = {one["path"]: one["valueColors"] for one in dataset.app_config.color_scheme.fields}
        return [one["color"] for one in fields[field] if one["value"] == "none"]

    for _ in range(2):
        see_through_nameless(dataset, "ground_truth")
        (colour,) = chosen("ground_truth")
        *light, opacity = to_rgba(colour)
        assert min(light) > 0.9, "seen on dark water"
        assert 0.2 < opacity < 0.5
        assert not chosen("model_predictions")
    scheme = dataset.app_config.color_scheme
    scheme.fields[-1]["valueColors"].append({"value": "none", "color": "#123456"})
    dataset.save()
    see_through_nameless(dataset, scheme.fields[-1]["path"])
    assert chosen(scheme.fields[-1]["path"]) == ["#123456"]


def test_states_of_a_review_get_colours_beside_the_names_and_somebody_s_choice_stays(
    dataset: Any,
) -> None:
    scheme = dataset.app_config.color_scheme
    scheme.fields[0]["valueColors"].append({"value": "unsure", "color": "#000000"})
    dataset.save()
    for _ in range(2):
        colour_states(dataset, "ground_truth")
    dataset.reload()
    fields = {one["path"]: one for one in dataset.app_config.color_scheme.fields}
    values = fields["ground_truth"]["valueColors"]
    given = {one["value"]: one["color"] for one in values}
    assert len(given) == len(values), "none twice"
    assert given.keys() - concept_colours(load_taxonomy()).keys() == set(STATES)
    assert given["unsure"] == "#000000"
    for state in set(STATES) - {"unsure"}:
        assert luminance(given[state]) < 0.183, "white on it is read"
    others = {one["value"] for one in fields["model_predictions"]["valueColors"]}
    assert not others & set(STATES)
