"""Reads and checks the files that users bring, without FiftyOne."""
