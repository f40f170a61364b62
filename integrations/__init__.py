"""Services outside Praxis: one folder each, with one contract, and a fallback for machines that have none of them."""
