"""Files of a chart: taken in, looked at, cleaned, kept encrypted, handed out (docs/adr/0018)."""
