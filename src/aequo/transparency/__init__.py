"""Explanations: what a model leaned on, and what would change its answer."""
