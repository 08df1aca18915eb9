"""Files that are wrong or odd, and what is promised about each of them.

The tables are plain data: the tests of the readers use them, and so do the tests that run whole
stages and look whether anything was written.
"""

from __future__ import annotations

from tests.support.malformed_coco import MALFORMED_COCO
from tests.support.malformed_file import MalformedFile
from tests.support.malformed_predictions import MALFORMED_PREDICTIONS

__all__ = ["MALFORMED_COCO", "MALFORMED_PREDICTIONS", "MalformedFile"]
