"""The FiftyOne side: documents, schema, runs and views of a dataset, and fast writes."""
