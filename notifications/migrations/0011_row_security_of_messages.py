from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("notifications", "0010_messages")]

    operations = [
        RowLevelSecurity("Message"),
        RowLevelSecurity("MessagePreference"),
        RowLevelSecurity("MessageSettings"),
        RowLevelSecurity("MessageTemplate"),
    ]
