"""Vectors of a file come to the boxes and images that they are of, and to no others."""

from __future__ import annotations

import os
import signal
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fathomnet_voxel51.dataset.vectors import read_vectors
from fathomnet_voxel51.duplicates import find_duplicates
from fathomnet_voxel51.embeddings import (
    compute_embeddings,
    export_embeddings,
    import_embeddings,
    importing,
    vector_files,
)
from fathomnet_voxel51.errors import DatasetError, FathomNetError, InputError
from fathomnet_voxel51.needles import find_needles
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.similarity.index import open_index

from demo.stand_in_models import write_stand_in
from tests.support.forking import forking

Make = Callable[[Sequence[Any]], Any]
WIDTH = 6
BOXES = "ground_truth.detections"


def image(split: str, number: int, first_box: int, boxes: int = 2) -> fo.Sample:
    """An image of a catalog, whose boxes are numbered within their split."""
    return fo.Sample(
        filepath=f"/lab/{split}_images/{split}-{number}.png",
        split=split,
        image_id=number,
        file_name=f"{split}-{number}.png",
        external_id=f"V{number}-{split}",
        ground_truth=fo.Detections(
            detections=[
                fo.Detection(
                    label="Sebastes",
                    bounding_box=[0.1, 0.1, 0.3, 0.3],
                    annotation_id=first_box + at,
                )
                for at in range(boxes)
            ]
        ),
    )


@pytest.fixture
def dataset(make_dataset: Make) -> Any:
    """Two splits that number alike: boxes 1 to 4 of train, 1 and 2 of test."""
    dataset = make_dataset([image("train", 1, 1), image("train", 2, 3), image("test", 1, 1)])
    dataset.add_dynamic_sample_fields()
    return dataset


def numbers(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, WIDTH)).astype(np.float32)


def parquet(file: Path, matrix: Any, **columns: Sequence[Any]) -> str:
    lists = [None if row is None else list(map(float, row)) for row in matrix]
    vectors = pa.array(lists, type=pa.list_(pa.float32()))
    pq.write_table(pa.table({**columns, "embedding": vectors}), file)
    return str(file)


def stored(dataset: Any, key: str = "lab") -> dict[tuple[str, int], np.ndarray]:
    """The vectors by split and number of the box, read by FiftyOne."""
    dataset.reload()
    path = f"{BOXES}.{key}_embedding"
    splits, ids = dataset.values(["split", f"{BOXES}.annotation_id"])
    vectors = dataset.values(path) if dataset.get_field(path) else [[None] * 9] * len(ids)
    return {
        (split, id_): vector
        for split, of_image, found in zip(splits, ids, vectors, strict=True)
        for id_, vector in zip(of_image, found, strict=False)
        if vector is not None
    }


def test_each_box_gets_the_vector_of_its_row(dataset: Any, tmp_path: Path, either_way: str) -> None:
    matrix = numbers(6)
    ids, splits = [4, 1, 2, 3, 2, 1], ["train", "test", "train", "train", "test", "train"]
    file = parquet(tmp_path / "v.parquet", matrix, annotation_id=ids, split=splits)
    result = import_embeddings(dataset, file, "lab", method="none")
    assert (result.imported, result.unmatched, result.dimensions, result.by) == (
        6,
        0,
        WIDTH,
        "annotation_id",
    )
    found = stored(dataset)
    for row, key in enumerate(zip(splits, ids, strict=True)):
        np.testing.assert_array_equal(found[key], matrix[row])
    assert isinstance(dataset.get_field(f"{BOXES}.lab_embedding"), fo.VectorField)
    assert dataset.count_values(f"{BOXES}.label") == {"Sebastes": 6}


def test_a_number_that_two_splits_use_is_refused_unless_the_row_says_which(
    dataset: Any, tmp_path: Path
) -> None:
    file = parquet(tmp_path / "v.parquet", numbers(2), annotation_id=[3, 1])
    with pytest.raises(InputError, match="row 2: annotation_id 1 is that of 2 here") as refused:
        import_embeddings(dataset, file, "lab", method="none")
    assert "split" in str(refused.value)
    assert stored(dataset) == {}
    told = parquet(
        tmp_path / "w.parquet",
        numbers(2),
        annotation_id=[3, 1],
        file_name=["elsewhere/train-2.png", "test-1.png"],
    )
    assert import_embeddings(dataset, told, "lab", method="none").imported == 2
    assert set(stored(dataset)) == {("train", 3), ("test", 1)}


@pytest.mark.parametrize(
    "column", [{"split": ["val"]}, {"image_id": [1]}, {"file_name": ["train-1.png"]}]
)
def test_a_row_that_contradicts_its_image_is_refused(
    column: dict[str, list[Any]], dataset: Any, tmp_path: Path
) -> None:
    file = parquet(tmp_path / "v.parquet", numbers(1), annotation_id=[4], **column)
    with pytest.raises(InputError, match="row 1: annotation_id 4 is of split train"):
        import_embeddings(dataset, file, "lab", method="none")
    assert stored(dataset) == {}


def test_boxes_are_found_by_the_files_of_their_crops(dataset: Any, tmp_path: Path) -> None:
    matrix = numbers(3)
    names = ["rois/train-2_3.png", "rois/1_2.jpg", "rois/test-1_1.png"]
    file = parquet(tmp_path / "v.parquet", matrix, path=names, split=["train", "train", "test"])
    result = import_embeddings(dataset, file, "lab", method="none")
    assert (result.imported, result.by) == (3, "path")
    found = stored(dataset)
    for row, key in enumerate([("train", 3), ("train", 2), ("test", 1)]):
        np.testing.assert_array_equal(found[key], matrix[row])
    wrong = parquet(tmp_path / "w.parquet", matrix[:1], path=["rois/train-1_3.png"])
    with pytest.raises(InputError, match="row 1"):
        import_embeddings(dataset, wrong, "lab", method="none")


@pytest.mark.parametrize("by", ["sample_id", "path", "external_id"])
def test_images_are_found_by_each_kind_of_id(by: str, dataset: Any, tmp_path: Path) -> None:
    columns = {
        "sample_id": ("sample_id", dataset.values("id")),
        "path": (
            "filename",
            ["train-1.png", "C:\\set\\train-2.png", "/lab/test_images/test-1.png"],
        ),
        "external_id": ("external_id", dataset.values("external_id")),
    }
    name, cells = columns[by]
    matrix = numbers(3)
    file = parquet(tmp_path / "v.parquet", matrix[::-1], **{name: cells[::-1]})
    for asked in ("auto", by):
        result = import_embeddings(dataset, file, "lab", by=asked, patches_field="", method="none")
        assert (result.imported, result.by) == (3, by)
    dataset.reload()
    np.testing.assert_array_equal(np.stack(dataset.values("lab_embedding")), matrix)


def test_npz_and_npy_are_read_and_their_ids_are_recognised(dataset: Any, tmp_path: Path) -> None:
    matrix = numbers(3).astype(np.float64)
    npz, npy = tmp_path / "v.npz", tmp_path / "w.npy"
    np.savez_compressed(npz, vectors=matrix, ids=np.array(dataset.values("external_id")))
    np.save(npy, matrix.astype(np.float16))
    (tmp_path / "w_ids.txt").write_text("\n".join(dataset.values("id")) + "\n")
    first = import_embeddings(dataset, str(npz), "lab", patches_field="", method="none")
    assert (first.imported, first.by) == (3, "external_id")
    dataset.reload()
    np.testing.assert_array_equal(
        np.stack(dataset.values("lab_embedding")), matrix.astype(np.float32)
    )
    second = import_embeddings(dataset, str(npy), "half", patches_field="", method="none")
    assert (second.imported, second.by) == (3, "sample_id")
    # Texts of a fixed length, as NumPy and HDF5 keep them.
    np.savez(npz, vectors=matrix, external_id=np.array(dataset.values("external_id")).astype("S"))
    third = import_embeddings(dataset, str(npz), "bytes", patches_field="", method="none")
    assert (third.imported, third.by) == (3, "external_id")
    (tmp_path / "w_ids.txt").write_text("one\ntwo\n")
    with pytest.raises(InputError, match="2 ids for 3 vectors"):
        import_embeddings(dataset, str(npy), "half", patches_field="", method="none")


def test_a_table_with_a_column_a_number_is_read(dataset: Any, tmp_path: Path) -> None:
    matrix = numbers(2)
    columns = {f"f{at}": matrix[:, at] for at in range(WIDTH)}
    pq.write_table(pa.table({"annotation_id": [3, 4], **columns}), tmp_path / "v.parquet")
    import_embeddings(dataset, str(tmp_path / "v.parquet"), "lab", method="none")
    np.testing.assert_array_equal(stored(dataset)["train", 4], matrix[1])


def test_rows_about_nothing_here_are_counted_and_a_file_of_them_alone_is_refused(
    dataset: Any, tmp_path: Path
) -> None:
    file = parquet(tmp_path / "v.parquet", numbers(3), annotation_id=[3, 900, 4])
    result = import_embeddings(dataset, file, "lab", method="none")
    assert (result.imported, result.unmatched) == (2, 1)
    assert result.notes == ("row 2: annotation_id 900 is not here",)
    other = parquet(tmp_path / "w.parquet", numbers(2), annotation_id=[900, 901])
    with pytest.raises(InputError, match=r"none of its 2 rows .* row 1: annotation_id 900"):
        import_embeddings(dataset, other, "lab", method="none")


def test_a_file_a_split_ends_as_one_file_would(dataset: Any, tmp_path: Path) -> None:
    matrix = numbers(6)
    train = parquet(
        tmp_path / "a.parquet", matrix[:4], annotation_id=[1, 2, 3, 4], split=["train"] * 4
    )
    test = parquet(tmp_path / "b.parquet", matrix[4:], annotation_id=[1, 2], split=["test"] * 2)
    import_embeddings(dataset, train, "lab", method="none")
    second = import_embeddings(dataset, test, "lab", method="none")
    assert (second.imported, second.kept) == (2, 4)
    found = read_vectors(dataset, "ground_truth", "lab_embedding")
    np.testing.assert_array_equal(found.matrix, matrix)
    narrow = parquet(tmp_path / "c.parquet", matrix[:1, :3], annotation_id=[3])
    with pytest.raises(InputError, match="3 numbers a vector, and those imported as lab have 6"):
        import_embeddings(dataset, narrow, "lab", method="none")


def unusable(kind: str, folder: Path) -> str:
    """A file of vectors that cannot be used, by what is wrong with it."""
    matrix = [list(row) for row in numbers(3)]
    file = folder / "bad.parquet"
    ids = [1, 3, 4]
    match kind:
        case "NaN":
            matrix[1][2] = float("nan")
        case "infinity":
            matrix[1][0] = 1e39
        case "zeros":
            matrix[1] = [0.0] * WIDTH
        case "ragged":
            matrix[1] = matrix[1][:4]
        case "absent":
            return parquet(file, [matrix[0], None, matrix[2]], annotation_id=ids)
        case "twice":
            ids = [3, 4, 4]
        case "no ids":
            return parquet(file, matrix, depth=[1.0, 2.0, 3.0])
        case "no vectors":
            pq.write_table(pa.table({"annotation_id": ids}), file)
            return str(file)
        case "cut off":
            whole = Path(parquet(file, matrix, annotation_id=ids)).read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
            return str(file)
        case "csv":
            (folder / "v.csv").write_text("annotation_id,embedding\n1,0.5\n")
            return str(folder / "v.csv")
        case "web page":
            file.write_text("<!DOCTYPE html><html>log in</html>")
            return str(file)
        case "empty":
            file.write_bytes(b"")
            return str(file)
        case "pickle":
            np.savez(folder / "v.npz", vectors=numbers(3), ids=np.array([1, "a", {}], dtype=object))
            return str(folder / "v.npz")
        case "promises":
            header = {"descr": "<f4", "fortran_order": False, "shape": (10**10, 400)}
            with (folder / "v.npy").open("wb") as npy:
                np.lib.format.write_array_header_1_0(npy, header)
                npy.write(bytes(100))
            return str(folder / "v.npy")
        case "archive":
            with zipfile.ZipFile(folder / "v.npz", "w") as archive:
                archive.writestr("../../data.pkl", b"x")
            return str(folder / "v.npz")
        case "bomb":
            with zipfile.ZipFile(folder / "v.npz", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("vectors.npy", bytes(1 << 20))
            return str(folder / "v.npz")
        case "nested":
            pq.write_table(pa.table({"annotation_id": ids, "embedding": [[[1.0]]] * 3}), file)
            return str(file)
        case "lengths":
            np.savez(folder / "v.npz", vectors=numbers(3), annotation_id=[1, 2])
            return str(folder / "v.npz")
        case "flat":
            np.save(folder / "v.npy", numbers(3)[0])
            return str(folder / "v.npy")
        case "nameless":
            np.save(folder / "v.npy", numbers(3))
            return str(folder / "v.npy")
        case "not there":
            return str(folder / "nowhere.parquet")
    if kind == "infinity":
        table = pa.table(
            {"annotation_id": ids, "embedding": pa.array(matrix, pa.list_(pa.float64()))}
        )
        pq.write_table(table, file)
        return str(file)
    return parquet(file, matrix, annotation_id=ids, split=["train"] * 3)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("NaN", "row 2: holds NaN"),
        ("infinity", "row 2: holds infinity"),
        ("zeros", "row 2: is zeros alone"),
        ("ragged", "row 2: has a vector of 4 numbers, most have 6"),
        ("absent", "row 2: has a vector of 0 numbers"),
        ("twice", "row 3: annotation_id 4 has a vector in row 2 too"),
        ("no ids", "no column says whose a vector is"),
        ("no vectors", "no vectors among annotation_id"),
        ("cut off", "damaged or cut off Parquet file"),
        ("csv", "neither a Parquet file nor one of NumPy's"),
        ("web page", "is a web page"),
        ("empty", "is empty"),
        ("pickle", "Python objects, which may run code"),
        ("promises", "is damaged or cut off"),
        ("archive", "no vectors, .* among none"),
        ("bomb", "unpacks to 1,048,576 bytes, at most 1,048,575"),
        ("nested", "no vectors among annotation_id, embedding"),
        ("lengths", "array annotation_id: has 2 entries for 3 vectors"),
        ("flat", "not \\(N, D\\)"),
        ("nameless", "put v_ids.npy or v_ids.txt"),
        ("not there", "there is no such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_place_and_nothing_is_written(
    kind: str, words: str, dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "bomb":
        monkeypatch.setattr(vector_files, "LARGEST", (1 << 20) - 1)
    before = dataset.get_field_schema(), dataset.list_runs()
    with pytest.raises(InputError, match=words):
        import_embeddings(dataset, unusable(kind, tmp_path), "lab", method="none")
    dataset.reload()
    assert stored(dataset) == {}
    assert dataset.get_field_schema().keys() == before[0].keys()


def test_numbers_of_labels_say_nothing_of_whole_images(dataset: Any, tmp_path: Path) -> None:
    file = parquet(tmp_path / "v.parquet", numbers(1), annotation_id=[3])
    with pytest.raises(InputError, match="annotation_id is of labels: name their field"):
        import_embeddings(dataset, file, "lab", patches_field="", method="none")


@pytest.mark.parametrize("key", ["", "Lab", "my lab", "1st", "clip", "demo_clip", "dïno", "../x"])
def test_a_key_that_no_field_can_have_or_a_model_has_is_refused(
    key: str, dataset: Any, tmp_path: Path
) -> None:
    file = parquet(tmp_path / "v.parquet", numbers(1), annotation_id=[3])
    with pytest.raises(InputError, match="key"):
        import_embeddings(dataset, file, key, method="none")
    assert stored(dataset, "lab") == {}


def test_imported_vectors_are_mapped_indexed_and_compared_like_those_of_a_model(
    make_dataset: Make, tmp_path: Path
) -> None:
    """Text search goes through a model whose texts lie in the same space."""
    text_model = str(write_stand_in("clip", tmp_path / "clip", small=True))
    dataset = make_dataset([image("train", number, 10 * number) for number in range(1, 13)])
    embedder = importing.load_embedder(text_model)
    width = embedder.dimensions
    matrix = np.random.default_rng(1).normal(size=(24, width)).astype(np.float32)
    prompt = embedder.embed_prompts(["a crab"])[0]
    matrix[5] = prompt
    ids = [id_ for of_image in dataset.values(f"{BOXES}.annotation_id") for id_ in of_image]
    file = parquet(tmp_path / "v.parquet", matrix, annotation_id=ids)
    result = import_embeddings(dataset, file, "lab", text_model=text_model, method="pca")
    assert result.brain_key == "lab_pca"
    assert len(dataset.load_brain_results("lab_pca").points) == 24

    index = build_similarity_index(dataset, "imported/lab")
    assert (index.indexed, index.supports_prompts, index.brain_key) == (24, True, "lab_similarity")
    opened = open_index(dataset, "lab_similarity")
    assert int(opened.scores(prompt).argmax()) == 5
    nearest = dataset.to_patches("ground_truth").sort_by_similarity(
        "a crab", k=1, brain_key="lab_similarity"
    )
    assert nearest.values("ground_truth.annotation_id") == [ids[5]]
    needles = find_needles(dataset, prompts=("a crab",), brain_key="lab_similarity", k=3)
    assert needles is not None

    again = compute_embeddings(dataset, "imported/lab", method="pca")
    assert (again.embedded, again.present, again.brain_key) == (0, 24, "lab_pca")
    with pytest.raises(DatasetError, match="run import_embeddings"):
        compute_embeddings(dataset, "imported/other", method="pca")


def test_vectors_without_a_text_model_are_searched_by_example(dataset: Any, tmp_path: Path) -> None:
    matrix = numbers(6)
    matrix[4] = matrix[0] * 2
    ids, splits = [1, 2, 3, 4, 1, 2], ["train"] * 4 + ["test"] * 2
    file = parquet(tmp_path / "v.parquet", matrix, annotation_id=ids, split=splits)
    import_embeddings(dataset, file, "lab", method="none")
    result = build_similarity_index(dataset, "imported/lab")
    assert (result.indexed, result.supports_prompts) == (6, False)
    first = dataset.first().ground_truth.detections[0].id
    view = dataset.to_patches("ground_truth").sort_by_similarity(
        first, k=2, brain_key="lab_similarity"
    )
    assert view.values("ground_truth.annotation_id") == [1, 1]
    whole = parquet(tmp_path / "w.parquet", numbers(3), sample_id=dataset.values("id"))
    import_embeddings(dataset, whole, "lab", patches_field="", method="none")
    with pytest.raises(FathomNetError, match="no vectors of whole images of 'imported/nothing'"):
        find_duplicates(dataset, model="imported/nothing")
    find_duplicates(dataset, model="imported/lab")


def test_a_text_model_of_another_width_is_refused(dataset: Any, tmp_path: Path) -> None:
    text_model = str(write_stand_in("clip", tmp_path / "clip", small=True))
    file = parquet(tmp_path / "v.parquet", numbers(1), annotation_id=[3])
    with pytest.raises(InputError, match="text_model: makes vectors of"):
        import_embeddings(dataset, file, "lab", text_model=text_model, method="none")
    with pytest.raises(InputError, match="knows images but no text"):
        import_embeddings(dataset, file, "lab", text_model="dinov2", method="none")
    assert stored(dataset) == {}


@pytest.mark.parametrize("patches_field", ["ground_truth", ""])
def test_what_is_exported_comes_back(
    patches_field: str, dataset: Any, make_dataset: Make, tmp_path: Path
) -> None:
    matrix = numbers(6 if patches_field else 3)
    if patches_field:
        columns: dict[str, Any] = {
            "annotation_id": [1, 2, 3, 4, 1, 2],
            "split": ["train"] * 4 + ["test"] * 2,
        }
    else:
        columns = {"sample_id": dataset.values("id")}
    file = parquet(tmp_path / "v.parquet", matrix, **columns)
    import_embeddings(dataset, file, "lab", patches_field=patches_field, method="none")
    written = export_embeddings(dataset, str(tmp_path / "out"), "imported/lab", patches_field)
    assert (written.vectors, written.dimensions) == (len(matrix), WIDTH)
    assert Path(written.file).name == f"lab_embedding_{patches_field or 'images'}.parquet"
    copy = dataset.clone()
    try:
        copy.delete_sample_field(f"{BOXES}.lab_embedding" if patches_field else "lab_embedding")
        copy.delete_run("embed_lab_vectors" + ("" if patches_field else "_images"))
        back = import_embeddings(
            copy, written.file, "lab", patches_field=patches_field, method="none"
        )
        assert (back.imported, back.unmatched) == (len(matrix), 0)
        found = read_vectors(copy, patches_field, "lab_embedding")
        np.testing.assert_array_equal(found.matrix, matrix)
    finally:
        copy.delete()


def killed_import(name: str, file: str, after: int) -> None:
    """Imports, and kills its own process at a write."""
    writes = 0
    write = importing.write_vectors

    def write_and_die(*arguments: Any) -> int:
        nonlocal writes
        if writes == after:
            os.kill(os.getpid(), signal.SIGKILL)
        writes += 1
        return write(*arguments)

    importing.write_vectors = write_and_die  # type: ignore[assignment]
    importing.WRITTEN_AT_ONCE = 1  # type: ignore[misc]
    import_embeddings(fo.load_dataset(name), file, "lab", method="none")


@pytest.mark.fault(
    operator="import_embeddings",
    happens="it is killed at each of its writes",
    end="run again, every box has the vector of its row",
)
def test_an_import_that_is_killed_and_repeated_ends_the_same(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    matrix = numbers(6)
    ids, splits = [1, 2, 3, 4, 1, 2], ["train"] * 4 + ["test"] * 2
    file = parquet(tmp_path / "v.parquet", matrix, annotation_id=ids, split=splits)
    for after in range(3):
        process = forking.Process(target=killed_import, args=(dataset.name, file, after))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert len(stored(dataset)) < 6 or after == 2
    import_embeddings(dataset, file, "lab", method="none")
    found = read_vectors(dataset, "ground_truth", "lab_embedding")
    np.testing.assert_array_equal(found.matrix, matrix)
