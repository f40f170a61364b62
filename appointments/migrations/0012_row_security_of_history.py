from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("appointments", "0011_visits")]

    operations = [RowLevelSecurity("AppointmentEvent")]
