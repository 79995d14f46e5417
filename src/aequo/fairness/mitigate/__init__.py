"""Remedies for unfairness, and what each costs."""
