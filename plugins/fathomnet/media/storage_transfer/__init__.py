"""The lists for Google's Storage Transfer Service, and what follows it."""
