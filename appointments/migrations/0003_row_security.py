from django.db import migrations

from core.row_security import RowSecurity


class Migration(migrations.Migration):
    dependencies = [("appointments", "0002_no_double_booking")]

    operations = [RowSecurity("Appointment")]
