"""The parts of a similarity index: exact scores, the mapped file, and FiftyOne's own interface."""
