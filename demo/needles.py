"""The debris and the vehicle's parts that lie in some images and in no annotation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from demo.drawing import gear
from demo.drawing.pen import Pen

NeedleKind = Literal["debris", "gear"]


@dataclass(frozen=True, slots=True)
class Needle:
    """A thing that is worth finding but is not an animal.

    Attributes:
        kind: debris, or a part of the vehicle.
        draw: draws it with a pen.
        aspect: width / height.
        size: square root of its area, as a share of the picture's.
        colours: the words that a person would use for its colours.
        noun: what a person would call it.
    """

    kind: NeedleKind
    draw: Callable[[Pen], None]
    aspect: float
    size: float
    colours: tuple[str, ...]
    noun: str


NEEDLES: Final[dict[str, Needle]] = {
    "plastic bag": Needle(
        "debris", gear.plastic_bag, 1.0, 0.12, ("white", "translucent"), "plastic bag"
    ),
    "drink can": Needle("debris", gear.drink_can, 1.8, 0.07, ("red", "white"), "drink can"),
    "glass bottle": Needle("debris", gear.glass_bottle, 2.8, 0.08, ("green",), "glass bottle"),
    "rope": Needle("debris", gear.rope, 1.2, 0.14, ("yellow",), "tangled rope"),
    "fishing net": Needle(
        "debris", gear.fishing_net, 1.3, 0.22, ("green", "orange"), "fishing net with floats"
    ),
    "ROV arm": Needle(
        "gear", gear.rov_arm, 1.4, 0.34, ("yellow", "grey"), "manipulator arm of the vehicle"
    ),
    "push core": Needle(
        "gear", gear.push_core, 0.36, 0.1, ("orange", "grey"), "push core sampling tube"
    ),
    "laser dots": Needle("gear", gear.laser_dots, 8.0, 0.06, ("red",), "pair of laser dots"),
}
