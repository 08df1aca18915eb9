"""Parameters of the search for needles."""

from typing import Annotated

from pydantic import Field

from .base import Parameters
from .kinds import OptionalText, PathText, Texts, Widget


class FindNeedles(Parameters):
    operator = "find_needles"
    heading = "FathomNet: find needles"
    summary = "Look for debris, gear or confusable species by text, and save the hits as views"
    stage = "needles:find_needles"
    position = 110
    in_workflow = True

    brain_key: Annotated[
        OptionalText,
        Widget.TEXT_INDEX,
        Field(
            title="Index",
            description="Brain key of a similarity index whose model knows text; "
            "empty for the default one",
        ),
    ] = ""
    pack: Annotated[
        PathText,
        Widget.PACK,
        Field(
            title="Pack",
            description="A pack's name or the path of your own; "
            "empty for debris, or for none where you write prompts",
        ),
    ] = ""
    prompts: Annotated[
        Texts,
        Field(
            title="Prompts",
            description="Own texts to look for as well, separated by semicolons",
        ),
    ] = ()
    k: Annotated[
        int,
        Field(ge=1, title="Hits", description="The most hits to keep of each needle"),
    ] = 25
