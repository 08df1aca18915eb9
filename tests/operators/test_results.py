"""How results are shown: what the App would show badly is made readable."""

from __future__ import annotations

from typing import Any

from fathomnet_voxel51.operators.results import build
from fathomnet_voxel51.text import literal


def shown(result: dict[str, Any]) -> dict[str, Any]:
    """The values that the App shows, by their names."""
    properties = build("A result", result).type.properties
    return {name.lstrip("_"): one.default for name, one in properties.items()}


def test_lists_in_a_table_are_separated_and_cut() -> None:
    leak = {"sides": ["train", "val"], "share": 0.12345, "examples": ["Ventana 3446"] * 20}
    (row,) = shown({"leaks": [leak]})["leaks"]
    assert row["sides"] == "train, val"
    assert row["share"] == 0.123
    assert row["examples"].startswith("Ventana 3446, Ventana 3446, ")
    assert len(row["examples"]) == 80


def test_values_are_words_for_a_person() -> None:
    values = {"changed": 12000, "dry_run": True, "journal": "", "sides": ["train", "val"]}
    assert shown(values) == {
        "changed": "12,000",
        "dry_run": "yes",
        "journal": "none",
        "sides": "train, val",
    }


def test_no_sign_of_a_text_is_taken_for_markdown() -> None:
    assert literal("1. ingest_dataset") == r"1\. ingest\_dataset"
    assert literal("- none") == r"\- none"
    assert literal("2.5 of 10 (1.)") == "2.5 of 10 (1.)"
