"""What FiftyOne's model zoo sees of the models: their entries, and a model as FiftyOne calls it."""
