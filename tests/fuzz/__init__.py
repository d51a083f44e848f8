"""Text that nobody would write: no crash, no hang, no traceback, whatever stands in a document."""
