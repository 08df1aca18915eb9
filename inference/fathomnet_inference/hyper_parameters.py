"""Reads the training's settings, omegaconf's pickled tree, as plain data without omegaconf.

The classes are inert: they have no methods, and unpickling only fills their ``__dict__``.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fathomnet_voxel51.errors import Fault, InputError

_DEEPEST: Final = 32
_MOST_VALUES: Final = 100_000
"""A real file has a few hundred; a hostile one could contain itself many times over."""
_NAMES: Final = "category_id2name"

_EXPECTED: Final[Mapping[str, Any]] = {
    "env_img_crop_scale_list": [3, 5, -1],
    "img_encoder_size": [[256, 256]],
    "obj_encoder_size": [256, 256],
}
"""Settings that change the computation but no weight's shape (winner-model.md, 3.1 and 4.3)."""


class DictConfig:
    """Stands in for omegaconf's; ``_content`` maps keys to nodes."""


class ListConfig:
    """Stands in for omegaconf's; ``_content`` lists nodes."""


class AnyNode:
    """Stands in for omegaconf's; ``_val`` is the value."""


class ContainerMetadata:
    """Stands in for omegaconf's; nothing in it is used."""


class Metadata:
    """Stands in for omegaconf's; nothing in it is used."""


class _Plainer:
    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._left = _MOST_VALUES

    def plain(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            fault = Fault("hyper_parameters", "hold themselves, or more than any training's")
            raise InputError(self._subject, [fault], "Download the file again.")
        if isinstance(value, DictConfig | ListConfig | AnyNode):
            held = "_val" if isinstance(value, AnyNode) else "_content"
            return self.plain(vars(value).get(held), depth + 1)
        if isinstance(value, Mapping):
            return {str(key): self.plain(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(each, depth + 1) for each in value]
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)  # JSON has no word for it
        if value is None or isinstance(value, bool | int | float | str):
            return value
        return f"<{type(value).__name__}>"


def plain_settings(subject: str, hyper_parameters: Any) -> dict[str, Any]:
    """The settings as JSON would read them back: keys are texts, and values are plain.

    Values of other types, which the published file does not have, become the type's name.

    Args:
        subject: the file, for messages.
        hyper_parameters: as unpickled.

    Raises:
        InputError: they are not a mapping, contain themselves, or describe another model.

    Examples:
        >>> plain_settings("last.ckpt", {"lr": 1e-05, 7: float("inf")})
        {'lr': 1e-05, '7': 'inf'}
    """
    settings = _Plainer(subject).plain(hyper_parameters)
    if not isinstance(settings, dict):
        problem = f"are a {type(hyper_parameters).__name__}, not names and values"
        raise InputError(subject, [Fault("hyper_parameters", problem)], _needed())
    faults = [
        Fault(f"hyper_parameters.{name}", f"{settings[name]!r}, where {value!r} is computed")
        for name, value in _EXPECTED.items()
        if name in settings and settings[name] != value
    ]
    if faults:
        advice = "The weights were trained on other crops than this program makes of an image."
        raise InputError(subject, faults, advice)
    return settings


def concept_names(subject: str, settings: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The concepts in the order of the logits, from the checkpoint itself (winner-model.md, 5).

    Args:
        subject: the file, for messages.
        settings: from :func:`plain_settings`.
        count: rows of the classifier.

    Raises:
        InputError: an index has no name, a name is repeated, or their number is not that of rows.

    Examples:
        >>> settings = {"category_id2name": {"1": "Elpidia", "0": "Sebastes"}}
        >>> concept_names("last.ckpt", settings, count=2)
        ('Sebastes', 'Elpidia')
    """
    names = settings.get(_NAMES)
    place = f"hyper_parameters.{_NAMES}"
    if not isinstance(names, dict):
        problem = "is missing, and with it the names of the concepts"
        raise InputError(subject, [Fault(place, problem)], _needed())
    wanted = {str(index) for index in range(count)}
    faults = [Fault(f"{place}[{key}]", "is missing") for key in _sorted(wanted - names.keys())]
    faults += [
        Fault(f"{place}[{key}]", f"the model has only the indices 0 to {count - 1}")
        for key in _sorted(names.keys() - wanted)
    ]
    faults += _bad_names(place, names)
    if faults:
        raise InputError(subject, faults, _needed())
    return tuple(names[str(index)] for index in range(count))


def _bad_names(place: str, names: Mapping[str, Any]) -> list[Fault]:
    faults, seen = [], set()
    for key, name in names.items():
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            faults.append(Fault(f"{place}[{key}]", f"{name!r} is no name"))
        elif name in seen:
            faults.append(Fault(f"{place}[{key}]", f"{name!r} is the name of another index too"))
        else:
            seen.add(name)
    return faults


def _sorted(keys: Iterable[str]) -> list[str]:
    return sorted(keys, key=lambda key: (len(key), key))


def _needed() -> str:
    return "The original last.ckpt has them; use that file, or a conversion of it."
