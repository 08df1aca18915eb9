"""The door to :func:`tiles.add_tiles`."""

from typing import Any

from ..errors import FathomNetError
from ..parameters import dataset as parameters
from ..text import counted
from ..tiles import TileGrid, require_tiles_field, tile_grid
from .base import StageOperator
from .forms import Preview, problem_with


class AddTiles(StageOperator[parameters.AddTiles]):
    model = parameters.AddTiles
    icon = "/plugins/fathomnet/assets/tiles.svg"

    def preview(self, params: parameters.AddTiles, dataset: Any) -> Preview:
        try:
            require_tiles_field(dataset, params.field)
        except FathomNetError as error:
            return Preview(problems=(problem_with("field", error),))
        grid = TileGrid(params.columns, params.rows)
        images = dataset.count()
        facts = (
            f"{counted(images, 'image gets', 'images get')} {grid.tiles} tiles each, "
            f"{images * grid.tiles:,} in all",
        )
        if tile_grid(dataset, params.field) in (None, grid):
            return Preview(facts=facts)
        replaced = f"The tiles in {params.field} are of another grid: they and their vectors go"
        return Preview(facts=facts, warnings=(replaced,))
