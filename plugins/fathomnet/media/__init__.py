"""Media: where each image lies and how it gets there, without FiftyOne."""
