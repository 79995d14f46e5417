"""Minimisation: only the fields that are required, and evidence for which a model needs."""
