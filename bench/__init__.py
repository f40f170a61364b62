"""How fast Praxis is with a million patients in one practice: `python -m bench.search`, `python -m bench.throughput`.
Not part of the tests: figures depend on the machine. bench/RESULTS.md holds the last ones."""
