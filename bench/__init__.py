"""Benchmarks, such as `python -m bench.search`, with a million patients in one practice.

Not part of the tests: results depend on the machine. The latest are in bench/RESULTS.md.
"""
