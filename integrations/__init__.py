"""External services: one package each, with one contract, and a fallback for machines without them."""
