"""FiftyOne's own calls for many samples: ``values`` reads a column, ``set_values`` writes it.

There is nothing of the kind for an ingest: ``add_samples`` of the plain way is it already.
"""

from __future__ import annotations

import csv
from collections import Counter

from benchmarks.job import SPLIT, Inputs, Job
from benchmarks.plain import declare_boxes


def primary(inputs: Inputs) -> Job:
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)

    def job() -> int:
        labels = []
        for of_sample in dataset.values("ground_truth.detections.label"):
            counts = Counter(label for label in of_sample or () if label)
            name = counts.most_common(1)[0][0] if counts else None
            labels.append(fo.Classification(label=name) if name else None)
        dataset.set_values("primary_label", labels)
        return sum(label is not None for label in labels)

    return job


def predictions(inputs: Inputs) -> Job:
    import fiftyone as fo

    dataset = fo.load_dataset(inputs.dataset)

    def job() -> int:
        with inputs.predictions.open(newline="") as file:
            names = {int(row["annotation_id"]): row["concept_name"] for row in csv.DictReader(file)}
        view = dataset.match_tags(SPLIT)
        path = "ground_truth.detections"
        columns = view.values([f"{path}.annotation_id", f"{path}.bounding_box"])
        predicted = [
            fo.Detections(
                detections=[
                    fo.Detection(label=names[id_], bounding_box=box, annotation_id=id_)
                    for id_, box in zip(ids or (), boxes or (), strict=True)
                    if id_ in names
                ]
            )
            for ids, boxes in zip(*columns, strict=True)
        ]
        # Declared, since ``dynamic=True`` looks for new attributes in every box.
        declare_boxes(dataset, "model_predictions", annotation_id=fo.IntField)
        view.set_values("model_predictions", predicted)
        return sum(len(one.detections) for one in predicted)

    return job
