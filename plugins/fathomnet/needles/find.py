"""Searches for needles, text prompts kept in packs, and saves the hits as views with scores.

A score says how much a picture resembles a prompt rather than what the prompt must not match.
Cosine similarities to one prompt mean little by themselves: every text has its own level over all
pictures, and every picture its own over all texts. So a picture's score is its contrast with the
negative prompts, in units of the spread of contrasts over the pictures, nearly all of which show no
needle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..dataset.hit_views import Hit, existing_ids
from ..dataset.records import bring_up_to_date
from ..errors import DatasetError, Fault, InputError
from ..models import load_embedder, model_spec
from ..names import DEFAULT_MODEL, GROUND_TRUTH, similarity_key
from ..progress import Progress, portion, silent
from ..similarity.index import open_index
from ..text import counted
from ..tiles import tile_grid
from .packs import Pack, read_pack, with_prompts
from .record import FoundNeedle, NeedleHits, Search, keep_hits

TEMPERATURE: Final = 0.01
"""Of the soft maximum over negatives; CLIP's own at the end of training, which caps its inverse."""
CHANCE_SHARE: Final = 0.1
"""The share of the requested hits that may be expected to pass by chance."""
LARGEST_CHANCE: Final = 0.05
"""The highest probability that one picture may have of passing by chance."""
MAD_OF_NORMAL: Final = 0.6745
"""Median absolute deviation of a normal distribution whose standard deviation is 1."""


@dataclass(frozen=True, slots=True)
class NeedleScores:
    """The scores of one needle.

    Attributes:
        values: (N,) float64, one per picture: standard deviations above the median contrast.
        threshold: the score that a hit must exceed.
    """

    values: NDArray[np.float64]
    threshold: float

    def hits(self) -> NDArray[np.int64]:
        """Positions of the scores above the threshold, best first; ties keep their order.

        Examples:
            >>> NeedleScores(np.array([0.1, 4.2, 3.7]), threshold=3.0).hits().tolist()
            [1, 2]
        """
        order = np.argsort(-self.values, kind="stable")
        return order[self.values[order] > self.threshold]


def needle_scores(
    prompt: NDArray[np.float32], negatives: NDArray[np.float32], k: int
) -> NeedleScores:
    """Scores every picture, and sets the threshold above which it is a hit.

    Args:
        prompt: (N,) cosine similarities of the pictures to the needle.
        negatives: (M, N) their similarities to its negative prompts, M at least 1.
        k: the most hits that are requested; see ``hit_threshold``.
    """
    if not prompt.size:
        return NeedleScores(np.empty(0), hit_threshold(0, k))
    contrast = prompt - soft_maximum(negatives)
    contrast -= np.median(contrast)
    # A median of distances, because a few needles must not widen what is taken for chance.
    spread = float(np.median(np.abs(contrast))) / MAD_OF_NORMAL
    # float32 cosines are no finer than this.
    unit = max(spread, float(np.finfo(np.float32).eps))
    return NeedleScores(contrast / unit, hit_threshold(contrast.size, k))


def soft_maximum(negatives: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) a smooth maximum of each column of (M, N).

    It is the logarithm of a mean of exponentials, so texts that say the same count only once.

    Examples:
        >>> soft_maximum(np.array([[0.3, 0.2], [0.3, 0.1]], np.float32)).round(3).tolist()
        [0.3, 0.193]
    """
    scaled = negatives.astype(np.float64) / TEMPERATURE
    largest = scaled.max(axis=0)
    return TEMPERATURE * np.asarray(largest + np.log(np.exp(scaled - largest).mean(axis=0)))


def hit_threshold(pictures: int, k: int) -> float:
    """The score that at most a tenth of ``k`` pictures would exceed by chance.

    By chance means: if no picture showed the needle and the contrasts with the negatives had a
    normal distribution.

    Examples:
        With 1,000 pictures and 25 hits, 2.5 pictures may pass by chance:

        >>> round(hit_threshold(1_000, k=25), 2)
        2.81
    """
    chance = min(CHANCE_SHARE * k / max(pictures, 1), LARGEST_CHANCE)
    return NormalDist().inv_cdf(1.0 - chance)


DEFAULT_PACK: Final = "debris"
HITS: Final = 25


@dataclass(frozen=True, slots=True)
class NeedlesResult:
    """The outcome of ``find_needles``.

    Attributes:
        needles: one entry per needle, in the pack's order.
        view: name of the saved view with the hits of all needles, best first.
    """

    needles: tuple[FoundNeedle, ...]
    view: str


def find_needles(
    dataset: Any,
    brain_key: str = "",
    pack: str = "",
    prompts: Sequence[str] = (),
    k: int = HITS,
    progress: Progress = silent,
) -> NeedlesResult:
    """Searches for every needle of a pack, and saves the hits as views with scores.

    ``needle_scores`` explains a needle's score and threshold. Hits get their best score and the
    name of its needle as attributes, and every needle gets a saved view in the order of its own
    scores. A repeat replaces both, and counts hits as new that the previous search in the same
    index did not find; another version of the pack starts afresh.

    Args:
        dataset: a FiftyOne dataset.
        brain_key: key of a similarity index whose model knows text; empty for that of the default
            model, or for the only one there is.
        pack: the name of a pack, or the path of one of your own; empty for debris or, if there are
            prompts, for none.
        prompts: further texts to search for.
        k: the most hits to keep for each needle that does not set its own number.
        progress: called with the share done and a label.

    Raises:
        InputError: there is no such pack, its file has faults, or ``k`` is less than 1.
        DatasetError: there is no such index, or its model does not know text.
        SetupError: the model's weights are not on this machine.
    """
    if k < 1:
        raise InputError("find_needles", [Fault("k", f"should be at least 1, not {k}")])
    wanted = chosen_pack(pack, prompts)
    bring_up_to_date(dataset)
    brain_key = brain_key or prompt_index(dataset)
    progress(0.0, f"opening the index {brain_key}")
    index = open_index(dataset, brain_key)
    if not model_spec(index.model).supports_prompts:
        known = ", ".join(prompt_indexes(dataset)) or "none"
        raise DatasetError(
            f"the index {brain_key} is of {index.model}, which knows images but no text; indexes "
            f"of this dataset whose models know text: {known}"
        )
    embedder = load_embedder(index.model, progress=portion(progress, 0.05, 0.15))
    progress(0.15, f"embedding the prompts by {index.model}")
    # Each text once: needles share most of their negatives.
    distinct = list(
        dict.fromkeys(text for one in wanted.needles for text in one.prompts + one.negatives)
    )
    vectors = _unit(embedder.embed_prompts(distinct))
    by_text = dict(zip(distinct, vectors, strict=True))
    there = existing_ids(dataset, index.patches_field)
    grid = tile_grid(dataset, index.patches_field)
    found: dict[str, NeedleHits] = {}
    for done, needle in enumerate(wanted.needles):
        progress(0.2 + 0.3 * done / len(wanted.needles), f"looking for {needle.name}")
        # The mean of several ways to say it is a steadier description than any one of them.
        prompt = np.mean([by_text[one] for one in needle.prompts], axis=0, keepdims=True)
        cosines = index.scores(
            np.vstack([_unit(prompt), *(by_text[one] for one in needle.negatives)])
        )
        scores = needle_scores(cosines[0], cosines[1:], needle.k or k)
        # An index may hold boxes that were deleted since it was built.
        hits = tuple(
            Hit(index.ids[at], index.sample_ids[at], float(scores.values[at]))
            for at in scores.hits()
            if index.ids[at] in there
        )
        kept = (grid.without_overlaps(hits) if grid else hits)[: needle.k or k]
        found[needle.name] = NeedleHits(scores.threshold, kept)
    search = Search(wanted, brain_key, index.model, index.patches_field, grid)
    needles = keep_hits(dataset, search, found, there, portion(progress, 0.5, 1.0))
    number = counted(sum(needle.hits for needle in needles), "hit", "hits")
    progress(1.0, f"{number} of {counted(len(needles), 'needle', 'needles')}")
    return NeedlesResult(needles, search.view() if any(n.hits for n in needles) else "")


def chosen_pack(pack: str, prompts: Sequence[str]) -> Pack:
    """The pack to search for: by its name, with prompts added, or made of prompts alone.

    Raises:
        InputError: there is no such pack, or its file has faults.
    """
    if not prompts:
        return read_pack(pack or DEFAULT_PACK)
    return with_prompts(read_pack(pack) if pack else None, prompts)


def prompt_index(dataset: Any) -> str:
    """The brain key of the index to search if none is named.

    Raises:
        DatasetError: there is no index whose model knows text, or there are several.
    """
    keys = prompt_indexes(dataset)
    default = similarity_key(DEFAULT_MODEL, GROUND_TRUTH)
    if default in keys:
        return default
    if len(keys) == 1:
        return keys[0]
    if keys:
        raise DatasetError(f"several indexes know text; name one of them: {', '.join(keys)}")
    raise DatasetError(
        f"dataset {dataset.name!r} has no similarity index whose model knows text; run "
        "compute_embeddings and build_similarity_index with such a model first, for example clip"
    )


def prompt_indexes(dataset: Any) -> list[str]:
    """The brain keys of the dataset's similarity indexes whose models know text."""
    keys: list[str] = dataset.list_brain_runs(type="similarity", supports_prompts=True)
    return keys


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)
