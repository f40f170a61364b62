"""Sign-in looks accounts up before a practice is known, and a platform superuser has none."""

from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_session_ending")]

    operations = [RowLevelSecurity("User", in_installation_scope=True)]
