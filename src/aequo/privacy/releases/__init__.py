"""Releases: how well people are hidden in data that are given away, and plans that hide them better."""
