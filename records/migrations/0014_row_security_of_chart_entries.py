from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("records", "0013_chart_entries")]

    operations = [RowLevelSecurity("ChartEntry"), RowLevelSecurity("ChartEntryVersion")]
