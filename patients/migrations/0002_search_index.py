"""The search index: GIN on PostgreSQL. SQLite has no such index and reads the blobs of the practice's charts."""

from django.db import migrations

from core.database.vendor_sql import VendorSQL


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial")]

    operations = [
        VendorSQL(
            "postgresql",
            "CREATE INDEX patient_search ON patients_patient USING gin (search_index);",
            "DROP INDEX patient_search;",
        )
    ]
