"""The patches that FiftyOne shows are a copy of boxes, which it makes once and then leaves.

A saved view of patches remembers the name of its copy. FiftyOne clones a dataset with its saved
views, and with these names: both datasets then show the same copy, whatever their own boxes say.
What is written here is written into a copy that belongs to one dataset.
"""

import copy
import re
from collections.abc import Sequence
from typing import Any

from bson import ObjectId, json_util

from ..dataset.columns import dataset_of
from ..dataset.label_pipelines import is_list
from ..dataset.schema import boxes_path, declare, fields_holding, labels_path
from ..labels.verdicts import verdict_schema
from ..relabelling.box_states import STATE_KEYS, box_ids, read_states


def update_patches(view: Any) -> Any:
    """Gives the patches that a view shows the labels and ranks that their boxes have now.

    They are changed where they are: a copy made anew would take the old one from under whoever
    else looks at it. Only where another dataset's saved views show the same copy does this dataset
    get its own, which its saved views show from then on.

    Args:
        view: any view; one that shows no patches of boxes is left alone.

    Returns:
        The same view of the dataset's own copy; ``view`` itself where that was it already.
    """
    import fiftyone as fo

    if not view._is_patches:
        return view
    view = _own(view)
    dataset, patches = dataset_of(view), view._dataset
    for field in fields_holding(patches, fo.Detection):
        path = boxes_path(dataset, field)
        boxes = box_ids(patches, path)
        states = {one.label_id: one.state for one in read_states(dataset, path, boxes)}
        kept = [key for key in STATE_KEYS if dataset.get_field(f"{path}.{key}") is not None]
        kinds = verdict_schema(field)
        names = [f"{field}.{key}" for key in kept]
        declare(patches, {name: kinds.get(name) or fo.StringField() for name in names})
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
    return view


def view_of_boxes(view: Any, field: str, boxes: Sequence[tuple[str, str]]) -> Any:
    """A view of some boxes, like another one: of patches if that is, else of images.

    Args:
        view: what is shown now.
        field: the field of the boxes.
        boxes: sample id and label id of each.
    """
    ids = [label for _, label in boxes]
    if view._is_patches and field in view._label_fields:
        same = view._base_view.select(ids)
        if len(same) == len(ids):
            return same
    images = dataset_of(view).select(list(dict.fromkeys(sample for sample, _ in boxes)))
    if not is_list(labels_path(dataset_of(view), field)):
        return images
    wanted = {"$in": ["$$this._id", [ObjectId(id_) for id_ in ids]]}
    found = images.filter_labels(field, wanted)
    return found.to_patches(field) if view._is_patches else found


def _own(view: Any) -> Any:
    """A view of patches on a copy that no other dataset's saved views show."""
    from fiftyone.core.odm.views import SavedViewDocument

    dataset, shared = dataset_of(view), view._dataset.name
    # A saved view gives its dataset's id as text, the dataset as an id.
    named = re.compile(re.escape(f'"name": "{shared}"'))
    showing = SavedViewDocument.objects(view_stages=named)
    if all(str(one.dataset_id) == str(dataset._doc.id) for one in showing):
        return view
    stage = copy.deepcopy(view._patches_stage)
    stage._state = None  # or FiftyOne would take the copy that it names
    own = stage.load_view(view._source_collection)
    dataset._doc.reload("saved_views")
    for name in dataset.list_saved_views():
        saved = dataset._get_saved_view_doc(name)
        stages = [_renamed(one, shared, own._dataset.name) for one in saved.view_stages]
        if stages != list(saved.view_stages):
            saved.view_stages = stages
            saved.save()
            # Loading is what makes FiftyOne keep the copy of a saved view.
            dataset.load_saved_view(name)
    for later in view._stages:
        own = own.add_stage(later)
    return own


def _renamed(stage: str, before: str, after: str) -> str:
    """A stage as it is stored, with another copy where it names one."""
    document = json_util.loads(stage)
    state = dict(document["kwargs"]).get("_state")
    if not state or state.get("name") != before:
        return stage
    state["name"] = after  # the very dict that is among the arguments
    return str(json_util.dumps(document))
