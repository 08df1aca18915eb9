"""A model's vectors are those of its own library, one image at a time."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
import transformers
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.models import Embedder, load_embedder, model_names, model_spec
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

from tests.support.releases import number

SIZES = [(224, 224), (37, 230), (500, 301), (3, 90), (1, 40), (57, 1), (1, 1), (900, 31)]
"""Height and width: boxes of every shape, one pixel wide among them."""
MODES = ["RGB", "L", "RGBA", "P", "1", "I;16"]

Library = Callable[[Image.Image], tuple[torch.Tensor, np.ndarray]]


def _pictures() -> list[Image.Image]:
    rng = np.random.default_rng(3)
    noise = [Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)) for size in SIZES]
    smooth = noise[0].resize((640, 360), Image.Resampling.BICUBIC)
    wide = Image.fromarray(rng.integers(0, 65536, (40, 50), np.uint16))
    others = [wide if mode == "I;16" else smooth.convert(mode) for mode in MODES]
    return [*noise, *(other.convert("RGB") for other in others)]


def _open_clip(folder: Path) -> Library:
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    model.eval()

    def one(picture: Image.Image) -> tuple[torch.Tensor, np.ndarray]:
        pixels = preprocess(picture)
        with torch.no_grad():
            return pixels, model.encode_image(pixels[None])[0].numpy()

    return one


def _transformers(folder: Path) -> Library:
    model = AutoModel.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder)

    def one(picture: Image.Image) -> tuple[torch.Tensor, np.ndarray]:
        # Said, as for a picture one or three pixels high earlier releases guess wrong.
        inputs = processor(
            images=np.array(picture), input_data_format="channels_last", return_tensors="pt"
        )
        with torch.no_grad():
            return inputs["pixel_values"][0], model(**inputs).pooler_output[0].numpy()

    return one


LIBRARIES = {"clip": _open_clip, "bioclip": _open_clip, "dinov2": _transformers}


@pytest.fixture(params=LIBRARIES)
def both(
    request: pytest.FixtureRequest, models_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Embedder, Library]:
    """A named model, its weights in the user's folder, and its library's own way to use them."""
    monkeypatch.setenv("FATHOMNET_MODELS", str(models_folder))
    embedder = load_embedder(request.param, device="cpu", precision="fp32")
    return embedder, LIBRARIES[request.param](models_folder / request.param)


def test_pixels_are_the_library_s_own_and_vectors_too(both: tuple[Embedder, Library]) -> None:
    embedder, library = both
    pictures = _pictures()
    expected = [library(picture) for picture in pictures]
    prepared = [embedder.prepare(picture) for picture in pictures]
    for own, (pixels, _) in zip(prepared, expected, strict=True):
        assert own.dtype == torch.float32
        assert torch.equal(own, pixels)
    alone = np.stack([vector for _, vector in expected])
    vectors = embedder.embed(torch.stack(prepared))
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(pictures), embedder.dimensions))
    np.testing.assert_allclose(vectors, alone, atol=1e-5)


def test_vectors_do_not_depend_on_the_batch(both: tuple[Embedder, Library]) -> None:
    embedder, _ = both
    batch = torch.stack([embedder.prepare(picture) for picture in _pictures()])
    whole = embedder.embed(batch)
    for size in (1, 2, 7):
        parts = np.concatenate([embedder.embed(part) for part in batch.split(size)])
        np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_threads_prepare_what_one_thread_does(both: tuple[Embedder, Library]) -> None:
    embedder, _ = both
    pictures = _pictures() * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(embedder.prepare, pictures))
    assert all(map(torch.equal, together, map(embedder.prepare, pictures)))


def test_the_settings_say_which_image_processor_prepared_a_picture(
    models_folder: Path, tmp_path: Path
) -> None:
    """transformers takes Pillow where torchvision is absent, and other pixels come out.

    So is timm then, which needs it, and which some releases of transformers import where it is.
    """
    folder, picture = models_folder / "dinov2", tmp_path / "picture.png"
    noise = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)
    Image.fromarray(noise).save(picture)
    program = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "def hide(cls, name, path=None, target=None):\n"
        "    hidden = name.startswith(('torchvision', 'timm'))\n"
        "    return None if hidden else find(name, path, target)\n"
        "PathFinder.find_spec = classmethod(hide)\n"
        "import numpy as np\n"
        "from PIL import Image\n"
        "from fathomnet_voxel51.models import load_embedder\n"
        "folder, picture, pixels = sys.argv[1:]\n"
        "model = load_embedder(folder, 'cpu', 'fp32')\n"
        "np.save(pixels, model.prepare(Image.open(picture)).numpy())\n"
        "print(model.settings['image_processor'])\n"
    )
    command = [sys.executable, "-c", program, folder, picture, tmp_path / "pixels.npy"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here = load_embedder(str(folder), "cpu", "fp32")
    # Before 5.0 transformers took Pillow unless it was asked for the other.
    chosen = "torchvision" if number(transformers.__version__) >= (5, 0) else "pil"
    assert here.settings["image_processor"] == chosen
    assert done.stdout.split() == ["pil"]
    apart = np.abs(here.prepare(Image.open(picture)).numpy() - np.load(tmp_path / "pixels.npy"))
    assert apart.max() < 0.05  # a level of brightness, where both round
    assert (apart.max() > 0) == (chosen != "pil")


def test_a_model_with_one_way_to_prepare_has_no_image_processor(models_folder: Path) -> None:
    clip = load_embedder(str(models_folder / "clip"), "cpu", "fp32")
    assert "image_processor" not in clip.settings


def test_half_precision_stays_close(models_folder: Path) -> None:
    for name in LIBRARIES:
        whole, half = (
            load_embedder(str(models_folder / name), "cpu", precision)
            for precision in ("fp32", "bf16")
        )
        batch = torch.stack([whole.prepare(picture) for picture in _pictures()])
        exact, close = whole.embed(batch), half.embed(batch)
        assert (half.precision, close.dtype) == ("bf16", np.float32)
        lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(close, axis=1)
        assert ((exact * close).sum(axis=1) / lengths).min() > 0.999


def test_a_text_has_the_library_s_vector_and_nothing_before_it(models_folder: Path) -> None:
    folder = models_folder / "clip"
    embedder = load_embedder(str(folder), "cpu", "fp32")
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokens = open_clip.get_tokenizer("ViT-B-32")(["a sea pig", "Scotoplanes globosa"])
    with torch.no_grad():
        expected = model.encode_text(tokens).numpy()
    vectors = embedder.embed_prompts(["a sea pig", "Scotoplanes globosa"])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_a_model_of_pictures_alone_takes_no_text(models_folder: Path) -> None:
    embedder = load_embedder(str(models_folder / "dinov2"))
    assert not embedder.spec.supports_prompts
    with pytest.raises(InputError, match="embeds no text; models that do: clip, bioclip"):
        embedder.embed_prompts(["a sea pig"])


def test_a_checkpoint_is_named_with_its_architecture(tmp_path: Path) -> None:
    model = open_clip.create_model("RN50").eval()
    file = tmp_path / "mine.pt"
    torch.save(model.state_dict(), file)
    embedder = load_embedder(f"RN50:{file}", "cpu", "fp32")
    picture = Image.new("RGB", (50, 40), (10, 90, 130))
    pixels = embedder.prepare(picture)[None]
    with torch.no_grad():
        np.testing.assert_allclose(
            embedder.embed(pixels), model.encode_image(pixels).numpy(), atol=1e-5
        )
    with pytest.raises(InputError, match="write its architecture before it"):
        model_spec(str(file))


class _Harmful:
    def __reduce__(self) -> Any:
        return (print, ("a pickle was run",))


def test_a_pickle_is_never_run(
    models_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(models_folder / "clip", folder)
    (folder / "open_clip_model.safetensors").unlink()
    torch.save({"state_dict": _Harmful()}, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(SetupError, match=r"open_clip_pytorch_model\.bin cannot be loaded"):
        load_embedder(str(folder))
    assert "a pickle was run" not in capsys.readouterr().out


PROGRAM = "import pathlib\npathlib.Path({canary!r}).touch()\n\n\nclass Own:\n    pass\n"


@pytest.mark.parametrize("settings", ["tokenizer", "pictures", "model"])
def test_a_program_in_a_model_s_folder_is_never_run(
    models_folder: Path, tmp_path: Path, settings: str
) -> None:
    """Settings may name classes of the folder's own, and open_clip's may also allow them."""
    canary, folder = tmp_path / "run", tmp_path / "mine"
    shutil.copytree(models_folder / ("clip" if settings == "tokenizer" else "dinov2"), folder)
    (folder / "own.py").write_text(PROGRAM.format(canary=str(canary)))
    if settings == "tokenizer":
        _change(folder / "tokenizer_config.json", tokenizer_class="Own")
        _change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Own", None]})
        allowing = {"hf_tokenizer_name": "mine", "tokenizer_kwargs": {"trust_remote_code": True}}
        content = json.loads((folder / "open_clip_config.json").read_text())
        content["model_cfg"]["text_cfg"] |= allowing
        (folder / "open_clip_config.json").write_text(json.dumps(content))
    elif settings == "pictures":
        own = {"image_processor_type": "Own", "auto_map": {"AutoImageProcessor": "own.Own"}}
        _change(folder / "preprocessor_config.json", **own)
    else:
        _change(folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.Own"})
    with pytest.raises(SetupError, match="contains custom code"):
        load_embedder(str(folder), "cpu", "fp32")
    assert not canary.exists()


def _change(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **values}))


def test_what_decides_the_vectors_is_recorded(models_folder: Path) -> None:
    folder = models_folder / "dinov2"
    settings = load_embedder(str(folder), "cpu", "fp32").settings
    assert settings["model"] == str(folder)
    assert (settings["input_size"], settings["precision"]) == ("224x224", "fp32")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert settings["weights_sha256"] == digest


@pytest.mark.parametrize(
    ("name", "file", "repository"),
    [
        ("clip", "open_clip_model.safetensors", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
        ("dinov2", "model.safetensors", "facebook/dinov2-base"),
        ("bioclip", "open_clip_model.safetensors", "imageomics/bioclip"),
    ],
)
def test_missing_weights_say_which_from_where_and_how(
    name: str, file: str, repository: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FATHOMNET_MODELS", str(tmp_path))
    with pytest.raises(SetupError) as raised:
        load_embedder(name)
    message = str(raised.value)
    assert file in message
    assert f"https://huggingface.co/{repository}" in message
    assert f"hf download {repository} " in message
    assert str(tmp_path / name) in message


def test_what_was_fetched_to_the_hub_s_cache_is_found(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FATHOMNET_MODELS", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--facebook--dinov2-base"
    revision = "f9e44c814b77203eaa57a6bdbbd535f21ede1415"
    shutil.copytree(models_folder / "dinov2", repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    assert load_embedder("dinov2", "cpu").dimensions == 64


def test_weights_without_their_settings_are_enough_where_the_architecture_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOMNET_MODELS", str(tmp_path))
    (tmp_path / "clip").mkdir()
    from safetensors.torch import save_file

    model = open_clip.create_model("ViT-B-32")
    save_file(model.state_dict(), tmp_path / "clip" / "open_clip_model.safetensors")
    assert load_embedder("clip", "cpu", "fp32").dimensions == 512


def test_a_local_folder_s_name_is_its_whole_path(
    models_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(models_folder)
    spec = model_spec("./dinov2")
    assert spec == model_spec(str(models_folder / "dinov2"))
    assert spec.name == str(models_folder / "dinov2")
    assert spec.zoo_name.startswith("fathomnet-dinov2-")


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"known: clip, dinov2, bioclip, demo-clip"):
        model_spec("klip")
    with pytest.raises(InputError, match=r"holds neither open_clip_config\.json nor config\.json"):
        model_spec(str(tmp_path))
    assert model_names() == ("clip", "dinov2", "bioclip", "demo-clip")


def test_a_local_folder_without_weights_says_which_it_wants(
    models_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(models_folder / "clip" / "open_clip_config.json", tmp_path)
    with pytest.raises(SetupError, match=r"open_clip_model\.safetensors"):
        load_embedder(str(tmp_path))
