from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("records", "0001_initial")]

    operations = [RowLevelSecurity("MedicalRecord")]
