"""Parameters of the operator that checks the setup."""

from typing import Annotated

from pydantic import Field

from .base import Parameters
from .kinds import PathText, Widget


class CheckSetup(Parameters):
    operator = "check_setup"
    heading = "FathomNet: check the setup"
    summary = "What is installed, connected and reachable, and how to fix what is not"
    stage = "setup_check:check_setup"
    position = 10
    changes_dataset = False
    needs_dataset = False
    takes_dataset = False

    media_root: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Media root",
            description="gs://bucket/prefix or a folder to check; empty to skip that check",
        ),
    ] = ""
