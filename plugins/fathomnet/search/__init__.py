"""The parts of a similarity index: exact scores, mapped vectors, and FiftyOne's interface."""
