"""The ledger: a log of decisions that shows every change to it, and that a person can be forgotten in."""
