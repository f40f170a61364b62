from django.db import migrations

from core.row_security import RowSecurity


class Migration(migrations.Migration):
    dependencies = [("patients", "0007_deletion_and_retention")]

    operations = [RowSecurity("Deletion"), RowSecurity("LegalHold")]
