"""What gunicorn serves."""

import os
import warnings

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Only an image has collected the static files; elsewhere whitenoise finds them where the packages have them.
warnings.filterwarnings("ignore", "No directory at", UserWarning)
application = get_wsgi_application()
