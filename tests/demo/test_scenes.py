from __future__ import annotations

from collections import Counter

import pytest

from demo.concepts import read_lineages
from demo.needles import NEEDLES
from demo.recipes import RECIPES
from demo.scenes import SHARED_DIVES, Scene, dive_key, plan_scenes


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return plan_scenes(120, 40, seed=0)


def of_split(scenes: list[Scene], split: str) -> list[Scene]:
    return [scene for scene in scenes if scene.split == split]


def test_every_concept_that_is_drawn_is_in_the_taxonomy():
    assert set(RECIPES) <= set(read_lineages())


def test_at_least_four_orders_hold_relatives():
    lineages = read_lineages()
    orders = Counter(lineages[concept][3] for concept in RECIPES)
    assert sum(number >= 2 for number in orders.values()) >= 4


def test_both_splits_show_every_concept(scenes):
    for split in ("train", "test"):
        shown = {thing.name for scene in of_split(scenes, split) for thing in scene.things}
        assert set(RECIPES) <= shown


def test_training_shows_every_needle(scenes):
    shown = {thing.name for scene in of_split(scenes, "train") for thing in scene.things}
    assert set(NEEDLES) <= shown


def test_needles_have_no_annotation_and_animals_are_numbered_from_one(scenes):
    for split in ("train", "test"):
        things = [thing for scene in of_split(scenes, split) for thing in scene.things]
        numbers = [thing.annotation_id for thing in things if thing.kind == "animal"]
        assert numbers == list(range(1, len(numbers) + 1))
        assert all(thing.annotation_id is None for thing in things if thing.kind != "animal")


def test_images_have_one_to_twenty_three_boxes_and_mostly_few(scenes):
    counts = [sum(thing.kind == "animal" for thing in scene.things) for scene in scenes]
    assert min(counts) >= 1
    assert max(counts) <= 23
    assert 0.4 < sum(count == 1 for count in counts) / len(counts) < 0.65


def test_exactly_the_planned_dives_are_in_both_splits(scenes):
    train, test = ({dive_key(s.dive) for s in of_split(scenes, k)} for k in ("train", "test"))
    assert len(train & test) == SHARED_DIVES


def test_a_repeated_frame_shows_the_same_animals_of_the_same_dive_a_moment_later(scenes):
    by_id = {(scene.split, scene.image_id): scene for scene in scenes}
    repeated = [scene for scene in scenes if scene.repeats]
    assert 10 <= len(repeated) <= 20
    for scene in repeated:
        before = by_id[scene.split, scene.repeats]
        assert scene.dive == before.dive
        assert 0 < scene.seconds - before.seconds <= 2
        assert [thing.name for thing in scene.things] == [thing.name for thing in before.things]
        assert [thing.bbox[2:] for thing in scene.things] == [t.bbox[2:] for t in before.things]


def test_boxes_rarely_overlap(scenes):
    crossing = pairs = 0
    for scene in scenes:
        for one in scene.things:
            for other in scene.things:
                if one is other:
                    continue
                pairs += 1
                (a, b, c, d), (e, f, g, h) = one.bbox, other.bbox
                crossing += a < e + g and e < a + c and b < f + h and f < b + d
    assert crossing < 0.05 * pairs
