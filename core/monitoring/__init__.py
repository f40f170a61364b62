"""What a Prometheus reads at /metrics (docs/monitoring/): what `core/metrics/` counts in the processes, `shared.py` in
Redis, and what `gauges.py` asks when somebody reads. No label ever holds what somebody typed, a name or an id."""
