"""Reading and checking files that a user brought, without FiftyOne."""
