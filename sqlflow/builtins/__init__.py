"""The guests that come in the box. They import `sqlflow.sdk` and nothing else of SQLFlow, as any plugin does."""
