"""What a person names in a bucket is read and written like what is on this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.errors import DatasetError, InputError, SetupError
from fathomnet_voxel51.files import reading
from fathomnet_voxel51.files.credentials import EMULATOR_VARIABLE
from fathomnet_voxel51.files.places import CloudPath, place
from fathomnet_voxel51.files.reading import read_source
from fathomnet_voxel51.files.writing import folder_problem
from fathomnet_voxel51.ingest import ingest_crops
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.operators.forms import once_a_version
from fathomnet_voxel51.prediction_files import read_predictions
from fathomnet_voxel51.report.report import report_files

from demo.emulator import Emulator
from demo.synthetic import write_catalog
from tests.enterprise.conftest import Deploy

FOLDER = "gs://deep-sea/some files/été"


def put(bucket: Emulator, name: str, content: bytes) -> str:
    CloudPath(f"{FOLDER}/{name}").write_bytes(content)
    assert (bucket.files / "some files/été" / name).read_bytes() == content
    return f"{FOLDER}/{name}"


def test_annotations_in_a_bucket_are_those_on_disk(bucket: Emulator, tmp_path: Path) -> None:
    local = write_catalog(tmp_path / "train.json", 3, 5, seed=1)
    content = Path(local).read_bytes()
    address = put(bucket, "train.json", content)
    assert read_catalog(address) == read_catalog(local)
    source = read_source(address)
    assert (source.subject, source.name) == (address, "train.json")
    assert source.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("as_folder", [True, False])
def test_predictions_in_a_bucket_are_a_file_or_a_folder(bucket: Emulator, as_folder: bool) -> None:
    address = put(bucket, "run/predictions.csv", b"annotation_id,concept_name\n7,Funiculina\n")
    read = read_predictions(
        f"{FOLDER}/run" if as_folder else address, lambda name: name, lambda name: None
    )
    assert (list(read.annotation_id), list(read.concept_name)) == ([7], ["Funiculina"])


def test_what_is_written_into_a_bucket_is_there_whole(bucket: Emulator) -> None:
    CloudPath(f"{FOLDER}/card.md").write_bytes("Größe".encode())
    assert (bucket.files / "some files/été/card.md").read_bytes() == "Größe".encode()
    assert CloudPath(FOLDER).is_dir() and not CloudPath(FOLDER).is_file()
    CloudPath(f"{FOLDER}/card.md").unlink()
    assert not CloudPath(f"{FOLDER}/card.md").exists()


def test_what_is_not_there_is_said_in_the_words_for_files(bucket: Emulator) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_source(f"{FOLDER}/none.json")
    with pytest.raises(InputError, match="there is no such file"):
        read_source("gs://another-bucket/none.json")
    put(bucket, "set/train.json", b"{}")
    with pytest.raises(InputError, match="is not a file"):
        read_source(f"{FOLDER}/set")


@pytest.mark.parametrize("address", ["gs://", "gs://A bucket/x", "gs:///x"])
def test_what_is_no_address_is_refused_by_name(address: str) -> None:
    with pytest.raises(InputError, match="is not gs://bucket/name"):
        place(address)


def test_a_file_that_is_too_large_is_not_fetched(
    bucket: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = put(bucket, "large.json", b"x" * 100)
    monkeypatch.setattr(reading, "LARGEST", 99)
    monkeypatch.delattr(CloudPath, "read_bytes")
    with pytest.raises(InputError, match="has 100 bytes, and at most 99 are read"):
        read_source(address)


def test_a_preview_reads_an_object_once_a_version(bucket: Emulator) -> None:
    seen: list[str] = []
    look = once_a_version(seen.append)
    address = put(bucket, "train.json", b"one")
    look(address)
    look(address)
    assert seen == [address]
    CloudPath(address).write_bytes(b"two, longer")
    look(address)
    assert seen == [address, address]


def test_without_credentials_it_is_said_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(EMULATOR_VARIABLE, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SetupError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        read_source("gs://deep-sea/train.json")


def test_a_form_says_that_a_bucket_is_not_there(bucket: Emulator) -> None:
    assert folder_problem("gs://no-such-bucket/corrected") == "there is no bucket no-such-bucket"
    with pytest.raises(DatasetError, match="there is no bucket no-such-bucket"):
        report_files("gs://no-such-bucket/card")
    put(bucket, "train.json", b"{}")
    assert folder_problem(f"{FOLDER}/not there yet") == ""
    assert [str(file) for file in report_files(f"{FOLDER}/card.md")][1] == f"{FOLDER}/card.html"


@pytest.mark.parametrize("is_deployed", [False, True], ids=["open source", "Enterprise"])
def test_crops_in_a_bucket_are_taken_from_a_folder_a_class_or_a_table(
    is_deployed: bool, bucket: Emulator, deploy: Deploy, dataset_name: str, tmp_path: Path
) -> None:
    import fiftyone as fo

    if is_deployed:
        deploy()
    for name in ("Sebastes/1.png", "Sebastes/deeper/2.PNG", "Sea star/3.png", "Sea star/notes.txt"):
        put(bucket, f"rois/{name}", b"x")
    put(bucket, "rois/.cache/Sebastes/4.png", b"x")
    folder = f"{FOLDER}/rois"
    form = foo.get_operator(f"{PLUGIN_NAME}/ingest_crops")
    shown = form.preview(form.model.parse({"folder": folder}), None)
    assert not shown.problems and "a folder in a bucket" in shown.facts[0]
    made = ingest_crops(dataset_name, folder=folder)
    assert (made.samples, made.media_found, made.media_missing) == (3, 3, 0)
    assert made.notes == ("train: 1 file is no image, and left out",)
    # Again, with its label map and from another process: nothing is added.
    assert ingest_crops(dataset_name, folder=folder).samples_added == 0
    # A table beside them, with the paths from there; and one whose crops are in a usual folder.
    table = put(bucket, "val.csv", b"path,label\nrois/Sebastes/1.png,Sebastes\n")
    assert ingest_crops(dataset_name, table=table, split="val").samples == 1
    names = put(
        bucket, "test.csv", b"path,label\nSebastes/1.png,Sebastes\nSebastes/no.png,Aegina\n"
    )
    ingest_crops(dataset_name, table=names, split="test")
    dataset = fo.load_dataset(dataset_name, reload=True)
    assert dataset.match({"split": "train"}).values("ground_truth.label") == [
        *("Sea star", "Sebastes", "Sebastes"),
    ]
    uris = dataset.values("media_uri")
    assert uris == [
        *(f"{folder}/{name}" for name in ("Sea star/3.png", "Sebastes/1.png")),
        *(f"{folder}/{name}" for name in ("Sebastes/deeper/2.PNG", "Sebastes/1.png")),
        *(f"{folder}/{name}" for name in ("Sebastes/1.png", "Sebastes/no.png")),
    ]
    assert all(CloudPath(one).is_file() for one in uris[:-1])
    statuses = dataset.values("media_status")
    assert statuses == ["ok"] * 3 + ["unknown"] * 3
    below = [one.removeprefix(f"{FOLDER}/") for one in uris]
    if is_deployed:
        assert dataset.values("filepath") == uris
    else:
        # Each below the mirror as below its own root: a copy of the bucket's folder is found.
        roots = [folder] * 3 + [FOLDER] * 3
        assert [path.partition("fathomnet-media/")[2] for path in dataset.values("filepath")] == [
            uri.removeprefix(f"{root}/") for uri, root in zip(uris, roots, strict=True)
        ]
    assert below[-1] == "rois/Sebastes/no.png"


def test_a_bucket_s_folder_of_classes_is_refused_in_words(
    bucket: Emulator, dataset_name: str
) -> None:
    import fiftyone as fo

    put(bucket, "loose/1.png", b"x")
    put(bucket, "texts/a/1.txt", b"x")
    form = foo.get_operator(f"{PLUGIN_NAME}/ingest_crops")
    for folder, problem, in_form in (
        (f"{FOLDER}/loose", "1.png: lies beside the folders of the classes", ""),
        (f"{FOLDER}/texts", "folder: holds no images", ""),
        (f"{FOLDER}/none", "folder: there is no such folder", "there is no such folder"),
        ("gs://no-such-bucket/rois", "folder: there is no such folder", "there is no bucket"),
        ("gs://", "is not gs://bucket/name", "is not gs://bucket/name"),
    ):
        with pytest.raises(InputError, match=problem):
            ingest_crops(dataset_name, folder=folder)
        told = form.preview(form.model.parse({"folder": folder}), None).problems
        assert [in_form in one.problem for one in told] == ([True] if in_form else []), told
    assert not fo.dataset_exists(dataset_name)
