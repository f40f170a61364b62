from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("patients", "0004_emergency_access")]

    operations = [RowLevelSecurity("Patient")]
