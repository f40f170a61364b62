"""The same request sent twice (docs/adr/0032). An app of its own, because it has a table and `core` has none."""
