from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("patients", "0007_deletion_and_retention")]

    operations = [RowLevelSecurity("Deletion"), RowLevelSecurity("LegalHold")]
