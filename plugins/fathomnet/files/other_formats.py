"""What a file is that is neither a COCO file nor a table of predictions, and what reads it."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

LOOKED_AT: Final = 1 << 16
"""Bytes at the beginning of a file by which its format is recognised."""

_LOOKED_AT_AS_TEXT: Final = 20_000


@dataclass(frozen=True, slots=True)
class OtherFormat:
    """A format that people of this trade bring.

    Attributes:
        name: what such a file is, after "is" or "holds".
        as_annotations: what to do where a COCO file is wanted; empty where nothing better is known
            than the error of its text.
        as_predictions: what to do where a table of predictions is wanted.
        detections: the form by which ``prediction_files.detections`` reads its boxes; empty where
            it cannot.
    """

    name: str
    as_annotations: str
    as_predictions: str
    detections: str = ""


_NAME_BOXES: Final = "Give each annotated box a name, in a csv with annotation_id,concept_name."
_DETECTIONS: Final = (
    "These are boxes of their own, in a form that is not read. Convert them to COCO's results, or "
    "add them as FiftyOne's Detections and evaluate that field."
)
_OWN_BOXES: Final = (
    "These are boxes of their own: import them as detections, into a field of their own. To name "
    "annotated boxes instead, give a csv with annotation_id,concept_name."
)
_EXPORT: Final = "export the annotations as COCO JSON"


def _by_fiftyone(kind: str) -> str:
    return (
        f"FiftyOne imports it (fiftyone.Dataset.from_dir with fiftyone.types.{kind}), and most "
        "operators work on the dataset that it makes"
    )


_PAGE: Final = OtherFormat(
    "a web page, perhaps one to log in",
    "fetch the file itself, its raw form",
    "Download the file again.",
)
_CVAT: Final = OtherFormat(
    "a CVAT file, annotations in XML",
    f"export as COCO 1.0 from CVAT, or {_by_fiftyone('CVATImageDataset')}",
    _DETECTIONS,
)
_VOC: Final = OtherFormat(
    "a Pascal VOC file about one image, annotations in XML",
    _by_fiftyone("VOCDetectionDataset"),
    _DETECTIONS,
)
_XML: Final = OtherFormat("XML", _EXPORT, _NAME_BOXES)
_YOLO: Final = OtherFormat(
    "YOLO's labels of an image (txt)",
    _by_fiftyone("YOLOv5Dataset"),
    f"{_OWN_BOXES} Name their folder, with data.yaml or classes.txt in it.",
    "YOLO",
)
_YOLO_SETTINGS: Final = OtherFormat(
    "the settings file (YAML) of a YOLO data set", _by_fiftyone("YOLOv5Dataset"), _NAME_BOXES
)
_IFDO: Final = OtherFormat(
    "an iFDO file, which describes images",
    "export the annotations as COCO from where they were made, such as BIIGLE",
    _NAME_BOXES,
)
_YAML: Final = OtherFormat("YAML", _EXPORT, _NAME_BOXES)
_VIAME: Final = OtherFormat(
    "a VIAME CSV", "open it in DIVE or VIAME and export it as COCO JSON", _DETECTIONS
)
_SPECIES_NET: Final = OtherFormat(
    "SpeciesNet's results", "see import_predictions", _NAME_BOXES, "MegaDetector"
)
_MEGA_DETECTOR: Final = OtherFormat(
    "MegaDetector's detections", "see import_predictions", _OWN_BOXES, "MegaDetector"
)
_ULTRALYTICS: Final = OtherFormat(
    "Ultralytics' detections, named by image files",
    "see import_predictions",
    _OWN_BOXES,
    "COCO results",
)
_COCO_RESULTS: Final = OtherFormat(
    "a list of detections in COCO's results format",
    "see import_predictions",
    _OWN_BOXES,
    "COCO results",
)
_COCO: Final = OtherFormat(
    "a COCO annotations file",
    "",
    "Ingest it by ingest_dataset; predictions come in a csv with annotation_id,concept_name.",
)
_LABEL_STUDIO: Final = OtherFormat(
    "Label Studio's own JSON", "export as COCO from Label Studio", _NAME_BOXES
)
_JSON_LINES: Final = OtherFormat(
    "JSON Lines, one object a line", "export it as COCO JSON", _NAME_BOXES
)
_JSON: Final = OtherFormat("JSON", "", _NAME_BOXES)
_POINTER: Final = OtherFormat(
    "a pointer of Git LFS in place of the file",
    "fetch the file itself (git lfs pull)",
    "Fetch the file itself (git lfs pull).",
)
_OF_FATHOMNET: Final = OtherFormat(
    "a list of images as FathomNet's own service answers",
    "ask for COCO (fathomnet-generate --format coco)",
    _NAME_BOXES,
)
_CREATE_ML: Final = OtherFormat("a CreateML file", _EXPORT, _DETECTIONS)
_WRAPPED: Final = OtherFormat(
    "a list of COCO files", "give each file by itself, without the brackets around it", _NAME_BOXES
)
_WRAPPED_RESULTS: Final = OtherFormat(
    "a list of detections within an object",
    "see import_predictions",
    "Write the list alone, which is COCO's results format.",
)
_OF_VIA: Final = OtherFormat(
    "annotations of VIA in its own JSON", "export as COCO from VIA", _NAME_BOXES
)
_FATHOMNET_2023: Final = OtherFormat(
    "a submission of FathomNet 2023, which names the concepts of images and not of boxes",
    _EXPORT,
    _NAME_BOXES,
)

_OF_MEMBERS: Final = (
    (("image-set-header", "image-set-items"), _IFDO),
    (
        ("_via_img_metadata",),
        OtherFormat("a project of VIA", "export as COCO from VIA", _NAME_BOXES),
    ),
    (
        ("shapes",),
        OtherFormat("a LabelMe file about one image", "convert it to COCO JSON", _DETECTIONS),
    ),
    (("predictions", "classifications", "prediction_source"), _SPECIES_NET),
    (("detection_categories", "max_detection_conf", "conf"), _MEGA_DETECTOR),
    (
        ("tracks",),
        OtherFormat("DIVE's own JSON", "export as COCO JSON from DIVE", _DETECTIONS),
    ),
    (("features",), OtherFormat("GeoJSON", _EXPORT, _NAME_BOXES)),
)
"""Members of a JSON object by which it is known; the first that there is counts."""

_NEVER_IN_COCO: Final = {
    *("detections", "detection_categories", "classifications", "features"),
}
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_MEMBER: Final = re.compile(r'"([^"\\]{1,60})"\s*:')
_NAMED_IMAGE: Final = re.compile(r'"image_id"\s*:\s*"')
_COCO_BEGINS: Final = re.compile(
    r'\{\s*"(?:info|licen[cs]es|images|annotations|categories|videos|type)"', re.IGNORECASE
)
_JSON_BEGINS: Final = re.compile(r'[\[{]\s*["\[{\]}]')
_EMPTY_LIST: Final = re.compile(r"\[\s*\]")
_YAML_BEGINS: Final = re.compile(
    r"^(?:%YAML|---\s*$)|\A(?:\s*#[^\n]*\n)*\s*[A-Za-z_][\w .-]*:(?:\s|$)", re.MULTILINE
)
_YOLO_LINE: Final = re.compile(r"\d+(?:\s+-?[0-9]*\.?[0-9]+(?:[eE]-?\d+)?){4,}\s*")
_VIAME_HEAD: Final = re.compile(r"#\s*1:\s*Detection or Track", re.IGNORECASE)
_OBJECTS_ON_LINES: Final = re.compile(r"\s*\{[^\n]*\}\s*\n\s*\{[^\n]*\}\s*(?:\n|\Z)")
_OF_HEADS: Final = (
    (re.compile(r'"?id"?,"?categories"?\b', re.IGNORECASE), _FATHOMNET_2023),
    (re.compile("version https://git-lfs"), _POINTER),
)


def other_format(content: bytes) -> OtherFormat | None:
    """What a file is of which a table of predictions was hoped for; None for any table.

    Args:
        content: its beginning, of ``LOOKED_AT`` bytes, or all of it.

    Examples:
        >>> other_format(b'[{"image_id": 1, "bbox": [0, 0, 9, 9], "score": 0.8}]').name
        "a list of detections in COCO's results format"
        >>> other_format(b"annotation_id,concept_name") is None
        True
    """
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8"
    beginning = content[:LOOKED_AT].removeprefix(b"\xef\xbb\xbf").decode(encoding, "ignore")
    return _of_beginning(beginning.lstrip("\ufeff \t\r\n"))


def format_of_text(text: str) -> OtherFormat | None:
    """What a text is of which a COCO file was hoped for, and that is not even JSON.

    Examples:
        >>> format_of_text("0 0.5 0.5 0.1 0.1").name
        "YOLO's labels of an image (txt)"
    """
    beginning = text[:_LOOKED_AT_AS_TEXT].lstrip("\ufeff \t\r\n")
    if beginning[:1] not in ("{", '"', "["):
        return _of_beginning(beginning) or _of_table(beginning)
    return _JSON_LINES if _OBJECTS_ON_LINES.match(text) else None


def format_of_object(content: object) -> OtherFormat | None:
    """What JSON of another kind than COCO's is; None where it may be COCO's.

    Examples:
        >>> format_of_object({"image-set-header": {}}).name
        'an iFDO file, which describes images'
    """
    if isinstance(content, list):
        first = content[0] if content and isinstance(content[0], Mapping) else {}
        return _of_list(set(first), isinstance(first.get("image_id"), str))
    if not isinstance(content, Mapping) or ("annotations" in content and "images" in content):
        return None
    if any(_is_via(value) for value in islice(content.values(), 1)):
        return _OF_VIA
    return _of_object(set(content))


def _is_via(value: object) -> bool:
    return isinstance(value, Mapping) and {"filename", "regions"} <= value.keys()


def _of_beginning(beginning: str) -> OtherFormat | None:
    if beginning[:1] in ("{", "["):
        return _of_json(beginning) if _JSON_BEGINS.match(beginning) else None
    if beginning[:1] == "<":
        return _of_markup(beginning)
    if _YAML_BEGINS.match(beginning):
        return _of_yaml(beginning)
    known = next((kind for head, kind in _OF_HEADS if head.match(beginning)), None)
    if known:
        return known
    lines = [line for line in beginning.splitlines()[:-1] if line.strip()]
    if all(map(_YOLO_LINE.fullmatch, lines or [beginning])):
        return _YOLO
    return _VIAME if _VIAME_HEAD.search(beginning) else None


def _of_json(beginning: str) -> OtherFormat:
    """What JSON is of which only the beginning is known, so that members may be of any object."""
    members = set(_MEMBER.findall(beginning))
    if _EMPTY_LIST.match(beginning):
        known: OtherFormat | None = _COCO_RESULTS
    elif beginning[0] == "[":
        known = _of_list(members, bool(_NAMED_IMAGE.search(beginning)))
    elif members & _NEVER_IN_COCO or not _COCO_BEGINS.match(beginning):
        known = _of_object(members)
    else:
        known = _COCO
    return known or _JSON


def _of_list(members: set[str], names_images: bool) -> OtherFormat | None:
    if members & {"classifications", "prediction_source"}:
        return _SPECIES_NET
    if members & {"boundingBoxes", "bounding_boxes"}:
        return _OF_FATHOMNET
    if {"images", "annotations"} <= members:
        return _WRAPPED
    if {"image", "annotations"} <= members and "data" not in members:
        return _CREATE_ML
    if members & {"image_id", "file_name"} and members & {"score", "bbox"}:
        return _ULTRALYTICS if names_images or "image_id" not in members else _COCO_RESULTS
    return _LABEL_STUDIO if members & {"data", "annotations"} else None


def _of_object(members: set[str]) -> OtherFormat | None:
    if {"image_id", "bbox"} <= members and not members & {"images", "annotations"}:
        return _WRAPPED_RESULTS
    return next((kind for names, kind in _OF_MEMBERS if members.intersection(names)), None)


def _of_markup(beginning: str) -> OtherFormat:
    if re.search(r"<html|<!doctype html", beginning, re.IGNORECASE):
        return _PAGE
    if re.search(r"<annotations\b", beginning):
        return _CVAT
    return _VOC if re.search(r"<annotation\b", beginning) else _XML


def _of_yaml(beginning: str) -> OtherFormat:
    if "image-set-header" in beginning or "image-set-items" in beginning:
        return _IFDO
    is_yolo = re.search(r"^(?:names|nc)\s*:", beginning, re.MULTILINE)
    return _YOLO_SETTINGS if is_yolo else _YAML


def _of_table(beginning: str) -> OtherFormat | None:
    lines = [line for line in beginning.splitlines() if line.strip()]
    for separator in ",\t;":
        rows = list(csv.reader((one for one in lines[:50] if one[0] != "#"), delimiter=separator))
        if len(rows) < 2 or len(rows[0]) < 2 or len(rows[1]) < 2:
            continue
        names = {name.strip().casefold() for name in rows[0]}
        if {"annotation_id", "concept_name"} <= names:
            return OtherFormat("a table of predictions", "import_predictions reads it", "")
        if len(rows[0]) >= 10 and all(one[2:3] and one[2].strip().isdigit() for one in rows[:3]):
            return _VIAME
        for_predictions = "a table of predictions is for import_predictions"
        return OtherFormat("a table (CSV)", f"{_EXPORT}; {for_predictions}", "")
    return None
