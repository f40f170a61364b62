"""Backups: the database, the files and the audit trail's seals, encrypted under a key of their own (docs/adr/0054)."""
