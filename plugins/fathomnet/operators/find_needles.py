"""The door to :func:`needles.find_needles`."""

from collections.abc import Mapping
from typing import Any

from ..dataset.records import why_outdated
from ..errors import FathomNetError, Fault
from ..needles.find import chosen_pack, prompt_index, prompt_indexes
from ..parameters import needles as parameters
from .base import StageOperator
from .forms import Preview, missing_weights, problem_with


class FindNeedles(StageOperator[parameters.FindNeedles]):
    model = parameters.FindNeedles
    icon = "/plugins/fathomnet/assets/needle.svg"

    def preview(self, params: parameters.FindNeedles, dataset: Any) -> Preview:
        problems = []
        facts = []
        warnings: list[str] = []
        try:
            pack = chosen_pack(params.pack, params.prompts)
            names = ", ".join(needle.name for needle in pack.needles)
            facts.append(f"{pack.title}, version {pack.version}: {names}")
        except FathomNetError as error:
            problems.append(problem_with("pack", error))
        try:
            brain_key = params.brain_key or prompt_index(dataset)
            if brain_key not in prompt_indexes(dataset):
                known = ", ".join(prompt_indexes(dataset)) or "none"
                problem = f"is not an index whose model knows text; these are: {known}"
                problems.append(Fault("brain_key", problem))
            facts.append(f"looked for in the index {brain_key}")
            # The name, not that of FiftyOne's zoo; an index of somebody else's has that alone.
            config = dataset.get_brain_info(brain_key).config if not problems else None
            warnings += missing_weights(getattr(config, "fathomnet_model", "") or "")
            if why := why_outdated(dataset, "index", brain_key):
                warnings.append(f"The index is out of date: since it was built {why}")
        except FathomNetError as error:
            problems.append(problem_with("brain_key", error))
        return Preview(tuple(facts), tuple(warnings), tuple(problems))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if not result.get("view"):
            return ()
        return (f"All hits, best first, are in the saved view {result['view']}.",)
