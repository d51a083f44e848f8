"""The tests of SQLFlow."""
