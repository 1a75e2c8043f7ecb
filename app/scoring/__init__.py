"""Scores over HTTP: expert scores, frames or a whole log in, verdicts out."""
