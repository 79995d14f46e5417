"""Pseudonyms: personal values replaced by keyed ones that still join, and the way back for those allowed."""
