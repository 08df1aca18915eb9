"""Boxes and images to vectors: equal to the libraries' own, resumed by box, what fails counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.dataset.records import read_values
from fathomnet_voxel51.dataset.vectors import read_vectors
from fathomnet_voxel51.embeddings import compute as embeddings
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.names import embedding_field, embedding_run_key
from fathomnet_voxel51.report import report_dataset
from PIL import ExifTags, Image

from demo.stand_in_models import write_stand_in

from .tiny import (
    HEIGHT,
    WIDTH,
    Rectangle,
    TinyEmbedder,
    one_by_one,
    picture,
    random_rectangles,
    sample,
    write_images,
)

BOXES = "ground_truth.detections"
Make = Callable[[Any], Any]
Use = Callable[[TinyEmbedder], TinyEmbedder]

ODD_BOXES: dict[str, tuple[Rectangle, tuple[int, int, int, int]]] = {
    "inside": ((30, 20, 50, 40), (30, 20, 80, 60)),
    "the whole image": ((0, 0, WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT)),
    "first corner": ((0, 0, 17, 9), (0, 0, 17, 9)),
    "last corner": ((150, 70, 10, 20), (150, 70, 160, 90)),
    "one pixel wide": ((40, 10, 1, 30), (40, 10, 41, 40)),
    "one pixel high": ((40, 10, 30, 1), (40, 10, 70, 11)),
    "beyond two borders": ((-10, -5, 40, 30), (0, 0, 30, 25)),
    "beyond the others": ((140, 80, 60, 60), (140, 80, 160, 90)),
}
PICTURES: dict[str, Callable[[], Image.Image]] = {
    "rgb.png": lambda: picture(1),
    "grey.png": lambda: picture(2).convert("L"),
    "rgba.png": lambda: Image.merge("RGBA", (*picture(3).split(), picture(4).split()[0])),
    "palette.png": lambda: picture(5).quantize(64),
    "one-bit.png": lambda: picture(6).convert("1"),
    "rgb.jpg": lambda: picture(7),
}


def open_clip_alone(folder: Path) -> Callable[[Image.Image], np.ndarray]:
    """open_clip's own model and preprocessing, one picture at a time."""
    import open_clip
    import torch

    name = f"local-dir:{folder}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()

    def embed(image: Image.Image) -> np.ndarray:
        with torch.inference_mode():
            return model.encode_image(preprocess(image)[None])[0].numpy()

    return embed


def transformers_alone(folder: Path) -> Callable[[Image.Image], np.ndarray]:
    """transformers' own model and preprocessing, one picture at a time."""
    import torch
    from transformers import AutoImageProcessor, AutoModel

    processor = AutoImageProcessor.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()

    def embed(image: Image.Image) -> np.ndarray:
        with torch.inference_mode():
            # Said, as for a picture one or three pixels high earlier releases guess wrong.
            inputs = processor(
                images=np.array(image), input_data_format="channels_last", return_tensors="pt"
            )
            return model(**inputs).pooler_output[0].numpy()

    return embed


@pytest.mark.parametrize(
    ("name", "alone"), [("clip", open_clip_alone), ("dinov2", transformers_alone)]
)
def test_vectors_are_those_of_the_library_one_image_at_a_time(
    name: str, alone: Callable[..., Any], make_dataset: Make, tmp_path: Path
) -> None:
    folder = write_stand_in(name, tmp_path / name, small=True)
    samples = []
    for file, make in PICTURES.items():
        make().save(tmp_path / file)
        samples.append(sample(tmp_path / file, [box for box, _ in ODD_BOXES.values()]))
    dataset = make_dataset(samples)
    result = compute_embeddings(dataset, str(folder), method="none", batch_size=7, precision="fp32")
    assert (result.embedded, result.skipped) == (len(PICTURES) * len(ODD_BOXES), 0)
    embed = alone(folder)
    expected = []
    for file in PICTURES:
        image = Image.open(tmp_path / file).convert("RGB")
        expected += [embed(image.crop(corners)) for _, corners in ODD_BOXES.values()]
    field = f"{name}_embedding"
    there = read_vectors(dataset, "ground_truth", field).matrix
    np.testing.assert_allclose(there, np.stack(expected), atol=1e-5)
    assert result.dimensions == there.shape[1]
    assert isinstance(dataset.get_field(f"{BOXES}.{field}"), fo.VectorField)
    assert all(vector.dtype == np.float32 for vector in dataset.values(f"{BOXES}.{field}")[0])


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_vectors_do_not_depend_on_the_batch_size(
    batch_size: int, make_dataset: Make, use: Use, tmp_path: Path
) -> None:
    embedder = use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [3, 0, 40, 1, 7]))
    compute_embeddings(dataset, method="none", batch_size=batch_size)
    expected = []
    for number, count in enumerate([3, 0, 40, 1, 7]):
        for x, y, w, h in random_rectangles(number, count):
            corners = (int(x), int(y), int(x + w), int(y + h))
            expected.append(one_by_one(embedder, picture(number), corners))
    there = read_vectors(dataset, "ground_truth", "clip_embedding").matrix
    np.testing.assert_allclose(there, np.stack(expected), atol=1e-5)


def test_whole_images_are_embedded_too(make_dataset: Make, use: Use, tmp_path: Path) -> None:
    embedder = use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [0, 1, 2]))
    result = compute_embeddings(dataset, patches_field="", method="none")
    assert (result.embedded, result.present) == (3, 0)
    expected = [one_by_one(embedder, picture(n), (0, 0, WIDTH, HEIGHT)) for n in range(3)]
    np.testing.assert_allclose(dataset.values("clip_embedding"), np.stack(expected), atol=1e-5)
    again = compute_embeddings(dataset, patches_field="", method="none")
    assert (again.embedded, again.present) == (0, 3)


@pytest.mark.parametrize("public", ["0", "1"])
def test_a_rerun_embeds_what_changed_and_nothing_else(
    public: str, make_dataset: Make, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PUBLIC_API, public)
    embedder = use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [2, 3]))
    first = compute_embeddings(dataset, method="none")
    assert (first.embedded, first.present, first.skipped) == (5, 0, 0)
    before = dataset.values(f"{BOXES}.clip_embedding", unwind=True)
    modified = dataset.values("last_modified_at")

    again = compute_embeddings(dataset, method="none")
    assert (again.embedded, again.present) == (0, 5)
    assert dataset.values("last_modified_at") == modified

    last = dataset.last()
    last.ground_truth.detections[1].bounding_box = [0.1, 0.1, 0.5, 0.5]
    last.ground_truth.detections[0].label = "renamed"
    last.ground_truth.detections.append(fo.Detection(label="new", bounding_box=[0, 0, 0.5, 0.5]))
    last.save()
    changed = compute_embeddings(dataset, method="none")
    assert (changed.embedded, changed.present) == (2, 4)
    after = dataset.values(f"{BOXES}.clip_embedding", unwind=True)
    for kept in (0, 1, 2, 4):
        np.testing.assert_array_equal(after[kept], before[kept])
    expected = one_by_one(embedder, picture(1), (16, 9, 96, 54))
    np.testing.assert_allclose(after[3], expected, atol=1e-5)
    np.testing.assert_allclose(after[5], one_by_one(embedder, picture(1), (0, 0, 80, 45)), 1e-5)


def test_other_weights_or_settings_are_embedded_anew(
    make_dataset: Make, use: Use, tmp_path: Path
) -> None:
    dataset = make_dataset(write_images(tmp_path, [2]))
    use(TinyEmbedder(seed=0))
    compute_embeddings(dataset, method="none")
    other = use(TinyEmbedder(seed=1))
    assert compute_embeddings(dataset, method="none").embedded == 2
    x, y, w, h = map(int, random_rectangles(0, 2)[0])
    expected = one_by_one(other, picture(0), (x, y, x + w, y + h))
    there = dataset.values(f"{BOXES}.clip_embedding", unwind=True)[0]
    np.testing.assert_allclose(there, expected, atol=1e-5)
    other.settings["precision"] = "bf16"
    assert compute_embeddings(dataset, method="none").embedded == 2


def test_vectors_of_another_image_processor_are_made_anew_and_those_of_earlier_versions_kept(
    make_dataset: Make, use: Use, tmp_path: Path
) -> None:
    dataset = make_dataset(write_images(tmp_path, [2, 1]))
    model = use(TinyEmbedder())
    compute_embeddings(dataset, method="none")  # as an earlier version: it records no processor
    model.settings["image_processor"] = "torchvision"
    kept = compute_embeddings(dataset, method="none")
    assert (kept.embedded, kept.present) == (0, 3)
    model.settings["precision"] = "bf16"
    assert compute_embeddings(dataset, method="none").embedded == 3
    model.settings["image_processor"] = "pil"
    assert compute_embeddings(dataset, method="none").embedded == 3
    assert compute_embeddings(dataset, method="none").present == 3
    model.settings["image_processor"] = "torchvision"
    assert compute_embeddings(dataset, method="none").embedded == 3


def test_a_deleted_vector_is_made_again(make_dataset: Make, use: Use, tmp_path: Path) -> None:
    use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [2, 1]))
    compute_embeddings(dataset, method="none")
    dataset.delete_sample_field(f"{BOXES}.clip_embedding")
    assert compute_embeddings(dataset, method="none").embedded == 3


def test_what_cannot_be_embedded_is_counted_with_its_reason_and_has_no_vector(
    make_dataset: Make, use: Use, tmp_path: Path
) -> None:
    use(TinyEmbedder())
    whole = write_images(tmp_path, [1])
    corrupt = tmp_path / "corrupt.png"
    corrupt.write_bytes((tmp_path / "000.png").read_bytes()[:3000])
    page = tmp_path / "page.png"
    page.write_text("<html>404</html>")
    box: Rectangle = (10, 10, 20, 20)
    tombstone = sample(tmp_path / "tombstone.png", [box, box], media_status="missing")
    # It was missing, and has come since.
    came = {"media_status": "missing"}
    partly = sample(tmp_path / "000.png", [box, (10, 10, 0, 5), (500, 10, 20, 20)], **came)
    dataset = make_dataset(
        [
            *whole,
            sample(corrupt, [box, box]),
            sample(page, [box]),
            sample(tmp_path / "nowhere.png", [box] * 20),
            tombstone,
            partly,
            sample(tmp_path / "never looked at.png", []),
            sample("gs://bucket/remote.png", [box]),
        ]
    )
    labels: list[str] = []
    result = compute_embeddings(
        dataset, method="none", progress=lambda share, label: labels.append(label)
    )
    assert (result.embedded, result.present, result.skipped) == (2, 0, 28)
    vectors = dataset.values(f"{BOXES}.clip_embedding")
    there = [[vector is not None for vector in image or []] for image in vectors]
    assert there == [
        [True],
        [False] * 2,
        [False],
        [False] * 20,
        [False] * 2,
        [True, False, False],
        [],
        [False],
    ]
    record = read_values(dataset, "embed_clip_vectors") or {}
    reasons = dict(map(tuple, record["reasons"]))
    assert reasons.pop("no such file") == 21
    assert reasons.pop("media missing") == 2
    assert reasons.pop("the box has no area") == 1
    assert reasons.pop("the box lies outside the image") == 1
    assert sorted(reasons.values()) == [1, 2]
    assert all(text.startswith(("cannot be decoded", "not an image")) for text in reasons)
    assert (record["skipped"], record["skipped_images"], record["state"]) == (28, 5, "complete")
    assert any("corrupt.png: cannot be decoded" in example for example in record["examples"])
    assert "28 skipped (21 no such file" in labels[-1]


def test_numbers_that_are_not_finite_are_no_vector(
    make_dataset: Make, use: Use, tmp_path: Path
) -> None:
    class Overflowing(TinyEmbedder):
        def embed(self, batch: Any) -> np.ndarray:
            vectors = super().embed(batch)
            vectors[1] = np.inf
            return vectors

    use(Overflowing())
    dataset = make_dataset(write_images(tmp_path, [3]))
    result = compute_embeddings(dataset, method="none")
    assert (result.embedded, result.skipped) == (2, 1)
    assert [v is None for v in dataset.values(f"{BOXES}.clip_embedding")[0]] == [False, True, False]


def test_only_what_a_view_shows_is_embedded(make_dataset: Make, use: Use, tmp_path: Path) -> None:
    use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [2, 3, 1]))
    view = dataset.limit(2).filter_labels("ground_truth", fo.ViewField("label") == "1")
    assert compute_embeddings(view, method="none").embedded == 2
    there = dataset.values(f"{BOXES}.clip_embedding")
    assert [[v is not None for v in image] for image in there] == [
        [False, True],
        [False, True, False],
        [False],
    ]
    patches = dataset.to_patches("ground_truth").match(fo.ViewField("ground_truth.label") == "0")
    result = compute_embeddings(patches, method="pca")
    assert (result.embedded, result.present) == (3, 0)
    points = dataset.load_brain_results(result.brain_key)
    assert sorted(points.label_ids) == sorted(patches.values("id"))
    assert compute_embeddings(dataset, method="none").present == 5


def test_an_image_is_opened_once_and_only_where_something_is_missing(
    make_dataset: Make, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fathomnet_voxel51.embeddings import patches

    use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [40, 1, 0]))
    opened: list[str] = []

    def counting(path: Path, *more: Any) -> Any:
        opened.append(path.name)
        return original(path, *more)

    original = patches.open_picture
    monkeypatch.setattr(patches, "open_picture", counting)
    compute_embeddings(dataset, method="none", batch_size=4)
    assert sorted(opened) == ["000.png", "001.png"]
    compute_embeddings(dataset, method="none", batch_size=4)
    assert len(opened) == 2


def test_remote_media_are_fetched_by_fiftyones_own_means(
    make_dataset: Make, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enterprise gives its samples a ``local_path``; this one stands in for it."""
    use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [2]))
    dataset.set_values("filepath", ["gs://bucket/000.png"])
    local = property(lambda self: str(tmp_path / Path(self.filepath).name))
    monkeypatch.setattr(fo.Sample, "local_path", local, raising=False)
    assert compute_embeddings(dataset, method="none").embedded == 2


def test_progress_says_how_far_it_is(make_dataset: Make, use: Use, tmp_path: Path) -> None:
    use(TinyEmbedder())
    dataset = make_dataset(
        [*write_images(tmp_path, [5, 5]), sample(tmp_path / "no.png", [(1, 1, 5, 5)])]
    )
    told: list[tuple[float, str]] = []
    compute_embeddings(
        dataset, method="none", batch_size=4, progress=lambda *report: told.append(report)
    )
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any(label.startswith("embedding 4/11 boxes, ") for _, label in told)
    assert "embedding 11/11 boxes, images missing: 1" in told[-2][1]


def test_the_record_says_what_made_the_vectors(
    make_dataset: Make, use: Use, tmp_path: Path
) -> None:
    embedder = use(TinyEmbedder())
    dataset = make_dataset(write_images(tmp_path, [2]))
    compute_embeddings(dataset, method="pca")
    record = read_values(dataset, "embed_clip_vectors") or {}
    assert record["model"] == "clip"
    assert record["settings"] == embedder.settings
    assert (record["embedded"], record["dimensions"]) == (2, 24)
    json.dumps(record)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"batch_size": 0}, InputError),
        ({"model": "no such model"}, InputError),
        ({"method": "isomap"}, InputError),
        ({"brain_key": "a key"}, InputError),
        ({"patches_field": "nothing"}, DatasetError),
    ],
)
def test_a_wrong_parameter_changes_nothing(
    parameters: dict[str, Any], error: type[Exception], make_dataset: Make, tmp_path: Path
) -> None:
    dataset = make_dataset(write_images(tmp_path, [1]))
    schema = dataset.get_field_schema(flat=True).keys()
    with pytest.raises(error):
        compute_embeddings(dataset, **parameters)
    assert dataset.get_field_schema(flat=True).keys() == schema
    assert dataset.list_runs() == dataset.list_brain_runs() == []


def test_memory_that_runs_out_halves_the_batch(
    make_dataset: Make, use: Use, tmp_path: Path
) -> None:
    embedder = use(TinyEmbedder(memory=4))
    dataset = make_dataset(write_images(tmp_path, [10, 3]))
    assert compute_embeddings(dataset, method="none", batch_size=16).embedded == 13
    assert set(embedder.batches) == {16, 8, 4}
    assert embeddings.default_batch_size("cuda:1") == 128


def measured(path: Path, size: tuple[int, int], **fields: Any) -> fo.Sample:
    """A sample whose size the dataset knows, with a box of its left half."""
    half = fo.Detection(label="x", bounding_box=[0, 0, 0.5, 1])
    return fo.Sample(
        str(path),
        metadata=fo.ImageMetadata(width=size[0], height=size[1]),
        ground_truth=fo.Detections(detections=[half]),
        **fields,
    )


def vector_of(dataset: Any, path: Path, field: str) -> Any:
    return dataset[str(path)].ground_truth.detections[0][field]


@pytest.mark.fault(
    operator="compute_embeddings",
    happens="an image file has another size than the catalog says",
    end="turned where its EXIF data say so and that fits; else skipped and listed with both sizes",
)
def test_boxes_are_cut_from_the_picture_that_the_dataset_means(
    make_dataset: Make, use: Use, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upright, sideways = tmp_path / "upright.png", tmp_path / "sideways.png"
    picture(7).save(upright)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # shown turned to the right, so stored turned to the left
    picture(7).transpose(Image.Transpose.ROTATE_90).save(sideways, exif=exif)
    others = {
        tmp_path / "small.png": (WIDTH // 2, HEIGHT // 2),
        tmp_path / "turned.png": (HEIGHT, WIDTH),
    }
    for path, size in others.items():
        picture(7).resize(size).save(path)
    dataset = make_dataset(
        [measured(path, (WIDTH, HEIGHT)) for path in (upright, sideways, *others)]
    )
    use(TinyEmbedder())
    result = compute_embeddings(dataset, method="none")
    assert (result.embedded, result.skipped) == (2, 2)
    field = embedding_field("clip")
    same = vector_of(dataset, upright, field)
    assert np.array_equal(same, vector_of(dataset, sideways, field))
    told = {
        f"{path}: is {size[0]} x {size[1]} pixels, but {WIDTH} x {HEIGHT} in the COCO file"
        for path, size in others.items()
    }
    assert set(result.notes) == told
    assert all(any(one in line for line in caplog.messages) for one in told)
    record = read_values(dataset, embedding_run_key("clip", "ground_truth")) or {}
    assert (record["skipped_images"], set(record["examples"])) == (2, told)


def test_data_of_a_camera_with_12_bits_are_noted_and_on_the_card(
    make_dataset: Make, use: Use, tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file in files[:2]:
        values = np.linspace(0, 4095, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
        Image.fromarray(values.astype(np.uint16)).save(file)
    picture(7).save(files[2])
    dataset = make_dataset([measured(file, (WIDTH, HEIGHT)) for file in files])
    use(TinyEmbedder())
    result = compute_embeddings(dataset, method="none")
    assert (result.embedded, result.skipped) == (3, 0)
    (note,) = result.notes
    assert note.startswith("2 images have 12-bit data in 16 bits: ")
    assert note.endswith(f"the first is {files[0]}")
    record = read_values(dataset, embedding_run_key("clip", "ground_truth")) or {}
    assert record["notes"] == [note]
    card = report_dataset(dataset).markdown
    assert "2 images have 12-bit data in 16 bits" in card
