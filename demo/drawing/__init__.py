"""Everything that puts pixels on an image: the pen, the animals, the gear and the water."""
