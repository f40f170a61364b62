"""Sign-in looks accounts up before a practice is known, and a platform superuser has none."""

from django.db import migrations

from core.row_security import RowSecurity


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_session_ending")]

    operations = [RowSecurity("User", in_installation_scope=True)]
