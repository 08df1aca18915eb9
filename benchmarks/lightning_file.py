"""A Lightning checkpoint of the published layout, with weights of one's own choice.

winner-model.md, section 2. The settings are pickled as omegaconf pickles them, under omegaconf's
names, without omegaconf: classes of ours carry those names while the file is written.
"""

from __future__ import annotations

import collections
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from fathomnet_inference.size import ModelSize
from torch import Tensor

_UNTRAINED: Final = ("mask_token", "obj_proj_module")
_CONTAINERS: Final[dict[type, str]] = {dict: "DictConfig", list: "ListConfig"}
_CLASSES: Final = {
    "DictConfig": "omegaconf.dictconfig",
    "ListConfig": "omegaconf.listconfig",
    "ContainerMetadata": "omegaconf.base",
    "Metadata": "omegaconf.base",
    "AnyNode": "omegaconf.nodes",
}


def save_lightning(
    file: Any,
    weights: Mapping[str, Tensor],
    size: ModelSize,
    settings: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Writes a checkpoint as the training did, Adam's moments included.

    Args:
        file: path or file, for ``torch.save``.
        weights: the state dict.
        size: of the model; tells the number of concepts and the encoder's name.
        settings: replace or add to the hyper-parameters.
        changes: replace or add to the keys of the file.
    """
    with _omegaconf() as classes:
        plain = {**_settings(size), **(settings or {})}
        content = {
            "epoch": 59,
            "global_step": 2 * size.concepts,
            "pytorch-lightning_version": "2.5.1.post0",
            "state_dict": collections.OrderedDict(weights),
            "loops": {},
            "callbacks": {},
            "optimizer_states": [_adam(weights)],
            "lr_schedulers": [],
            "MixedPrecision": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0},
            "hparams_name": "args",
            "hyper_parameters": _node(classes, plain, None, None),
            "hparams_type": classes["DictConfig"],
            **changes,
        }
        torch.save(content, file)


def _settings(size: ModelSize) -> dict[str, Any]:
    published = size.width == ModelSize().width
    name = "facebook/dinov2-large" if published else "./dinov2-tiny"
    names = {index: f"Taxon {index:02}" for index in range(size.concepts)}
    return {
        "project_name": "experiment-synthetic",
        "device": None,
        "lr": 1e-6,
        "obj_vit_encoder_path": name,
        "img_vit_encoder_path": name,
        "obj_encoder_size": [256, 256],
        "img_encoder_size": [[256, 256]],
        "env_img_crop_scale_list": [3, 5, -1],
        "category_name2id": {name: index for index, name in names.items()},
        # As in the fixture, the order is not that of the indices.
        "category_id2name": dict(reversed(names.items())),
    }


def _adam(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    moments = {
        index: {
            "step": torch.tensor(2.0),
            "exp_avg": torch.zeros(weight.shape),
            "exp_avg_sq": torch.zeros(weight.shape),
        }
        for index, (name, weight) in enumerate(weights.items())
        if not any(part in name for part in _UNTRAINED)
    }
    return {"state": moments, "param_groups": [{"lr": 4e-7, "params": list(range(len(weights)))}]}


def _node(classes: Mapping[str, Any], value: Any, key: Any, parent: Any) -> Any:
    kind = next((_CONTAINERS[each] for each in _CONTAINERS if isinstance(value, each)), "AnyNode")
    node = classes[kind]()
    metadata = classes["Metadata" if kind == "AnyNode" else "ContainerMetadata"]()
    metadata.__dict__.update(
        ref_type=typing.Any,
        object_type=None if kind == "AnyNode" else type(value),
        key=key,
        flags={},
        resolver_cache=collections.defaultdict(dict),
    )
    node.__dict__.update(_metadata=metadata, _parent=parent)
    if kind == "DictConfig":
        node._content = {key: _node(classes, each, key, node) for key, each in value.items()}
    elif kind == "ListConfig":
        node._content = [_node(classes, each, at, node) for at, each in enumerate(value)]
    else:
        node._val = value
    return node


@contextmanager
def _omegaconf() -> Iterator[dict[str, Any]]:
    """Classes that pickle under omegaconf's names."""
    classes = {name: type(name, (), {"__module__": module}) for name, module in _CLASSES.items()}
    modules = {name: types.ModuleType(name) for name in {"omegaconf", *_CLASSES.values()}}
    for name, each in classes.items():
        setattr(modules[_CLASSES[name]], name, each)
    kept = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield classes
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
