"""FiftyOne finds the models by name, in this process and in later ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.plugins as fop
import fiftyone.zoo as foz
import numpy as np
import pytest
import torch
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.models import (
    load_embedder,
    load_zoo_model,
    model_names,
    model_spec,
    register_zoo_models,
)
from PIL import Image

ASK = """
import json, sys
import numpy as np
import fiftyone.zoo as foz

name, prompt = sys.argv[1:]
model = foz.load_zoo_model(name)
picture = np.random.default_rng(5).integers(0, 256, (60, 90, 3), np.uint8)
texts = model.embed_prompts([prompt]).tolist() if model.can_embed_prompts else None
package = type(model).__module__.split(".models.")[0]
print(json.dumps({"image": model.embed(picture).tolist(), "texts": texts, "from": package}))
"""
"""What the App's server does with an uploaded picture and a typed query."""


@pytest.fixture(autouse=True)
def _models(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATHOMNET_MODELS", str(models_folder))
    load_zoo_model.cache_clear()


def _picture() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (60, 90, 3), np.uint8)


def _ask(name: str, **environment: str) -> dict[str, Any]:
    """The answers of a process that knows nothing of this project."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, name, "a pink sea pig"],
        env={**os.environ, **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _expect(answer: dict[str, Any], name: str) -> None:
    embedder = load_embedder(name)
    vectors = embedder.embed(embedder.prepare(Image.fromarray(_picture()))[None])
    np.testing.assert_allclose(np.float32(answer["image"]), vectors[0], atol=1e-6)
    if embedder.spec.supports_prompts:
        texts = embedder.embed_prompts(["a pink sea pig"])
        np.testing.assert_allclose(np.float32(answer["texts"]), texts, atol=1e-6)
    else:
        assert answer["texts"] is None


def test_every_model_is_in_the_zoo_under_its_own_name() -> None:
    register_zoo_models()
    assert {f"fathomnet-{name}" for name in model_names()} <= set(foz.list_zoo_models())


@pytest.mark.parametrize("name", ["clip", "dinov2"])
def test_a_fresh_process_embeds_with_the_same_weights(name: str) -> None:
    register_zoo_models()
    _expect(_ask(f"fathomnet-{name}"), name)


def test_a_local_folder_is_found_by_a_fresh_process(models_folder: Path) -> None:
    folder = str(models_folder / "bioclip")
    register_zoo_models(folder)
    register_zoo_models()
    _expect(_ask(model_spec(folder).zoo_name), folder)


def test_a_loader_that_an_earlier_version_copied_works_on() -> None:
    """Folders of models in users' homes hold it until the plugin is loaded there again."""
    register_zoo_models()
    folder = Path(fo.config.model_zoo_dir) / "fathomnet-voxel51" / "fathomnet-clip"
    loader = (Path(__file__).with_name("loader_0_1.txt")).read_text(encoding="utf-8")
    (folder / "__init__.py").write_text(loader, encoding="utf-8")
    _expect(_ask("fathomnet-clip"), "clip")
    assert (folder / "__init__.py").read_text(encoding="utf-8") == loader, "it was this one"


def test_the_plugin_alone_is_enough(models_folder: Path, tmp_path: Path) -> None:
    """No wheel: the package cannot be imported by name, only FiftyOne knows the folder."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    # What an editable install puts in the way of imports is taken out again.
    (hidden / "sitecustomize.py").write_text(
        "import sys\nsys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f)]\n"
    )
    import_plugin = "import fiftyone.operators as foo; foo.list_operators()\n"
    environment = {**os.environ, "PYTHONPATH": str(hidden)}
    environment["FIFTYONE_MODEL_ZOO_DIR"] = str(tmp_path / "zoo")
    check = (
        "import importlib.util, json, sys\n"
        "assert importlib.util.find_spec('fathomnet_voxel51') is None, 'still importable'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check + import_plugin + ASK, "fathomnet-clip", "a pink sea pig"],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["from"] == "fathomnet_voxel51"
    _expect(answer, "clip")
    # And a later process, which has not loaded the plugin, takes the code from where it is.
    later = _ask("fathomnet-clip", **environment)
    assert later["from"] == "fathomnet_voxel51"
    _expect(later, "clip")


def test_missing_weights_are_named_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_zoo_models()
    monkeypatch.setenv("FATHOMNET_MODELS", str(tmp_path))
    # The project's error, of the package or of the plugin: whichever registered the model last.
    with pytest.raises(Exception, match="hf download imageomics/bioclip") as raised:
        foz.load_zoo_model("fathomnet-bioclip")
    assert raised.type.__name__ == SetupError.__name__


def test_the_plugin_registers_the_models() -> None:
    assert any(plugin.name == "@fathomnet/voxel51" for plugin in fop.list_plugins())
    folder = Path(fo.config.model_zoo_dir) / "fathomnet-voxel51" / "fathomnet-clip"
    (folder / "manifest.json").unlink(missing_ok=True)
    import fiftyone.operators as foo

    foo.list_operators()
    assert (folder / "manifest.json").is_file()


def test_a_repeat_writes_nothing() -> None:
    register_zoo_models()
    home = Path(fo.config.model_zoo_dir) / "fathomnet-voxel51"
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    register_zoo_models()
    assert before == {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(fo.config, "model_zoo_dir", str(tmp_path / "file"))
    with pytest.raises(SetupError, match="FIFTYONE_MODEL_ZOO_DIR"):
        register_zoo_models()


def test_fiftyone_s_own_loops_give_the_same_vectors(tmp_path: Path, dataset_name: str) -> None:
    picture = Image.fromarray(_picture())
    modes = {"RGB": picture, "L": picture.convert("L"), "RGBA": picture.convert("RGBA")}
    dataset = fo.Dataset(dataset_name)
    for mode, image in modes.items():
        image.save(tmp_path / f"{mode}.png")
        box = fo.Detection(label="x", bounding_box=[0.1, 0.1, 0.5, 0.6])
        dataset.add_sample(
            fo.Sample(tmp_path / f"{mode}.png", ground_truth=fo.Detections(detections=[box]))
        )
    register_zoo_models()
    model = foz.load_zoo_model("fathomnet-clip")
    vectors = dataset.compute_embeddings(model, num_workers=0)
    patches = dataset.compute_patch_embeddings(model, "ground_truth", num_workers=0)
    embedder = load_embedder("clip")
    opened = [image.convert("RGB") for image in modes.values()]
    expected = embedder.embed(torch.stack([embedder.prepare(image) for image in opened]))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    crops = [image.crop((9, 6, 54, 42)) for image in opened]
    expected = embedder.embed(torch.stack([embedder.prepare(crop) for crop in crops]))
    np.testing.assert_allclose(np.concatenate(list(patches.values())), expected, atol=1e-5)


def test_pictures_come_in_every_form() -> None:
    model = load_zoo_model("clip")
    picture = _picture()
    grey = picture[..., 0]
    expected = model.embed(np.repeat(grey[..., None], 3, axis=2))
    forms = [grey, grey[..., None], Image.fromarray(grey), torch.from_numpy(grey)[None]]
    for form in forms:
        np.testing.assert_allclose(model.embed(form), expected, atol=1e-6)
    coloured = model.embed(picture)
    np.testing.assert_allclose(
        model.embed(torch.from_numpy(picture).permute(2, 0, 1)), coloured, atol=1e-6
    )
