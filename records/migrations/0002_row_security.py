from django.db import migrations

from core.row_security import RowSecurity


class Migration(migrations.Migration):
    dependencies = [("records", "0001_initial")]

    operations = [RowSecurity("MedicalRecord")]
