"""What an incremental step reads, writes and remembers, held against what it should."""
