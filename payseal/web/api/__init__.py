"""The API: a file for each noun, with its routes and what they show."""
