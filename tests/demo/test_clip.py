"""The demo's own CLIP finds what it was trained to know, in pictures that it has not seen."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fathomnet_voxel51.models import Embedder, load_embedder, model_spec
from fathomnet_voxel51.resources import data_file
from PIL import Image

from demo.clip.pictures import draw_pictures
from demo.clip.training import SETTINGS, SIDE, STAGES, WEIGHTS, start, train
from demo.clip.words import NAMES, phrases, split_words, vocabulary
from demo.generate import Settings
from demo.needles import NEEDLES
from demo.recipes import RECIPES
from demo.train_clip import SEED
from tests.support.drawn import UNSEEN, Drawn

FOLDER = data_file("models/demo-clip/README.md").parent


@dataclass(frozen=True)
class Searched:
    """A demo set of another seed: its boxes and its whole images, embedded."""

    embedder: Embedder
    boxes: np.ndarray
    concepts: np.ndarray
    images: np.ndarray
    holds: list[set[str]]

    def boxes_for(self, text: str) -> np.ndarray:
        return self.concepts[_ranked(self.boxes, self.embedder.embed_prompts([text])[0])]


@pytest.fixture(scope="module")
def searched(drawn: Drawn) -> Searched:
    made = drawn(UNSEEN)
    objects = json.loads(made.truth.read_text())["objects"]
    embedder = load_embedder("demo-clip", "cpu", "fp32")
    wholes, crops, concepts, holds = [], [], [], []
    for file in sorted({item["file_name"] for item in objects}):
        image = Image.open(made.media_root / "train_images" / file).convert("RGB")
        inside = [item for item in objects if item["file_name"] == file]
        wholes.append(embedder.prepare(image))
        holds.append({item["name"] for item in inside})
        for item in inside:
            if item["kind"] == "animal":
                x, y, width, height = item["bbox"]
                crops.append(embedder.prepare(image.crop((x, y, x + width, y + height))))
                concepts.append(item["name"])
    vectors = [_unit(embedder.embed(torch.stack(batch))) for batch in (crops, wholes)]
    return Searched(embedder, vectors[0], np.array(concepts), vectors[1], holds)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _ranked(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    return np.argsort(-(vectors @ query), kind="stable")


def _common(searched: Searched) -> list[str]:
    """The concepts that have at least ten boxes to be found."""
    names, counts = np.unique(searched.concepts, return_counts=True)
    return [name for name, count in zip(names, counts, strict=True) if count >= 10]


def test_the_pictures_are_not_those_that_it_was_trained_on() -> None:
    assert UNSEEN.seed not in (SEED, Settings().seed)


def test_a_concept_s_name_finds_its_boxes(searched: Searched) -> None:
    common = _common(searched)
    assert len(common) >= 12
    precision = [np.mean(searched.boxes_for(name)[:10] == name) for name in common]
    assert np.mean(precision) >= 0.9


def test_words_of_a_person_who_does_not_know_the_name_find_them_too(searched: Searched) -> None:
    texts = {
        name: f"a {RECIPES[name].colours[0]} {RECIPES[name].noun}" for name in _common(searched)
    }
    precision = [np.mean(searched.boxes_for(text)[:10] == name) for name, text in texts.items()]
    assert np.mean(precision) >= 0.9


def test_a_higher_taxon_finds_what_belongs_to_it(searched: Searched) -> None:
    true_of = {phrase.words: phrase.true_of for phrase in phrases()}
    for taxon in ("Echinodermata", "Cnidaria", "Asteroidea", "Decapoda"):
        found = searched.boxes_for(taxon)[:10]
        assert np.mean([name in true_of[taxon] for name in found]) >= 0.9, taxon


def test_a_box_finds_boxes_of_its_concept(searched: Searched) -> None:
    concepts = searched.concepts
    scores = searched.boxes @ searched.boxes.T
    np.fill_diagonal(scores, -2)
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    hits = (concepts[nearest] == concepts[:, None]).mean(axis=1)
    names, counts = np.unique(concepts, return_counts=True)
    enough = np.isin(concepts, names[counts >= 11])
    assert hits[enough].mean() >= 0.9


def test_most_debris_is_found_in_whole_images(searched: Searched) -> None:
    """It is in no box, and a drink can is 9 of the model's 128 pixels wide."""
    ranks = []
    for name, needle in NEEDLES.items():
        if needle.kind == "debris":
            query = searched.embedder.embed_prompts([f"a {name} on the seafloor"])[0]
            order = _ranked(searched.images, query)
            places = [place for place, image in enumerate(order) if name in searched.holds[image]]
            ranks.extend((place, name) for place in places)
    assert len(ranks) >= 8
    assert np.mean([place < 20 for place, _ in ranks]) >= 0.8, ranks


def test_it_says_that_it_is_a_demo_model() -> None:
    assert "demo" in model_spec("demo-clip").title.lower()


def test_it_is_small_and_made_by_this_code(tmp_path: Path) -> None:
    assert (FOLDER / WEIGHTS).stat().st_size <= 2 * 1024**2
    start(tmp_path)
    for file in (SETTINGS, "tokenizer.json"):
        assert json.loads((tmp_path / file).read_text()) == json.loads((FOLDER / file).read_text())


def test_training_is_reproducible(tmp_path: Path) -> None:
    pictures = draw_pictures(4, 5, SIDE)
    short = [replace(stage, steps=2, pictures=6, texts=8) for stage in STAGES]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for folder in ("one", "other"):
            train(pictures, tmp_path / folder, short)
    finally:
        torch.set_num_threads(threads)
    one, other = ((tmp_path / folder / WEIGHTS).read_bytes() for folder in ("one", "other"))
    assert one == other


def test_phrases_mean_what_they_say() -> None:
    true_of = {phrase.words: phrase.true_of for phrase in phrases()}
    assert true_of["sea cucumber"] == {"Scotoplanes globosa", "Peniagone", "Pannychia moseleyi"}
    assert true_of["red sea star"] == {"Mediaster aequalis"}
    assert true_of["Hippasteria"] == {"Hippasteria"}
    assert true_of["Teleostei"] == {"Sebastes diploproa", "Sebastolobus"}
    assert true_of["litter"] == {name for name in NEEDLES if NEEDLES[name].kind == "debris"}
    assert all(names <= set(NAMES) for names in true_of.values())


def test_every_word_of_a_phrase_is_known_to_the_tokenizer() -> None:
    words = set(vocabulary())
    assert {word for phrase in phrases() for word in split_words(phrase.words)} <= words
