"""Names of fields that people read: nothing changes in the database."""


import core.encryption.fields
import core.texts
import practices.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('practices', '0007_booking_bounds'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='office',
            options={'verbose_name': 'office', 'verbose_name_plural': 'offices'},
        ),
        migrations.AlterModelOptions(
            name='practice',
            options={'verbose_name': 'practice', 'verbose_name_plural': 'practices'},
        ),
        migrations.AlterField(
            model_name='office',
            name='address',
            field=models.CharField(blank=True, max_length=300, verbose_name='address'),
        ),
        migrations.AlterField(
            model_name='office',
            name='name',
            field=models.CharField(max_length=200, validators=[core.texts.validate_line], verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='office',
            name='phone',
            field=models.CharField(blank=True, max_length=40, validators=[core.texts.validate_phone], verbose_name='phone'),
        ),
        migrations.AlterField(
            model_name='office',
            name='timezone',
            field=models.CharField(blank=True, max_length=64, validators=[practices.models.validate_timezone], verbose_name='time zone'),
        ),
        migrations.AlterField(
            model_name='practice',
            name='currency',
            field=models.CharField(default='USD', help_text='Three-letter code, such as USD.', max_length=3, validators=[core.texts.validate_currency], verbose_name='currency'),
        ),
        migrations.AlterField(
            model_name='practice',
            name='join_code',
            field=core.encryption.fields.EncryptedCharField(default=practices.models.new_join_code, editable=False, help_text='Patients enter this code when they register.', label='practice.join_code', max_length=8, verbose_name='join code'),
        ),
        migrations.AlterField(
            model_name='practice',
            name='name',
            field=models.CharField(max_length=200, validators=[core.texts.validate_line], verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='practice',
            name='timezone',
            field=models.CharField(default='UTC', max_length=64, validators=[practices.models.validate_timezone], verbose_name='time zone'),
        ),
    ]
