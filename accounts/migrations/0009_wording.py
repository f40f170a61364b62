"""Clearer help texts; nothing in the database changes."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_channel_and_revocation_reason'),
        ('practices', '0006_wording'),
    ]

    operations = [
        migrations.AlterField(
            model_name='joincode',
            name='most_uses',
            field=models.PositiveIntegerField(help_text='Leave blank for unlimited uses.', null=True),
        ),
        migrations.AlterField(
            model_name='user',
            name='is_active',
            field=models.BooleanField(default=True, help_text='Turn off to block sign-in and end all sessions.', verbose_name='active'),
        ),
        migrations.AlterField(
            model_name='user',
            name='office',
            field=models.ForeignKey(blank=True, help_text='Primary office.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.office'),
        ),
    ]
