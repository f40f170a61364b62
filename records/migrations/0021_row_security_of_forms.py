from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("records", "0020_forms")]

    operations = [
        RowLevelSecurity("FormTemplate"),
        RowLevelSecurity("FormForType"),
        RowLevelSecurity("FormVersion"),
        RowLevelSecurity("PatientForm"),
    ]
