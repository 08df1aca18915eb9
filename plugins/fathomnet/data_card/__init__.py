"""What a data card says, and how it is written."""
