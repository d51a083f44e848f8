"""The command line: one verb, one file. The only room that prints, colours and exits."""
