"""What patients are told about their visits (docs/adr/0045): planned where a visit changes, filled in when it is
sent."""
