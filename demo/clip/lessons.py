"""Deals out pictures with texts, and what is true of which."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as nnf

from demo.clip.pictures import Kind, Pictures
from demo.clip.words import BARE, FRAMES, NAMES, Phrase, names_of, phrases

PAIRS: Final = 0.12
"""Share of the texts that name two things."""
NOISE: Final = 0.25
"""Share of the texts with unknown words among them."""
UNHEARD: Final = "zzz"
"""A word that the tokenizer does not know: it shall not change what the others mean."""
MOST_PASTED: Final = 3
LEAST_SIDE: Final = 4
"""Of what is pasted, in pixels."""
FEATHER: Final = 0.15
"""Share of a pasted picture's side over which its edge fades into what is behind."""

Lesson = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Pixels (P, 3, side, side), tokens (T, context), truth (P, T), and where it is known (P, T)."""


class Lessons:
    """Takes pictures and texts at random.

    Args:
        pictures: to take from.
        settings: open_clip's file of the model's settings.
        tokenizer: the model's.
        shares: how often a picture of each kind is taken.
        pasted: how often a whole image gets boxes of others pasted into it.
        rng: decides which texts.
    """

    def __init__(
        self,
        pictures: Pictures,
        settings: Path,
        tokenizer: Any,
        shares: Mapping[Kind, float],
        pasted: float,
        rng: Random,
    ) -> None:
        content = json.loads(settings.read_text(encoding="utf-8"))["preprocess_cfg"]
        self._pixels = torch.from_numpy(pictures.pixels)
        self._mean = 255 * torch.tensor(content["mean"]).view(1, 3, 1, 1)
        self._std = 255 * torch.tensor(content["std"]).view(1, 3, 1, 1)
        self._tokenizer = tokenizer
        self._rng = rng
        unheard = (Phrase(f"sea {UNHEARD}", frozenset()), Phrase(UNHEARD, frozenset()))
        self._phrases = (*phrases(), *unheard)
        self._meant = _matrix([phrase.true_of for phrase in self._phrases])
        self._names = _matrix([names_of(shown) for shown in pictures.shown])
        self._unsure = _matrix([shown.unsure for shown in pictures.shown])
        kinds = [shown.kind for shown in pictures.shown]
        self._weights = torch.tensor([shares[kind] / kinds.count(kind) for kind in kinds])
        self._pasted = pasted
        self._is_whole = torch.tensor([kind == "whole" for kind in kinds])
        self._boxes = [number for number, kind in enumerate(kinds) if kind == "box"]
        self._extents = [shown.extent for shown in pictures.shown]

    def draw(self, pictures: int, texts: int) -> Lesson:
        """Some pictures and some texts."""
        chosen = torch.multinomial(self._weights, pictures)
        names, partly = self._names[chosen], self._unsure[chosen]
        first, second = (
            torch.tensor(self._rng.choices(range(len(self._phrases)), k=texts)) for _ in "ab"
        )
        pairs = torch.tensor([self._rng.random() < PAIRS for _ in range(texts)])
        words = [
            self._say([int(one), int(other)] if pair else [int(one)])
            for one, other, pair in zip(first, second, pairs, strict=True)
        ]
        pixels = self._pixels[chosen].permute(0, 3, 1, 2).float()
        if self._pasted:
            self._paste(pixels, names, self._is_whole[chosen])
        truth = _holds(names, self._meant[first])
        possible = _holds(names + partly, self._meant[first])
        truth &= _holds(names, self._meant[second]) | ~pairs
        possible &= _holds(names + partly, self._meant[second]) | ~pairs
        known = truth | ~possible
        return self._vary(pixels), self._tokenizer(words), truth.float(), known.float()

    def _say(self, numbers: Sequence[int]) -> str:
        """A text from one phrase or two, sometimes among words that are not known."""
        frames = [self._rng.choice(FRAMES) for _ in numbers]
        said = " and ".join(
            frame.format(self._phrases[number].words)
            for frame, number in zip(frames, numbers, strict=True)
        )
        words = said.split()
        if self._rng.random() < NOISE:
            for _ in range(self._rng.randint(1, 3)):
                words.insert(self._rng.randint(0, len(words)), UNHEARD)
        return " ".join(words)

    def _paste(self, pixels: torch.Tensor, names: torch.Tensor, is_whole: torch.Tensor) -> None:
        """Puts boxes of other images into whole ones, in place and in their size.

        Few things are as small as they are in a whole image, and this shows far more of them than
        are drawn.
        """
        for picture in range(len(pixels)):
            if not is_whole[picture] or self._rng.random() >= self._pasted:
                continue
            names[picture, _BARE_COLUMNS] = 0
            for _ in range(self._rng.randint(1, MOST_PASTED)):
                box = self._rng.choice(self._boxes)
                patch = self._pixels[box].permute(2, 0, 1).float()
                self._blend(pixels[picture], patch, self._extents[box])
                names[picture] = torch.maximum(names[picture], self._names[box])

    def _blend(
        self, picture: torch.Tensor, patch: torch.Tensor, extent: tuple[float, float]
    ) -> None:
        side = picture.shape[-1]
        width, height = (min(max(LEAST_SIDE, round(share * side)), side) for share in extent)
        small = nnf.interpolate(patch[None], (height, width), mode="area")[0]
        left = self._rng.randint(0, side - width)
        top = self._rng.randint(min(side // 4, side - height), side - height)
        under = picture[:, top : top + height, left : left + width]
        # In the light of the place that it comes to: else its edge would give it away.
        edge = torch.cat([small[:, 0], small[:, -1], small[:, :, 0], small[:, :, -1]], dim=1)
        lit = small + (under.mean(dim=(1, 2)) - edge.mean(dim=1)).view(3, 1, 1)
        cover = _fade(height)[:, None] * _fade(width)[None]
        under += cover * (lit - under)

    def _vary(self, pixels: torch.Tensor) -> torch.Tensor:
        """Mirrored, moved, scaled and lit anew, each picture by itself; then normalised."""
        count = len(pixels)
        turned = torch.zeros(count, 2, 3)
        scale = 1 - 0.12 * torch.rand(count, 2)
        mirrored = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
        turned[:, 0, 0] = scale[:, 0] * mirrored
        turned[:, 1, 1] = scale[:, 1]
        turned[:, :, 2] = (1 - scale) * (2 * torch.rand(count, 2) - 1)
        grid = nnf.affine_grid(turned, list(pixels.shape), align_corners=False)
        moved = nnf.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
        gain = 1 + 0.12 * (2 * torch.rand(count, 1, 1, 1) - 1)
        tint = 1 + 0.04 * (2 * torch.rand(count, 3, 1, 1) - 1)
        normalised = ((moved * gain * tint).clamp(0, 255) - self._mean) / self._std
        return normalised.contiguous(memory_format=torch.channels_last)


_BARE_COLUMNS: Final = [NAMES.index(name) for name in BARE.values()]


def _fade(length: int) -> torch.Tensor:
    """1 in the middle and falling off to both ends."""
    place = (torch.arange(length) + 0.5) / length
    return (torch.minimum(place, 1 - place) / FEATHER).clamp(max=1)


def _matrix(sets: Sequence[frozenset[str]]) -> torch.Tensor:
    """(sets, names) float, 1 where a set holds a name."""
    return torch.tensor(np.array([[name in one for name in NAMES] for one in sets], np.float32))


def _holds(names: torch.Tensor, meant: torch.Tensor) -> torch.Tensor:
    """(pictures, phrases) bool: whether a picture shows one of the names that a phrase means."""
    return names @ meant.T > 0
