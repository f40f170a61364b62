from django.db import migrations

from core.row_security import RowSecurity


class Migration(migrations.Migration):
    dependencies = [("patients", "0004_emergency_access")]

    operations = [RowSecurity("Patient")]
