"""COCO JSON, read and checked: the records that everything else starts from."""

from .catalog import BoxRecord, Catalog, ImageRecord, merge_catalogs, read_catalog
from .coco import LARGEST_SIDE, parse_coco
from .coco_reader import CocoReader, Measure

__all__ = [
    "LARGEST_SIDE",
    "BoxRecord",
    "Catalog",
    "CocoReader",
    "ImageRecord",
    "Measure",
    "merge_catalogs",
    "parse_coco",
    "read_catalog",
]
