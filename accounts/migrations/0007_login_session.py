"""The class that was Session is LoginSession now; its table stays as it is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_words_of_people_and_doors")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Session", "LoginSession"),
                migrations.AlterModelTable("LoginSession", "accounts_session"),
            ]
        )
    ]
