"""Django's PostgreSQL backend, which sends the current scope to the database (docs/adr/0006)."""
