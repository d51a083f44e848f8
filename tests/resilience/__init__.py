"""What core enforces around the calls of connectors, held with a plugin that does nothing for it."""
