"""Erasure: all that is held on a person, exported, kept for a reason, or gone from every store."""
