"""The arithmetic of doubt about labels, on arrays and names: nothing here knows FiftyOne."""
