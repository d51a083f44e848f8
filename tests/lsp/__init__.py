"""The language server as an editor meets it: a process of its own, spoken to over standard input and output."""
