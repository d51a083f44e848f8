"""The documents for people, executed."""
