"""The door to :func:`embeddings.import_embeddings`."""

from collections.abc import Mapping
from typing import Any

from ..embeddings import check_embeddings_import
from ..errors import FathomNetError, Fault, InputError
from ..parameters import embeddings as parameters
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with, too_large


class ImportEmbeddings(StageOperator[parameters.ImportEmbeddings]):
    model = parameters.ImportEmbeddings
    icon = "/plugins/fathomnet/assets/import_embeddings.svg"
    may_be_long = True

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return int(result["unmatched"])

    def preview(self, params: parameters.ImportEmbeddings, dataset: Any) -> Preview:
        missing = {
            "vectors": "choose a file of vectors",
            "key": "name the vectors: small letters, digits and _",
        }
        problems = tuple(
            Fault(name, words) for name, words in missing.items() if not getattr(params, name)
        )
        if problems:
            return Preview(problems=problems)
        if too_large(params.vectors):
            return Preview(("a large file, checked when it is read",))
        try:
            plan = check_embeddings_import(dataset, **params.model_dump())
        except InputError as error:
            named = [fault for fault in error.faults if fault.place in params.model_fields_set]
            return Preview(problems=tuple(named) or (problem_with("vectors", error),))
        except FathomNetError as error:
            return Preview(problems=(problem_with("patches_field", error),))
        noun = ("box", "boxes") if plan.patches_field else ("image", "images")
        facts = [
            f"{counted(len(plan.rows), *noun)} get a vector of {plan.table.matrix.shape[1]:,} "
            f"numbers, found by {plan.by}",
            f"maps and indexes call them the model {plan.model}",
        ]
        if plan.brain_key:
            facts.append(f"their map is {plan.brain_key}")
        warnings = []
        if plan.unmatched:
            rows = counted(plan.unmatched.count, "row is", "rows are")
            warnings.append(f"{rows} about nothing here, such as {plan.unmatched.all()[0]}")
        if plan.kept:
            warnings.append(f"{counted(plan.kept, *noun)} not in the file keep an earlier vector")
        return Preview(tuple(facts), tuple(warnings))
