"""Names of fields that people read: nothing changes in the database."""

import core.encryption.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('appointments', '0008_labels'),
        ('patients', '0010_labels'),
        ('records', '0005_wording'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='attachment',
            options={'verbose_name': 'file', 'verbose_name_plural': 'files'},
        ),
        migrations.AlterModelOptions(
            name='medicalrecord',
            options={'verbose_name': 'medical record', 'verbose_name_plural': 'medical records'},
        ),
        migrations.AlterModelOptions(
            name='sessionnote',
            options={'verbose_name': 'session note', 'verbose_name_plural': 'session notes'},
        ),
        migrations.AlterField(
            model_name='attachment',
            name='name',
            field=core.encryption.fields.EncryptedCharField(label='attachment.name', max_length=200, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='attachment',
            name='state',
            field=models.CharField(choices=[('storing', 'Uploading'), ('quarantined', 'Waiting for the virus scan'), ('ready', 'Ready'), ('infected', 'Infected'), ('lost', 'Missing from storage')], default='storing', editable=False, max_length=11, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='amended_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='amended at'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='appointment',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='records', to='appointments.appointment', verbose_name='appointment'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='attachments',
            field=core.encryption.fields.EncryptedListField(blank=True, default=list, label='record.attachments', verbose_name='attachments'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='date',
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='date'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='diagnosis',
            field=core.encryption.fields.EncryptedTextField(label='record.diagnosis', max_length=10000, verbose_name='diagnosis'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='doctor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='records', to=settings.AUTH_USER_MODEL, verbose_name='doctor'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='has_prescription',
            field=models.BooleanField(editable=False, help_text='Counted where the text itself is encrypted.', verbose_name='has prescription'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='notes',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='record.notes', max_length=20000, verbose_name='notes'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='patient',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='records', to='patients.patient', verbose_name='patient'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='prescription',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='record.prescription', max_length=10000, verbose_name='prescription'),
        ),
        migrations.AlterField(
            model_name='medicalrecord',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False, verbose_name='version'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='amended_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='amended at'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='diagnosis',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='plan.diagnosis', max_length=2000, verbose_name='diagnosis'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='doctor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='doctor'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='frequency',
            field=core.encryption.fields.EncryptedCharField(blank=True, label='plan.frequency', max_length=200, verbose_name='frequency'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='patient',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='plans', to='patients.patient', verbose_name='patient'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='starts_on',
            field=models.DateField(verbose_name='start date'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='status',
            field=models.CharField(choices=[('active', 'Active'), ('completed', 'Completed'), ('discontinued', 'Discontinued')], default='active', editable=False, max_length=12, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='target_end_on',
            field=models.DateField(null=True, verbose_name='target end date'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='title',
            field=core.encryption.fields.EncryptedCharField(label='plan.title', max_length=200, verbose_name='title'),
        ),
        migrations.AlterField(
            model_name='planofcare',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False, verbose_name='version'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='amended_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='amended at'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='appointment',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='session_notes', to='appointments.appointment', verbose_name='appointment'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='assessment',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='note.assessment', max_length=5000, verbose_name='assessment'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='date',
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='date'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='doctor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='doctor'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='duration_minutes',
            field=models.PositiveSmallIntegerField(null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1440)], verbose_name='length (minutes)'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='finalised_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='finalised at'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='objective',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='note.objective', max_length=5000, verbose_name='objective'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='patient',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='session_notes', to='patients.patient', verbose_name='patient'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='plan',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='note.plan', max_length=5000, verbose_name='plan'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='plan_of_care',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='session_notes', to='records.planofcare', verbose_name='plan of care'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='status',
            field=models.CharField(choices=[('draft', 'Draft'), ('finalised', 'Finalised'), ('amended', 'Amended')], default='draft', editable=False, max_length=9, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='subjective',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='note.subjective', max_length=5000, verbose_name='subjective'),
        ),
        migrations.AlterField(
            model_name='sessionnote',
            name='version',
            field=models.PositiveIntegerField(default=1, editable=False, verbose_name='version'),
        ),
    ]
