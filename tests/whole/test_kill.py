"""Kill -9 at any instant, run again: the dataset that an undisturbed run makes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset import public_writes, writes
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.evaluation import evaluate as evaluation
from fathomnet_voxel51.ingest import ingest as samples
from fathomnet_voxel51.predictions import importing as prediction_import
from fathomnet_voxel51.taxonomy import load_taxonomy

from demo.synthetic import write_catalog, write_predictions_csv
from tests.support.forking import forking, wait_for_the_import
from tests.support.stored import documents, settings

IMAGES = 240
BOXES = 600
BATCH = 12
"""20 small batches make many instants at which a part is written."""

KILLS = {"collection": 12, "public API": 4}
KILLS_OF_CROPS = {"collection": 4, "public API": 1}
"""Their stages are those of boxes, on other documents."""
MID_WRITE_AT_LEAST = {"collection": 3, "public API": 1}
NAME = "test-killed"
FIELD = "model_predictions"
EVALUATION = "evaluated"
VOLATILE = frozenset({"_dataset_id", "created_at", "last_modified_at"})


@dataclass(frozen=True)
class Files:
    """The input of both stages."""

    catalog: str
    predictions: str
    crops: str
    of_crops: str


def ingest(files: Files, recreate: bool = False, progress: Any = None) -> None:
    samples.BATCH, writes.IMPORTED_AT_ONCE = BATCH, 1
    samples.ingest_dataset(
        NAME,
        train_annotations=files.catalog,
        media_root="/media",
        recreate=recreate,
        progress=progress or (lambda share, label: None),
    )


def ingest_crops(files: Files, progress: Any = None) -> None:
    samples.BATCH, writes.IMPORTED_AT_ONCE = BATCH, 1
    samples.ingest_crops(NAME, table=files.crops, progress=progress or (lambda share, label: None))


def recreate(files: Files, progress: Any = None) -> None:
    ingest(files, recreate=True, progress=progress)


def import_of_crops(files: Files, progress: Any = None) -> None:
    import_(replace(files, predictions=files.of_crops), progress)


def import_(files: Files, progress: Any = None) -> None:
    writes.BATCH = public_writes.BATCH = BATCH
    prediction_import.import_predictions(
        fo.load_dataset(NAME),
        files.predictions,
        split="train",
        field=FIELD,
        progress=progress or (lambda share, label: None),
    )


def evaluate(files: Files, progress: Any = None) -> None:
    writes.BATCH = public_writes.BATCH = BATCH
    evaluation.evaluate_predictions(
        fo.load_dataset(NAME),
        pred_field=FIELD,
        eval_key=EVALUATION,
        progress=progress or (lambda share, label: None),
    )


def watched(stage: Callable[..., None], files: Files, written_share: Synchronized[float]) -> None:
    """Runs a stage and says, to the process that will kill it, what share it has written."""

    def progress(share: float, label: str) -> None:
        if "adding" in label or "writing" in label:
            written_share.value = share

    stage(files, progress=progress)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    catalog = write_catalog(folder / "coco.json", IMAGES, BOXES, seed=6)
    write_predictions_csv(folder / "predictions.csv", catalog)
    names = load_taxonomy().concepts
    labels = [names[number % 7] for number in range(IMAGES)]
    crops, of_crops = folder / "crops.csv", folder / "of_crops.csv"
    with crops.open("w") as table:
        table.write("path,label,confidence,external_id,depth\n")
        table.writelines(f"{at}.png,{one},0.{at},x{at},{at}\n" for at, one in enumerate(labels))
    with of_crops.open("w") as table:
        table.write("external_id,label,confidence,label_2,confidence_2\n")
        table.writelines(
            f"x{at},{names[at % 5]},0.5{at},{one},0.25\n" for at, one in enumerate(labels)
        )
    return Files(str(catalog), str(folder / "predictions.csv"), str(crops), str(of_crops))


def content() -> tuple[Any, Any]:
    dataset = fo.load_dataset(NAME, reload=True)
    return documents(dataset, VOLATILE), settings(dataset)


def delete_dataset() -> None:
    if fo.dataset_exists(NAME):
        fo.delete_dataset(NAME)


def delete_predictions() -> None:
    dataset = fo.load_dataset(NAME, reload=True)
    if dataset.has_field(FIELD):
        dataset.delete_sample_field(FIELD)
    for run in dataset.list_runs():
        if run.startswith("import_"):
            dataset.delete_run(run)


def delete_evaluation() -> None:
    dataset = fo.load_dataset(NAME, reload=True)
    if dataset.has_evaluation(EVALUATION):
        dataset.delete_evaluation(EVALUATION)


def samples_there() -> int:
    return len(fo.load_dataset(NAME, reload=True)) if fo.dataset_exists(NAME) else 0


def predicted_images() -> int:
    dataset = fo.load_dataset(NAME, reload=True)
    return dataset.exists(FIELD).count() if dataset.has_field(FIELD) else 0


def evaluated_images() -> int:
    dataset = fo.load_dataset(NAME, reload=True)
    field = f"{EVALUATION}_tp"
    return dataset.exists(field).count() if dataset.has_field(field) else 0


def seconds_undisturbed(
    stage: Callable[..., None], files: Files, start_over: Callable[[], None]
) -> float:
    """How long a process takes to run a stage to its end."""
    wait_for_the_import()
    start_over()
    started = time.monotonic()
    process = forking.Process(target=stage, args=(files,))
    process.start()
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - started


def kill_often(
    stage: Callable[..., None],
    repeat: Callable[..., None],
    files: Files,
    start_over: Callable[[], None],
    written: Callable[[], int],
    way: str,
    kills: Mapping[str, int] = KILLS,
) -> None:
    """Kills a stage at random instants, repeats it, and compares with what was before.

    Half of the instants lie anywhere between start and end, half at a random share of the writing.
    Some of the kills must leave a part of the images written.
    """
    expected = content()
    seconds = seconds_undisturbed(stage, files, start_over)
    draw = random.Random(7)
    mid_write = 0
    for number in range(kills[way]):
        start_over()
        share = forking.Value("d", 0.0)
        process = forking.Process(target=watched, args=(stage, files, share))
        process.start()
        if number % 2:
            wait_for(share, draw.uniform(0.05, 0.8), process)
        else:
            time.sleep(draw.uniform(0.0, seconds))
        process.kill()
        process.join()
        mid_write += 0 < written() < IMAGES
        repeat(files)
        assert content() == expected, f"kill {number}"
    fo.delete_non_persistent_datasets()
    assert [name for name in fo.list_datasets() if NAME in name] == [NAME]
    assert mid_write >= MID_WRITE_AT_LEAST[way] * kills[way] // KILLS[way]


def wait_for(share: Synchronized[float], target: float, process: Any) -> None:
    while share.value < target and process.is_alive():
        time.sleep(0.0005)


@pytest.fixture(autouse=True)
def nothing_else_there() -> Iterator[None]:
    delete_dataset()
    yield
    delete_dataset()


def prepare(files: Files, *some: Callable[..., None]) -> None:
    """What is there before the stage of a test, made the quicker way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PUBLIC_API, "0")
        for stage in some:
            stage(files)


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="it is killed at random instants, 12 in the collection, 4 by the public API",
    end="run again, each time the dataset of an undisturbed run, bit for bit",
)
def test_an_ingest_that_is_killed_and_repeated_gives_the_undisturbed_dataset(
    files: Files, either_way: str
) -> None:
    ingest(files)
    kill_often(ingest, ingest, files, delete_dataset, samples_there, either_way)


@pytest.mark.fault(
    operator="ingest_crops",
    happens="it is killed at random instants, 4 in the collection, 1 by the public API",
    end="run again, each time the dataset of an undisturbed run, bit for bit",
)
@pytest.mark.fault(
    operator="import_predictions",
    happens="onto crops, it is killed at random instants, 4 in the collection, 1 by the public API",
    end="run again, each time the predictions and the record of an undisturbed run",
)
def test_crops_and_their_predictions_survive_kills(files: Files, either_way: str) -> None:
    ingest_crops(files)
    kill_often(
        ingest_crops,
        ingest_crops,
        files,
        delete_dataset,
        samples_there,
        either_way,
        KILLS_OF_CROPS,
    )
    import_of_crops(files)
    kill_often(
        import_of_crops,
        import_of_crops,
        files,
        delete_predictions,
        predicted_images,
        either_way,
        KILLS_OF_CROPS,
    )


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="recreating it is killed at random instants, 12 in the collection, 4 by the public API",
    end="run again, each time the dataset of an undisturbed run; none is left over",
)
def test_a_dataset_whose_recreation_is_killed_is_whole_again_after_an_ingest(
    files: Files, either_way: str
) -> None:
    ingest(files)
    kill_often(recreate, ingest, files, lambda: None, samples_there, either_way)


@pytest.mark.fault(
    operator="import_predictions",
    happens="it is killed at random instants, 12 in the collection, 4 by the public API",
    end="run again, each time the predictions and the record of an undisturbed run",
)
def test_an_import_that_is_killed_and_repeated_gives_the_undisturbed_dataset(
    files: Files, either_way: str
) -> None:
    prepare(files, ingest)
    import_(files)
    kill_often(import_, import_, files, delete_predictions, predicted_images, either_way)


@pytest.mark.fault(
    operator="evaluate_predictions",
    happens="it is killed at random instants, 12 in the collection, 4 by the public API",
    end="run again, each time the verdicts and results of an undisturbed run",
)
def test_an_evaluation_that_is_killed_and_repeated_gives_the_undisturbed_dataset(
    files: Files, either_way: str
) -> None:
    prepare(files, ingest, import_)
    evaluate(files)

    def repeat(files: Files) -> None:
        evaluate(files)
        results = fo.load_dataset(NAME, reload=True).load_evaluation_results(EVALUATION)
        assert len(results.ytrue) == BOXES

    kill_often(evaluate, repeat, files, delete_evaluation, evaluated_images, either_way)
