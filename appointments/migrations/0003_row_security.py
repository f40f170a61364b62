from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("appointments", "0002_no_double_booking")]

    operations = [RowLevelSecurity("Appointment")]
