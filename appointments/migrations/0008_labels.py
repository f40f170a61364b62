"""Names of fields that people read: nothing changes in the database."""


import core.encryption.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('appointments', '0007_version'),
        ('patients', '0010_labels'),
        ('practices', '0008_labels'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='appointment',
            options={'verbose_name': 'appointment', 'verbose_name_plural': 'appointments'},
        ),
        migrations.AlterField(
            model_name='appointment',
            name='doctor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='appointments', to=settings.AUTH_USER_MODEL, verbose_name='doctor'),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='ends_at',
            field=models.DateTimeField(verbose_name='ends at'),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='notes',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='appointment.notes', max_length=5000, verbose_name='notes'),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='office',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.office', verbose_name='office'),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='patient',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='appointments', to='patients.patient', verbose_name='patient'),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='reason',
            field=core.encryption.fields.EncryptedCharField(label='appointment.reason', max_length=500, verbose_name='reason'),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='starts_at',
            field=models.DateTimeField(verbose_name='starts at'),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='status',
            field=models.CharField(choices=[('scheduled', 'Scheduled'), ('completed', 'Completed'), ('cancelled', 'Cancelled')], default='scheduled', max_length=10, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='appointment',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False, verbose_name='version'),
        ),
    ]
