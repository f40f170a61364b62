"""Django's PostgreSQL backend, which tells the database whose data the open scope may touch (docs/adr/0006)."""
