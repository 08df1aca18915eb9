"""A taxon's page: pictures of it, where it was seen, and what an evaluation takes it for."""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

from ...dataset import columns
from ...evaluation.scoring.columns import Pairs
from ...labels.verdicts import RIGHT, standing, state_of
from ...names import RANKS, REVIEW_STATE, REVIEWED_LABEL, SUGGESTED_LABEL
from ...pictures.decoding import (
    BoxError,
    PictureError,
    cut_patch,
    open_picture,
    small_jpeg,
    window_of,
)
from ...pictures.local import LocalMedia
from ...taxonomy import Taxonomy
from ..base import Figure, layout_of, short, ticks
from .tree import TaxonTree, condition, labels_in

PICTURES: Final = 6
LOOKED_AT: Final = 300
"""Images at most, of confirmed labels and of others each, among which pictures are sought."""
TRIED: Final = 30
"""Images at most that are opened for the pictures; some may not be at hand."""
DIVES: Final = 10
CONFUSED: Final = 8
"""Rows of these tables."""
NO_NAME: Final = "(no prediction)"

_LARGEST: Final = (240, 160)
"""Pixels of a picture."""
_HEIGHT: Final = 160
_REMEMBERED: Final = 300
"""Pictures that are kept, of some 5 KB each."""
_WHOLE: Final = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Example:
    """A picture of a box that may stand for its label.

    Attributes:
        sample_id: of its image.
        label: its name.
        is_confirmed: whether a person said that the name is right.
        jpeg: the picture.
    """

    sample_id: str
    label: str
    is_confirmed: bool
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Mistakes:
    """What an evaluation says of a taxon; boxes are given as positions of its pairs.

    Attributes:
        scored: how many boxes are truly of the taxon.
        wrong: those of them whose predicted name is another, or none.
        outside: how many of these were predicted to be of no name at or below the taxon.
        taken_for: these, by the name at the taxon's rank for which they were taken, the most
            frequent first.
        taken_for_it: boxes of other taxa that were taken for this one, by their true names.
    """

    scored: int
    wrong: Sequence[int]
    outside: int
    taken_for: Mapping[str, Sequence[int]]
    taken_for_it: Mapping[str, Sequence[int]]


def mistakes_of(name: str, pairs: Pairs, taxonomy: Taxonomy) -> Mistakes:
    """Sorts the pairs of an evaluation by what they say of a taxon.

    Args:
        name: of the taxon, or a label that the taxonomy does not know.
        pairs: true and predicted names.
        taxonomy: the tree of concepts.

    Examples:
        >>> from fathomnet_voxel51.evaluation.scoring.columns import pair_up
        >>> from fathomnet_voxel51.taxonomy import load_taxonomy
        >>> true, predicted = ["Elpidia", "Elpidia", "Pandalus"], ["Peniagone", None, "Elpidia"]
        >>> pairs = pair_up(true, predicted, load_taxonomy())
        >>> found = mistakes_of("Elpidia", pairs, load_taxonomy())
        >>> found.taken_for, found.taken_for_it
        ({'(no prediction)': [1], 'Peniagone': [0]}, {'Pandalus': [2]})
    """
    below = set(taxonomy.within(name)) or {name}
    taxon = taxonomy.taxon(name)
    rank = taxon.rank if taxon is not None and taxon.rank in RANKS else ""

    def at_rank(other: str | None) -> str:
        # A name that is coarser than the taxon stays what it is.
        return (rank and taxonomy.rollup(other, rank)) or other or NO_NAME

    scored, wrong = 0, []
    taken_for: dict[str, list[int]] = {}
    taken_for_it: dict[str, list[int]] = {}
    for place, (true, predicted) in enumerate(zip(pairs.true, pairs.predicted, strict=True)):
        if true in below:
            scored += 1
            if predicted != true:
                wrong.append(place)
            if predicted not in below:
                taken_for.setdefault(at_rank(predicted), []).append(place)
        elif predicted in below:
            taken_for_it.setdefault(at_rank(true), []).append(place)
    return Mistakes(
        scored,
        wrong,
        sum(map(len, taken_for.values())),
        _most_first(taken_for),
        _most_first(taken_for_it),
    )


def _most_first(found: Mapping[str, list[int]]) -> dict[str, list[int]]:
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))


def examples_of(dataset: Any, field: str, key: str, taxonomy: Taxonomy) -> list[Example]:
    """Pictures of the labels at and below a node: what people confirmed, then the largest.

    Suspects that nobody has confirmed, and labels that a person has doubted, are left out; images
    that are not at hand are passed over. As many dives as possible are shown.

    Args:
        dataset: a FiftyOne dataset.
        field: of labels.
        key: of the node, see ``tree``.
        taxonomy: the tree of concepts.
    """
    found: list[Example] = []
    media = LocalMedia(dataset)
    for tried, one in enumerate(_candidates(dataset, field, key, taxonomy)):
        if len(found) == PICTURES or tried == TRIED:
            break
        try:
            file = Path(media.file(one.sample_id, one.filepath))
            jpeg = _jpeg(file, file.stat().st_mtime_ns, one.size, tuple(one.rectangle))
        except (PictureError, BoxError, OSError):
            continue
        found.append(Example(one.sample_id, one.label, one.is_confirmed, jpeg))
    return found


@lru_cache(maxsize=_REMEMBERED)
def _jpeg(
    file: Path, modified: int, size: tuple[int, int] | None, rectangle: tuple[float, ...]
) -> bytes:
    """A small picture of a box; ``modified`` is when its file was."""
    picture = open_picture(file, size)
    height, width = picture.shape[:2]
    return small_jpeg(cut_patch(picture, window_of(rectangle, width, height)), _LARGEST)


@dataclass(frozen=True, slots=True)
class _Candidate:
    sample_id: str
    filepath: str
    size: tuple[int, int] | None
    dive: str | None
    label: str
    rectangle: Sequence[float]
    is_confirmed: bool

    @property
    def area(self) -> float:
        return self.rectangle[2] * self.rectangle[3]


def _candidates(dataset: Any, field: str, key: str, taxonomy: Taxonomy) -> Iterator[_Candidate]:
    """Labels that may stand for their names, the best first, one an image."""
    from fiftyone import ViewField as F

    of_taxon = condition(key, taxonomy)
    images: set[str] = set()
    for which in (standing(*RIGHT), ~standing() & ~F(SUGGESTED_LABEL).exists()):
        view = dataset.filter_labels(field, of_taxon & which).limit(LOOKED_AT)
        largest: dict[str, _Candidate] = {}
        for one in _labels_of(view, field):
            before = largest.get(one.sample_id)
            if one.sample_id not in images and (before is None or before.area < one.area):
                largest[one.sample_id] = one
        ordered = sorted(largest.values(), key=lambda one: (-one.area, one.sample_id))
        # The largest of each dive, then the second of each, and so on.
        turns = Counter[str | None]()
        by_turn = []
        for place, one in enumerate(ordered):
            by_turn.append((turns[one.dive], place, one))
            turns[one.dive] += 1
        yield from (one for _, _, one in sorted(by_turn, key=lambda turn: turn[:2]))
        images |= largest.keys()


def _labels_of(view: Any, field: str) -> Iterator[_Candidate]:
    path = labels_in(view)[field]
    is_single = path == field
    fields = ["filepath", "dive", "metadata.width", "metadata.height"]
    fields += [field] if is_single else []
    boxes = {} if is_single else {path: ("label", "bounding_box", REVIEW_STATE, REVIEWED_LABEL)}
    for image in columns.read_images(view, fields, boxes):
        metadata = image.get("metadata") or {}
        sides = metadata.get("width"), metadata.get("height")
        for label in [image[field]] if is_single else columns.boxes_in(image, path):
            rectangle = _WHOLE if is_single else label.get("bounding_box") or ()
            if len(rectangle) == 4:
                yield _Candidate(
                    str(image["_id"]),
                    image["filepath"],
                    sides if all(sides) else None,  # type: ignore[arg-type]
                    image.get("dive"),
                    str(label.get("label")),
                    rectangle,
                    state_of(label) in RIGHT,
                )


def pictures_figure(examples: Sequence[Example]) -> Figure:
    """The pictures side by side, as Plotly takes them; each can be clicked."""
    places = list(range(PICTURES))
    said = [short(one.label) + (", confirmed" if one.is_confirmed else "") for one in examples]
    bars = {
        "type": "bar",
        "x": places[: len(examples)],
        "y": [1] * len(examples),
        "width": 0.96,
        "marker": {"color": "rgba(0, 0, 0, 0)"},
        "hovertext": said,
        "hoverinfo": "text",
    }
    images = [
        {
            "source": f"data:image/jpeg;base64,{base64.b64encode(one.jpeg).decode()}",
            "xref": "x",
            "yref": "y",
            "x": place,
            "y": 0.5,
            "sizex": 0.94,
            "sizey": 1,
            "xanchor": "center",
            "yanchor": "middle",
            "sizing": "contain",
            "layer": "below",
        }
        for place, one in enumerate(examples)
    ]
    axis = {"fixedrange": True, "showgrid": False, "zeroline": False}
    layout = layout_of("", _HEIGHT) | {
        "images": images,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 36},
        "xaxis": axis
        # A word a line, or the names would run into one another where the panel is narrow.
        | ticks(["<br>".join(one.split(" ", 1)) for one in said])
        | {"range": [-0.5, PICTURES - 0.5], "tickangle": 0, "tickfont": {"size": 11}},
        "yaxis": axis | {"range": [0, 1], "visible": False},
    }
    return Figure([bars], layout)


def dives_of(view: Any, field: str) -> list[tuple[str, int, int]]:
    """Each dive of a view with its images and labels, the one with most labels first.

    Args:
        view: a FiftyOne view that shows the labels of a taxon only.
        field: of these labels.
    """
    from fiftyone import ViewField as F

    if view.get_field("dive") is None:
        return []
    path = labels_in(view)[field]
    dives = [dive or "not known" for dive in view.values("dive")]
    numbers = [1] * len(dives) if path == field else view.values(F(path).length())
    images, labels = Counter[str](dives), Counter[str]()
    for dive, number in zip(dives, numbers, strict=True):
        labels[dive] += number
    return [(dive, images[dive], count) for dive, count in labels.most_common()]


def ranks_of(tree: TaxonTree, key: str) -> list[tuple[str, int, int]]:
    """Each rank at and below a node with its different names, and the labels of just that rank."""
    names, labels = Counter[str](), Counter[str]()
    for node in tree.at_and_below(key):
        names[node.rank] += 1
        labels[node.rank] += node.own.boxes
    return [(rank, number, labels[rank]) for rank, number in names.items() if rank]


def links_to(name: str) -> dict[str, str]:
    """Where to read about a taxon, by what the link says.

    Examples:
        >>> links_to("Sebastes diploproa")["WoRMS"]
        'https://www.marinespecies.org/aphia.php?p=taxlist&tName=Sebastes+diploproa'
    """
    return {
        "WoRMS": f"https://www.marinespecies.org/aphia.php?p=taxlist&tName={quote_plus(name)}",
        "FathomNet": "https://database.fathomnet.org/fathomnet/#/",
    }
