"""Parameters of the search for needles, and of the labelling of what it finds."""

from typing import Annotated

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import BoxesField, OptionalText, PathText, Texts, Widget
from .relabelling import DryRun, Note, Scope, ViewOfBoxes


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


class LabelHits(Parameters):
    operator = "label_hits"
    heading = "FathomNet: label hits"
    summary = "Make boxes of the hits that you see or have selected; it can be undone"
    stage = "needles:label_hits"
    position = 112

    label: Annotated[
        OptionalText,
        Widget.SPECIAL_NAME,
        Field(
            title="Name",
            description="What they show, no animal; empty for the name of each hit's needle",
        ),
    ] = ""
    field: Annotated[
        BoxesField, Field(title="Hits", description="The field of the hits, such as tiles")
    ] = names.TILES
    into: Annotated[
        str,
        Widget.INTO_BOXES,
        Field(
            min_length=1,
            title="Boxes",
            description="The field of boxes that they are added to, or the name of a new one",
        ),
    ] = names.GROUND_TRUTH
    view: ViewOfBoxes = ""
    scope: Scope = ""
    dry_run: DryRun = False
    note: Note = ""
