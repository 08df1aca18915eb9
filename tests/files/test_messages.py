"""A message is a screen at most, whatever is in a file or in the field for its path."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.errors import LONGEST_MESSAGE, DatasetError, FathomNetError, InputError
from fathomnet_voxel51.files.writing import folder_problem
from fathomnet_voxel51.needles.packs import read_pack
from fathomnet_voxel51.prediction_files import read_predictions
from fathomnet_voxel51.taxonomy.table import COLUMNS, read_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

READERS: dict[str, Callable[[str], Any]] = {
    "predictions": lambda path: read_predictions(path, lambda name: name),
    "catalog": read_catalog,
    "pack": read_pack,
    "taxonomy": lambda path: read_table(Path(path)),
}
TEXTS = st.one_of(
    st.text(max_size=8),
    st.text(min_size=1, max_size=20).map(lambda text: text * 500),
    st.integers().map(lambda number: str(number) * 50),
)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(TEXTS, inner, max_size=30),
    max_leaves=30,
)
RECORDS = st.lists(
    st.dictionaries(
        st.sampled_from(
            ["id", "file_name", "width", "height", "coco_url", "date_captured", "license", "name",
             "image_id", "bbox", "category_id", "area", "iscrowd"]
        ),
        VALUES | st.just(1),
    ),
    max_size=30,
)  # fmt: skip

LARGE = (HealthCheck.data_too_large, HealthCheck.too_slow)
"""Long texts are what is tried."""


def said(read: Callable[[str], Any], path: Path) -> None:
    """Reads, and holds what is said against the limit; no other error may come."""
    try:
        found = read(str(path))
    except FathomNetError as error:
        assert len(str(error)) <= LONGEST_MESSAGE
    else:
        assert all(len(str(note)) <= LONGEST_MESSAGE for note in getattr(found, "notes", ()))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", ["x" * 300, "x" * 5_000, "x/" * 3_000, '[{"image_id": 1}' * 400])
def test_what_is_no_path_is_not_there(reader: str, text: str) -> None:
    with pytest.raises(InputError, match="there is no") as refused:
        READERS[reader](text)
    assert len(str(refused.value)) < 500
    assert folder_problem(text) == ""  # it is the first that cannot be made which is told


@given(rows=st.lists(st.lists(TEXTS, max_size=9), max_size=30), with_header=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=LARGE)
def test_tables_of_the_taxonomy(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], with_header: bool
) -> None:
    sink = io.StringIO()
    csv.writer(sink).writerows([*([list(COLUMNS)] if with_header else []), *rows])
    path = tmp_path_factory.mktemp("table") / "taxonomy.csv"
    path.write_bytes(sink.getvalue().encode("utf-8", "replace"))
    said(READERS["taxonomy"], path)


@given(
    pack=st.fixed_dictionaries(
        {"name": TEXTS, "version": VALUES, "title": TEXTS},
        optional={"description": TEXTS, "negatives": VALUES, "needles": VALUES, "x" * 3_000: TEXTS},
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=LARGE)
def test_packs_of_needles(tmp_path_factory: pytest.TempPathFactory, pack: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("pack") / "pack.yaml"
    path.write_bytes(yaml.safe_dump(pack).encode("utf-8", "replace"))
    said(READERS["pack"], path)


@given(images=RECORDS, boxes=RECORDS, categories=RECORDS, others=VALUES)
@settings(max_examples=25, deadline=None, suppress_health_check=LARGE)
def test_catalogs(
    tmp_path_factory: pytest.TempPathFactory, images: Any, boxes: Any, categories: Any, others: Any
) -> None:
    path = tmp_path_factory.mktemp("catalog") / "catalog.json"
    content = {"images": images, "annotations": boxes, "categories": categories}
    for more in ({}, {"licenses": others, "info": others}):
        path.write_text(json.dumps(content | more))
        said(READERS["catalog"], path)


def test_every_error_of_the_project_is_a_screen_at_most_also_from_another_process() -> None:
    for error in (DatasetError("y" * 9_000), InputError("z" * 9_000, [], "a" * 9_000)):
        again = pickle.loads(pickle.dumps(error))  # its own
        assert len(str(error)) <= LONGEST_MESSAGE
        assert str(again) == str(error)
