"""Media: where each image is stored and how it gets there, without FiftyOne."""
