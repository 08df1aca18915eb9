"""Stand-in images for any COCO file."""

from __future__ import annotations

from pathlib import Path

from fathomnet_voxel51.progress import Progress, silent

from demo.pictures import Drawn


def draw_stand_ins(
    annotations: Path, folder: Path, workers: int = 1, progress: Progress = silent
) -> Drawn:
    raise NotImplementedError
