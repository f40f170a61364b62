from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("appointments", "0009_types_and_hours")]

    operations = [
        RowLevelSecurity("AppointmentType"),
        RowLevelSecurity("TypeOffer"),
        RowLevelSecurity("WorkingHours"),
        RowLevelSecurity("ScheduleException"),
    ]
