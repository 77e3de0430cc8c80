"""A conventional stack doing the same durable work, for comparison."""
