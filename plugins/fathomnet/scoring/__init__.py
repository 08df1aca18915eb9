"""The arithmetic of an evaluation, on arrays and names: nothing here knows FiftyOne."""
