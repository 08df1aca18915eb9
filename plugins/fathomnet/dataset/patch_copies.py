"""The patches that FiftyOne shows are a copy of boxes, which it makes once and then leaves."""

from __future__ import annotations

from typing import Any

from .box_states import STATE_KEYS, box_ids, read_states
from .label_fields import boxes_path, fields_holding
from .schema import declare


def update_patches(view: Any) -> None:
    """Gives the patches that a view shows the labels and ranks that their boxes have now.

    They are changed where they are: a copy made anew would take the old one from under whoever
    else looks at it.

    Args:
        view: any view; one that shows no patches of boxes is left alone.
    """
    import fiftyone as fo

    if not view._is_patches:
        return
    dataset, patches = view._root_dataset, view._dataset
    for field in fields_holding(patches, fo.Detection):
        path = boxes_path(dataset, field)
        boxes = box_ids(patches, path)
        states = {one.label_id: one.state for one in read_states(dataset, path, boxes)}
        kept = [key for key in STATE_KEYS if dataset.get_field(f"{path}.{key}") is not None]
        declare(patches, {f"{field}.{key}": fo.StringField() for key in kept})
        for key in kept:
            shown = zip(boxes, patches.values(f"{field}.{key}"), strict=True)
            values = {
                label_id: states[label_id].get(key)
                for (_, label_id), value in shown
                if label_id in states and states[label_id].get(key) != value
            }
            if values:
                # A patch has the id of its box.
                patches.set_values(f"{field}.{key}", values, key_field="id")
