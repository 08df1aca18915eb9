"""How long the panels take to answer: opening, choosing, a click, and what the App then asks.

Run it as ``python -m benchmarks.panels [PANEL ...]``. Each panel and size is a process of its own
against a MongoDB server of this run; events are sent as the App sends them, without a browser.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions

from benchmarks.database import private_run, run_step
from demo.synthetic import write_catalog, write_predictions_csv

MODULE: Final = "benchmarks.panels"
RESULTS: Final = Path(__file__).parent / "results" / "panels.md"
SIZES: Final = {24_487: 9_306, 250_000: 95_000}
"""Images by boxes."""

Timed = list[tuple[str, float]]
"""What was done, and the seconds that it took."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("panels", nargs="*", choices=[*PANELS, []], help="all by default")
    parser.add_argument("--boxes", type=int, nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--step", choices=["prepare", "measure"])
    arguments = parser.parse_args()
    if arguments.step == "prepare":
        prepare(*arguments.boxes)
    elif arguments.step == "measure":
        (name,), (boxes,) = arguments.panels, arguments.boxes
        print(json.dumps(PANELS[name](_dataset(boxes))))
    else:
        _run_all(arguments.panels or list(PANELS), arguments.boxes, arguments.repeats)


def _run_all(panels: list[str], sizes: list[int], repeats: int) -> None:
    found: dict[str, dict[int, list[Timed]]] = {name: {} for name in panels}
    with private_run() as (_, environment):
        environment |= {
            "FIFTYONE_SHOW_PROGRESS_BARS": "false",
            "FIFTYONE_PLUGINS_DIR": str(Path(__file__).parents[1]),
        }
        for boxes in sizes:
            size = ["--boxes", str(boxes)]
            print(run_step(MODULE, ["--step", "prepare", *size], environment), flush=True)
            for name in panels:
                step = [name, "--step", "measure", *size]
                runs = [json.loads(run_step(MODULE, step, environment)) for _ in range(repeats)]
                found[name][boxes] = runs
    text = "\n".join(_table(name, of_panel) for name, of_panel in found.items())
    RESULTS.write_text(text)
    print(text)


def _table(name: str, runs: dict[int, list[Timed]]) -> str:
    """The medians, a row for each thing that was done."""
    head = "".join(f" {boxes:,} boxes |" for boxes in runs)
    lines = [f"## {name}", "", f"| seconds, median |{head}", f"|---|{'---|' * len(runs)}"]
    steps = [step for step, _ in next(iter(runs.values()))[0]]
    for number, step in enumerate(steps):
        medians = [median(run[number][1] for run in of_size) for of_size in runs.values()]
        lines.append(f"| {step} |" + "".join(f" {seconds:.2f} |" for seconds in medians))
    return "\n".join(lines) + "\n"


def prepare(boxes: int) -> Any:
    """Makes the evaluated dataset of one size."""
    catalog = write_catalog(Path.home() / f"{boxes}.json", SIZES[boxes], boxes, seed=1)
    rows = write_predictions_csv(Path.home() / f"{boxes}.csv", catalog)
    ingest_dataset(_name(boxes), train_annotations=str(catalog), media_root="/media")
    import_predictions(_dataset(boxes), str(rows), split="train")
    result = evaluate_predictions(_dataset(boxes))
    print(f"prepared: {result.boxes:,} boxes")
    return _dataset(boxes)


def _name(boxes: int) -> str:
    return f"panels-{boxes}"


def _dataset(boxes: int) -> Any:
    import fiftyone as fo

    return fo.load_dataset(_name(boxes))


def _timed(done: Timed, what: str, do: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    answer = do()
    done.append((what, time.perf_counter() - started))
    return answer


def _time_app(done: Timed, view: Any) -> None:
    """What the App asks for when a view was opened."""
    _timed(done, "… the App's first 20", partial(view.limit(20).values, "id"))
    _timed(done, "… the App's count", view.count)


def _evaluation_by_rank(dataset: Any) -> Timed:
    """The panel of an evaluation, and how long the grid and its counter then take."""
    from tests.panels.driven import DrivenPanel

    panel = DrivenPanel("evaluation_by_rank", dataset)
    dataset.count()  # the connection is there before the clock starts
    done: Timed = []
    _timed(done, "open it for the first time", partial(panel.fire, "on_load"))
    _timed(done, "open it again", partial(panel.fire, "on_load"))
    for level in ("family", "concept"):
        choose = partial(panel.fire, "choose", path="choices.level", value=level)
        _timed(done, f"choose {level}", choose)
    (cells,) = panel.data["matrix"]
    wrong = [
        (fact[0], row, column)
        for row, facts in enumerate(cells["customdata"])
        for column, fact in enumerate(facts)
        if fact and row != column
    ]
    _, *largest = max(wrong)
    clicks = {
        "the largest wrong cell": partial(panel.fire, "open_cell", idx=largest, trace="concept"),
        "the most confused pair": partial(panel.fire, "open_pair", idx=0, trace="concept"),
        "wrong at family": partial(panel.fire, "open_rank", idx=4, trace_idx=1),
        "right at family": partial(panel.fire, "open_rank", idx=4, trace_idx=0),
        "elsewhere on the tree": partial(panel.fire, "open_kind", trace_idx=3),
    }
    for words, click in clicks.items():
        _time_app(done, panel.opened(_timed(done, f"click on {words}", click)))
    return done


def _taxonomy(dataset: Any) -> Timed:
    """The panel of the tree of life: each click, what the panel then draws, what the grid asks."""
    from tests.panels.driven import DrivenPanel

    panel = DrivenPanel("taxonomy", dataset)
    dataset.count()  # the connection is there before the clock starts
    done: Timed = []
    _timed(done, "open it for the first time", partial(panel.fire, "on_load"))
    _timed(done, "open it again", partial(panel.fire, "on_load"))
    for name in ("Animalia", "Cnidaria", "Caridea"):
        click = partial(panel.fire, "on_slice", label=f"taxon:{name}")
        told = _timed(done, f"click on {name}", click)
        view = panel.opened(told)
        panel.view = told.of("set_view")[0]["view"]
        _timed(done, "… drawn for the new view", partial(panel.fire, "on_change_view"))
        _time_app(done, view)
    back = _timed(done, "click on All", partial(panel.fire, "on_node", key="all"))
    panel.view = back.of("set_view")[0]["view"]
    panel.state["choices"] = {"search": "holothuridea"}
    _timed(done, "search a misspelt name", partial(panel.fire, "on_search", value="holothuridea"))
    return done


PANELS: Final[dict[str, Callable[[Any], Timed]]] = {
    "evaluation_by_rank": _evaluation_by_rank,
    "taxonomy": _taxonomy,
}


if __name__ == "__main__":
    main()
