from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("records", "0020_forms")]

    operations = [
        RowLevelSecurity("FormTemplate"),
        RowLevelSecurity("FormForType"),
        RowLevelSecurity("FormVersion"),
        RowLevelSecurity("PatientForm"),
        RowLevelSecurity("FormCode", in_installation_scope=True),  # read before a practice is known
    ]
