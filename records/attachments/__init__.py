"""Files of a chart: uploading, checking, cleaning, storing encrypted, downloading (docs/adr/0018)."""
