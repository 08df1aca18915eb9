"""Collects what a data card says, and writes it."""
