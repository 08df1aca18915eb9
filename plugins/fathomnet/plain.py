"""Results as plain data."""

from __future__ import annotations

import dataclasses
import json
from typing import Any


def plain(value: Any) -> Any:
    """A result as JSON would read it back: dicts, lists, text, numbers."""
    return json.loads(json.dumps(value, default=dataclasses.asdict))
