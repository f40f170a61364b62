
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_clients_and_factors'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='user',
            options={'verbose_name': 'person', 'verbose_name_plural': 'people'},
        ),
        migrations.AlterField(
            model_name='session',
            name='door',
            field=models.CharField(choices=[('api', 'Web app'), ('bearer', 'App'), ('admin_site', 'Admin site')], default='api', max_length=10),
        ),
        migrations.AlterField(
            model_name='user',
            name='is_active',
            field=models.BooleanField(default=True, help_text='Unset it to end all sessions and refuse sign-in.', verbose_name='active'),
        ),
    ]
