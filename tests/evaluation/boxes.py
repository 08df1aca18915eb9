"""Boxes of which datasets to evaluate are made."""

from __future__ import annotations

import fiftyone as fo

Box = tuple[str | None, tuple[float, float, float, float]]
LEFT, RIGHT = (0.0, 0.0, 0.4, 0.4), (0.5, 0.5, 0.4, 0.4)


def detections(boxes: list[Box]) -> fo.Detections:
    return fo.Detections(
        detections=[
            fo.Detection(label=label, bounding_box=list(box), annotation_id=number)
            for number, (label, box) in enumerate(boxes, start=1)
        ]
    )
