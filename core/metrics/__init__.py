"""What a Prometheus reads at /metrics (docs/monitoring/): `requests.py` counts in this process, `shared.py` in Redis,
`gauges.py` asks when somebody reads. No label ever holds what somebody typed, a name or an id."""
