"""The arithmetic of an evaluation, on arrays and names, without FiftyOne."""
