"""Annotations that are not COCO JSON: what a file is instead, and what reads it."""

import csv
import re
from collections.abc import Mapping
from typing import Final

_BY_FIFTYONE: Final = (
    "FiftyOne imports it (fiftyone.Dataset.from_dir with fiftyone.types.{type}), and most "
    "operators work on the dataset that it makes"
)
_VOC: Final = "is a Pascal VOC file (XML) about one image, not COCO JSON: " + _BY_FIFTYONE.format(
    type="VOCDetectionDataset"
)
_CVAT: Final = "is a CVAT file (XML), not COCO JSON: export as COCO 1.0 from CVAT, or " + (
    _BY_FIFTYONE.format(type="CVATImageDataset")
)
_YOLO: Final = "is {what} of a YOLO data set, not COCO JSON: " + _BY_FIFTYONE.format(
    type="YOLOv5Dataset"
)
_IFDO: Final = (
    "is an iFDO file, which describes images, not COCO JSON: export the annotations as COCO from "
    "where they were made, such as BIIGLE"
)
_VIAME: Final = "is a VIAME CSV, not COCO JSON: open it in DIVE or VIAME and export it as COCO JSON"
_LABEL_STUDIO: Final = "is Label Studio's own JSON, not COCO JSON: export as COCO from Label Studio"

_BEGINNING: Final = 20_000
"""Characters that are looked at."""

_XML: Final = (
    (re.compile(r"<html|<!doctype html", re.IGNORECASE), "is a web page, not COCO JSON: fetch the "
     "file itself, its raw form"),
    (re.compile(r"<annotations\b"), _CVAT),
    (re.compile(r"<annotation\b"), _VOC),
)  # fmt: skip
_YAML: Final = re.compile(
    r"^(?:%YAML|---\s*$)|\A(?:\s*#[^\n]*\n)*\s*[A-Za-z_][\w .-]*:(?:\s|$)", re.MULTILINE
)
_YOLO_LINE: Final = re.compile(r"\d+(?:\s+[0-9]*\.?[0-9]+(?:[eE]-?\d+)?){4,}\s*")
_VIAME_HEAD: Final = re.compile(r"#\s*1:\s*Detection or Track", re.IGNORECASE)


def format_of_text(text: str) -> str:
    """What a text that is not JSON is, and what reads it; empty where that is not known.

    Examples:
        >>> format_of_text("0 0.5 0.5 0.1 0.1").partition(":")[0]
        'is a label file (txt) of a YOLO data set, not COCO JSON'
    """
    beginning = text[:_BEGINNING].lstrip("\ufeff \t\r\n")
    lines = [line for line in beginning.splitlines() if line.strip()]
    if not lines or beginning[0] in '{["':
        return _of_json_lines(lines)
    if beginning[0] == "<":
        known = (words for pattern, words in _XML if pattern.search(beginning))
        return next(known, "is XML, not COCO JSON: export the annotations as COCO JSON")
    if _YAML.match(beginning):
        return _of_yaml(beginning)
    whole_lines = lines if len(text) <= _BEGINNING else lines[:-1]
    if whole_lines and all(map(_YOLO_LINE.fullmatch, whole_lines)):
        return _YOLO.format(what="a label file (txt)")
    return _VIAME if _VIAME_HEAD.search(beginning) else _of_table(lines)


def _of_yaml(beginning: str) -> str:
    if "image-set-header" in beginning or "image-set-items" in beginning:
        return _IFDO
    if re.search(r"^(?:names|nc)\s*:", beginning, re.MULTILINE):
        return _YOLO.format(what="the settings file (YAML)")
    return "is YAML, not COCO JSON: export the annotations as COCO JSON"


def _of_json_lines(lines: list[str]) -> str:
    is_whole = [line.strip()[:1] == "{" and line.strip()[-1:] == "}" for line in lines[:2]]
    if is_whole == [True, True]:
        return "is JSON Lines, one object a line, not COCO JSON: export it as COCO JSON"
    return ""


def _of_table(lines: list[str]) -> str:
    for separator in ",\t;":
        rows = list(csv.reader((one for one in lines[:50] if one[0] != "#"), delimiter=separator))
        if len(rows) < 2 or len(rows[0]) < 2 or len(rows[1]) < 2:
            continue
        names = {name.strip().casefold() for name in rows[0]}
        if {"annotation_id", "concept_name"} <= names:
            return "is a table of predictions, not COCO JSON: import_predictions reads it"
        if len(rows[0]) >= 10 and all(one[2:3] and one[2].strip().isdigit() for one in rows[:3]):
            return _VIAME
        return (
            "is a table (CSV), not COCO JSON: export the annotations as COCO JSON; a table of "
            "predictions is for import_predictions"
        )
    return ""


def format_of_object(content: object) -> str:
    """What JSON of another kind than COCO's is, and what reads it; empty where it may be COCO's.

    Examples:
        >>> format_of_object({"image-set-header": {}}).partition(",")[0]
        'is an iFDO file'
    """
    if isinstance(content, list):
        first = content[0] if content and isinstance(content[0], Mapping) else {}
        if "image_id" in first and "score" in first:
            return "is a list of predictions (COCO results), not COCO JSON: see import_predictions"
        return _LABEL_STUDIO if "data" in first or "annotations" in first else ""
    if not isinstance(content, Mapping) or ("annotations" in content and "images" in content):
        return ""
    kinds = (
        ("image-set-header", _IFDO),
        ("image-set-items", _IFDO),
        ("_via_img_metadata", "is a project of VIA, not COCO JSON: export as COCO from VIA"),
        ("shapes", "is a LabelMe file about one image, not COCO JSON: convert it to COCO JSON"),
        ("predictions", "holds predictions (SpeciesNet), not COCO JSON: see import_predictions"),
        ("detection_categories", "holds detections (MegaDetector), not COCO JSON: convert them"),
        ("tracks", "is DIVE's own JSON, not COCO JSON: export as COCO JSON from DIVE"),
        ("features", "is GeoJSON, not COCO JSON: export the annotations as COCO JSON"),
    )
    return next((words for member, words in kinds if member in content), "")
