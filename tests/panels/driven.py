"""A panel without an App: events go in, what the App is told comes out."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pydash
from fathomnet_voxel51.names import PLUGIN_NAME
from fiftyone.operators.executor import ExecutionContext, Executor


@dataclass(frozen=True)
class Told:
    """What the App is told after one event: the names of its operators with their parameters."""

    requests: list[tuple[str, dict[str, Any]]]

    def of(self, operator: str) -> list[dict[str, Any]]:
        """The parameters of each request for one of the App's operators."""
        return [params for name, params in self.requests if name == operator]


def plugin_module(name: str) -> ModuleType:
    """A module as FiftyOne has loaded it, under a name of its own, with the plugin."""
    panel = foo.get_operator(f"{PLUGIN_NAME}/evaluation_by_rank")
    package = type(panel).__module__.removesuffix(".panels.evaluation.panel")
    return importlib.import_module(f"{package}.{name}")


class DrivenPanel:
    """A panel of the plugin, as the App drives it.

    Attributes:
        state: what the panel keeps in the App.
        data: the pictures that it has sent.
        page: what it shows, as the App is sent it.
        view: the stages of the view that the App shows; none for the whole dataset.
        sent: what else the App sends of its screen.
    """

    def __init__(self, name: str, dataset: Any) -> None:
        self._panel = foo.get_operator(f"{PLUGIN_NAME}/{name}")
        self._dataset = dataset
        self.state: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.page: Any = None
        self.view: list[dict[str, Any]] = []
        self.sent: dict[str, Any] = {}

    def fire(self, method: str, **params: Any) -> Told:
        """Sends an event and takes in what the App is told."""
        plumbing = {"panel_id": "driven", "panel_state": self.state, "__method__": method}
        request: dict[str, Any] = {"params": params | plumbing}
        request |= self.sent
        if self.view:
            request["view"] = self.view
        if self._dataset is not None:
            request["dataset_name"] = self._dataset.name
        executor = Executor()
        context = ExecutionContext(
            request, executor=executor, operator_uri=self._panel.uri, required_secrets=[]
        )
        self._panel.execute(context)
        told = Told(
            [(one.operator_uri.rsplit("/")[-1], one.params or {}) for one in executor._requests]
        )
        self._take(told)
        return told

    def opened(self, told: Told) -> Any:
        """The view that the App was told to show."""
        (request,) = told.of("set_view")
        return fo.DatasetView._build(self._dataset, request["view"])

    def follow(self, told: Told) -> Told:
        """Shows the view that the App was told to show, of which the App tells in turn."""
        (request,) = told.of("set_view")
        self.view = request["view"]
        return self.fire("on_change_view", value=self.view)

    def texts(self) -> str:
        """All that the panel says, its pictures apart."""
        return json.dumps(self.page)

    def _take(self, told: Told) -> None:
        for kind, target in (("state", self.state), ("data", self.data)):
            for request in told.of(f"patch_panel_{kind}"):
                for path, value in request[kind].items():
                    pydash.set_(target, path, value)
        # None where the App is to tell of what it shows.
        for shown in told.of("show_panel_output"):
            self.page = shown["output"]


def asked(dataset: Any, method: str, sent: Mapping[str, Any] | None = None, **params: Any) -> Any:
    """What a method of the review panel returns to its component.

    Args:
        dataset: the one that is open.
        method: of the panel.
        sent: what else the App says of what it shows.
        **params: of the method.
    """
    panel = foo.get_operator(f"{PLUGIN_NAME}/review")
    plumbing = {"panel_id": "one", "panel_state": {}, "__method__": method}
    request = {"params": params | plumbing, "dataset_name": dataset.name, **(sent or {})}
    context = ExecutionContext(
        request, executor=Executor(), operator_uri=panel.uri, required_secrets=[]
    )
    return panel.execute(context)
