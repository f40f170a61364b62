from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("records", "0016_measures")]

    operations = [RowLevelSecurity("Measure"), RowLevelSecurity("MeasureVersion")]
