"""Parameters of the operator that finds images that show the same."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from .. import names
from .base import Parameters
from .kinds import Model, none_if_empty


class FindDuplicates(Parameters):
    operator = "find_duplicates"
    heading = "FathomNet: find duplicates"
    summary = "Group images that show the same, also across dives, and save the groups as views"
    stage = "duplicates:find_duplicates"
    position = 100
    in_workflow = True

    model: Model = names.DEFAULT_MODEL
    threshold: Annotated[
        Annotated[float, Field(ge=0.5, le=1)] | None,
        BeforeValidator(none_if_empty),
        Field(
            title="Threshold",
            description="The cosine from which two images show the same, such as 0.98; "
            "empty to derive it from how alike images of different dives are",
        ),
    ] = None
