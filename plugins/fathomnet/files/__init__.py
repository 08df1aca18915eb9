"""Reads and checks the files that users bring, and writes files whole, without FiftyOne."""

from .faults import FaultList
from .reading import SourceFile, decode, read_source
from .safe_values import safe_file_name
from .writing import (
    OtherVersionError,
    PartFile,
    Version,
    is_part,
    remove_if_abandoned,
    version_of,
    write_whole,
)

__all__ = [
    "FaultList",
    "OtherVersionError",
    "PartFile",
    "SourceFile",
    "Version",
    "decode",
    "is_part",
    "read_source",
    "remove_if_abandoned",
    "safe_file_name",
    "version_of",
    "write_whole",
]
