"""Clearer labels and help texts; nothing in the database changes."""

import core.encryption.fields
import django.core.validators
import practices.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('practices', '0005_deletion_and_retention'),
    ]

    operations = [
        migrations.AlterField(
            model_name='practice',
            name='appointment_minutes',
            field=models.PositiveSmallIntegerField(default=30, help_text='How long an appointment usually takes.', validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(480)], verbose_name='appointment length (minutes)'),
        ),
        migrations.AlterField(
            model_name='practice',
            name='doctors_see_drafts',
            field=models.BooleanField(default=False, help_text='When off, only the author of a draft session note can see it.', verbose_name="let doctors read each other's drafts"),
        ),
        migrations.AlterField(
            model_name='practice',
            name='join_code',
            field=core.encryption.fields.EncryptedCharField(default=practices.models.new_join_code, editable=False, help_text='Patients enter this code when they register.', label='practice.join_code', max_length=8),
        ),
        migrations.AlterField(
            model_name='practice',
            name='retention_years',
            field=models.PositiveSmallIntegerField(default=10, help_text='Deleted charts, records, notes, plans and files are only hidden until they are this old.', validators=[django.core.validators.MaxValueValidator(100)], verbose_name='record retention (years)'),
        ),
        migrations.AlterField(
            model_name='practice',
            name='two_factor_required',
            field=models.BooleanField(default=False, help_text='Everyone who works here must set up a second factor to get in. Optional for patients.', verbose_name='two-factor sign-in required'),
        ),
    ]
