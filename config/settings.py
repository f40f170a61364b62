"""Settings. Environment variables are explained in .env.example and read by config/env.py."""

from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_dotenv()

# --- Secrets: none has a default -------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", default=False)
SEARCH_INDEX_KEY = env.secret("SEARCH_INDEX_KEY")
FIELD_ENCRYPTION_KEYS_FILE = env.file("FIELD_ENCRYPTION_KEYS_FILE")
FIELD_ENCRYPTION_KEYS = env.encryption_keys("FIELD_ENCRYPTION_KEYS", file=FIELD_ENCRYPTION_KEYS_FILE)
AUDIT_KEYS = env.encryption_keys("AUDIT_KEYS")
# django-encrypted-model-fields requires a key at import; it is unused, since its encryption is replaced
# (core/encryption/).
FIELD_ENCRYPTION_KEY = Fernet.generate_key()

# --- Sign-in (the contract's names) ----------------------------------------------------------------------------------
ALGORITHM = env.choice("ALGORITHM", "HS256", allowed=("HS256", "HS384", "HS512"))
SECRET_KEY = env.secret("SECRET_KEY", min_bytes=int(ALGORITHM[2:]) // 8)  # RFC 7518 3.2: as long as the hash
ACCESS_TOKEN_EXPIRE_MINUTES = env.number("ACCESS_TOKEN_EXPIRE_MINUTES", 15)
REFRESH_TOKEN_EXPIRE_DAYS = env.number("REFRESH_TOKEN_EXPIRE_DAYS", 7)
IDLE_LOGOFF_MINUTES = env.number("IDLE_LOGOFF_MINUTES", 15, minimum=0)
PASSWORD_MIN_LENGTH = env.number("PASSWORD_MIN_LENGTH", 6)
WORKFORCE_PASSWORD_MIN_LENGTH = max(  # the demo's passwords are shorter
    env.number("WORKFORCE_PASSWORD_MIN_LENGTH", 8 if DEBUG else 12, minimum=8), PASSWORD_MIN_LENGTH
)
PRACTICE_SIGNUP = env.flag("PRACTICE_SIGNUP", default=DEBUG)
FIRST_SUPERUSER_EMAIL = env.text("FIRST_SUPERUSER_EMAIL")
FIRST_SUPERUSER_PASSWORD = env.text("FIRST_SUPERUSER_PASSWORD")

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = LOGIN_REDIRECT_URL = "home"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.sign_in.backends.EmailBackend"]
PASSWORD_HASHERS = ["accounts.hashers.NormalisingHasher"]  # bcrypt, cost 12; no 72-byte limit
_VALIDATORS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [  # for patients (the contract)
    {"NAME": f"{_VALIDATORS}.MinimumLengthValidator", "OPTIONS": {"min_length": PASSWORD_MIN_LENGTH}}
]
WORKFORCE_PASSWORD_VALIDATORS: list[dict[str, Any]] = [  # for everyone else (accounts/password_rules.py)
    {"NAME": f"{_VALIDATORS}.MinimumLengthValidator", "OPTIONS": {"min_length": WORKFORCE_PASSWORD_MIN_LENGTH}},
    {"NAME": f"{_VALIDATORS}.UserAttributeSimilarityValidator", "OPTIONS": {"user_attributes": ("name", "email")}},
    {"NAME": f"{_VALIDATORS}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATORS}.NumericPasswordValidator"},
    {"NAME": "accounts.password_rules.RepeatedCharacterValidator"},
]
PASSWORD_RESET_TIMEOUT = 30 * 60  # seconds that the link is valid
LOGIN_ATTEMPTS = 5
LOGIN_ATTEMPTS_WINDOW = 900  # seconds
AXES_HANDLER = "accounts.sign_in.lockout.ReservingHandler"
AXES_USERNAME_FORM_FIELD = "username"  # the keyword that authenticate() is called with, here and in the admin
AXES_USERNAME_CALLABLE = "accounts.sign_in.lockout.attempted_email"
AXES_LOCKOUT_CALLABLE = "accounts.sign_in.lockout.lockout_response"
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = [
    *("admin.E408", "admin.E409", "admin.E410", "security.W002"),  # they are in PAGE_MIDDLEWARE
    "auth.W004",  # the email is unique by its blind index, where EmailBackend looks it up
    "axes.W006",  # the contract counts attempts by email; there is also a limit per address (core/api/throttling.py)
    "security.W003",  # in core/middleware/pages.py for pages, core/middleware/request_guard.py for the API
    "security.W021",  # HSTS preloading is permanent for a whole domain: its owner decides
]

# --- Limits and access ------------------------------------------------------------------------------------------------
RATE_LIMIT_PER_MINUTE = env.number("RATE_LIMIT_PER_MINUTE", 100)
ANON_RATE_LIMIT_PER_MINUTE = env.number("ANON_RATE_LIMIT_PER_MINUTE", 60)
POLLS_PER_MINUTE = env.number("POLLS_PER_MINUTE", 240)  # per user: six open calendars, which ask every 1.5 s
JOIN_CODE_TRIES_PER_HOUR = env.number("JOIN_CODE_TRIES_PER_HOUR", 10)  # per user, and per address
MAX_BODY_BYTES = 1_000_000  # for uploads: MAX_FILE_BYTES below and what the form adds
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
AUTOSAVES_PER_MINUTE = env.number("AUTOSAVES_PER_MINUTE", 60)  # per session note
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS", ("http://localhost:5173", "http://localhost:3000"))
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
CORS_EXPOSE_HEADERS = ["Content-Disposition", "ETag", "Retry-After", "X-Request-ID"]
CORS_URLS_REGEX = r"^/(api|auth)/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG  # the admin site's own cookies
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "accounts.sign_in.pages.csrf_failure"
SESSION_COOKIE_NAME = "praxis_admin"
MESSAGE_STORAGE = "core.admin.messages.EncryptedMessages"
SESSION_ENGINE = "accounts.sessions.admin_store"
SESSION_COOKIE_AGE = 12 * 60 * 60  # a working day instead of Django's two weeks: desks are shared
SESSION_SAVE_EVERY_REQUEST = False  # counted from sign-in: an open page that polls does not prolong it
X_FRAME_OPTIONS = "DENY"
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # from trusted proxies (core/middleware/proxies.py)
HTTPS_ONLY = env.flag("HTTPS_ONLY", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS_ONLY
METRICS_TOKEN = env.optional_secret("METRICS_TOKEN")
TRACES_URL = next(iter(env.origins("TRACES_URL", ())), "")
SECURE_REDIRECT_EXEMPT = [
    r"^api/(v1/)?health(/live|/ready|/worker)?$",
    r"^metrics$",
]  # called from inside, not through the proxy
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_REFERRER_POLICY = "same-origin"

# --- Database and cache ----------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'praxis.sqlite3'}")}
DATABASE_APP_PASSWORD = env.text("DATABASE_APP_PASSWORD")  # of the role that setup_database_roles creates
SERVER_THREADS = env.number("SERVER_THREADS", 8)
WORKER_THREADS = env.number("WORKER_THREADS", 4)  # of manage.py worker; at most SERVER_THREADS
SERVER_READ_TIMEOUT = env.number("SERVER_READ_TIMEOUT", 20)  # seconds without a byte of a started request
if DATABASES["default"]["ENGINE"] == "core.database.sqlite":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # writers queue instead of failing when a read becomes a write
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
    }
else:
    DATABASES["default"]["OPTIONS"] = {
        # JIT compilation took longer than any query: half a second where the planner misjudged a new column. Every
        # search looks through what new charts have left beside the search index: 256 kB of it, and not 4 MB.
        "options": "-c jit=off -c gin_pending_list_limit=256 "
        # A node or a database that is gone without a word, as when a cable is cut: both sides notice within 25 seconds,
        # and PostgreSQL lets go of the node's locks. Without these it takes TCP up to two hours.
        "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=20000",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,  # milliseconds
        **dict(DATABASES["default"].get("OPTIONS", {})),  # type: ignore[call-overload]
        "connect_timeout": 3,
        "prepared_statements": env.number("DATABASE_PREPARED_STATEMENTS", 100, minimum=0),
        # at least the number of threads, or requests would wait for each other's connection
        "pool": {"min_size": 1, "max_size": SERVER_THREADS + 2, "timeout": 3},  # seconds; five times
    }

LOCAL_HOSTS = env.names("LOCAL_HOSTS", ())
REDIS_URL = env.redis_url("REDIS_URL")
REDIS_CONNECT_TIMEOUT = 0.1  # seconds; with the next, no request waits more than 0.25 s for Redis
REDIS_TIMEOUT = env.number("REDIS_TIMEOUT_MS", 150) / 1000
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "praxis",
            "OPTIONS": {
                "SOCKET_CONNECT_TIMEOUT": REDIS_CONNECT_TIMEOUT,
                "SOCKET_TIMEOUT": REDIS_TIMEOUT,
                "CONNECTION_POOL_KWARGS": {"retry": None, "max_connections": 64},
            },
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # sign-in counters must not be evicted by those of other emails
        }
    }

# --- The server (config/gunicorn.py, manage.py serve) ----------------------------------------------------------------
SERVER_HOST = env.text("HOST") or "127.0.0.1"
SERVER_PORT = env.number("PORT", 8000)
SERVER_BIND = f"[{SERVER_HOST}]:{SERVER_PORT}" if ":" in SERVER_HOST else f"{SERVER_HOST}:{SERVER_PORT}"
SERVER_PROCESSES = env.number("WEB_CONCURRENCY", 1)
if SERVER_PROCESSES > 1 and not REDIS_URL:
    raise ImproperlyConfigured(
        "WEB_CONCURRENCY above 1 needs REDIS_URL: without it every process counts sign-ins and calls on its own."
    )

# --- Email: alerts to the practice's admins and password reset links, without PHI ------------------------------------
SITE_URL = env.origins("SITE_URL", (f"http://localhost:{SERVER_PORT}",))[0]
_mail = env.mail("EMAIL_URL", "consolemail://" if DEBUG else "")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST", ""), _mail.get("EMAIL_PORT", 0)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_USER", ""), _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 3  # seconds: opening a chart in an emergency must not wait for a mail server
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM") or "praxis@localhost"
SENDGRID_API_KEY, SENDGRID_API_URL = _mail.get("SENDGRID_API_KEY", ""), "https://api.sendgrid.com"
SENDGRID_WEBHOOK_KEY = env.text("SENDGRID_WEBHOOK_KEY")  # the public half, in base64

# --- Text messages ---------------------------------------------------------------------------------------------------
_sms = env.sms("SMS_URL", "console://" if DEBUG else "", sender="SMS_FROM")
SMS_PROVIDER, SMS_FROM = _sms["provider"], env.text("SMS_FROM")
TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN = _sms["account"], _sms["token"]
TWILIO_API_URL = "https://api.twilio.com"
MAIL_BY_WORKER = env.flag("MAIL_BY_WORKER", default=True)
_payments = env.payments("PAYMENTS_URL", "console://" if DEBUG else "", debug=DEBUG)
PAYMENTS_PROVIDER, PAYMENTS_LIVE, STRIPE_SECRET_KEY = _payments["provider"], _payments["live"], _payments["key"]
STRIPE_API_URL = "https://api.stripe.com"
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET") or (
    f"console-{SECRET_KEY}" if PAYMENTS_PROVIDER == "console" else ""
)
PROVIDER_TIMEOUT = 10  # seconds for one call; the worker makes them, so nobody waits

# --- Files (docs/adr/0018) -------------------------------------------------------------------------------------------
MEGABYTE = 1024 * 1024
MAX_FILE_BYTES = env.number("MAX_FILE_MB", 10) * MEGABYTE
MAX_IMPORT_BYTES = env.number("MAX_IMPORT_MB", 20) * MEGABYTE  # a file of patients or appointments to import
PATIENT_FILES_BYTES = env.number("PATIENT_FILES_MB", 100) * MEGABYTE
PRACTICE_FILES_BYTES = env.number("PRACTICE_FILES_MB", 10 * 1024) * MEGABYTE
FILES_DIR = BASE_DIR / (env.text("FILES_DIR") or "files")
FILES_S3_BUCKET = env.text("FILES_S3_BUCKET")
FILES_S3_ENDPOINT_URL = env.text("FILES_S3_ENDPOINT_URL")
FILE_LINK_MINUTES = 15
VIRUS_SCAN_URL = env.virus_scanner("VIRUS_SCAN_URL", "eicar-only://" if DEBUG else "")
VIRUS_SCAN_TIMEOUT = env.number("VIRUS_SCAN_TIMEOUT", 30)  # seconds
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing uses it
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "files": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FILES_DIR, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
}
FILES_S3_OPTIONS = {
    "endpoint_url": FILES_S3_ENDPOINT_URL or None,
    "region_name": env.text("FILES_S3_REGION") or None,
    "access_key": env.text("FILES_S3_ACCESS_KEY") or None,
    "secret_key": env.text("FILES_S3_SECRET_KEY") or None,
}
if FILES_S3_BUCKET:
    from boto3.s3.transfer import TransferConfig

    STORAGES["files"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": FILES_S3_BUCKET,
            **FILES_S3_OPTIONS,
            "default_acl": None,
            "file_overwrite": False,
            # transferred in one piece, through the disk instead of memory
            "max_memory_size": 64 * 1024,
            "transfer_config": TransferConfig(multipart_threshold=2 * MAX_FILE_BYTES, use_threads=False),
        },
    }

# --- Backups (docs/adr/0054) -----------------------------------------------------------------------------------------
BACKUP_KEY = env.encryption_keys("BACKUP_KEY", required=False)  # in the format of the other rings, newest first
BACKUP_TARGET = env.text("BACKUP_TARGET")
BACKUP_KEEP = env.numbers("BACKUP_KEEP", (7, 5, 12))  # the last of so many days, weeks, months
BACKUP_DATABASE = env.database("BACKUP_DATABASE_URL", "") if env.text("BACKUP_DATABASE_URL") else None

# --- Deleting --------------------------------------------------------------------------------------------------------
RESTORE_DAYS = 30  # deleted data can be restored for so long, and is purged afterwards

# --- The application -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # the theme without its own site, which is next
    "dashboard.apps.PraxisAdminConfig",
    "accounts",  # before django.contrib.auth, to override createsuperuser
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "corsheaders",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "auditlog",
    "audit",
    "core",
    "core.idempotency",
    "core.backups",
    "practices",
    "notifications",
    "patients",
    "appointments",
    "records",
    "billing",
    "audit_review",
    "dashboard",
    "demo",
    "config",
]
MIDDLEWARE = [
    "core.middleware.proxies.TrustedProxies",
    "core.middleware.request_log.RequestLog",
    "core.middleware.api_version.ApiVersion",
    "django.middleware.security.SecurityMiddleware",
    "core.middleware.csp.BrowserPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.cors.Cors",
    "core.middleware.request_guard.RequestGuard",
    "core.middleware.pages.PageMiddleware",
    "axes.middleware.AxesMiddleware",
]
PAGE_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.middleware.PageLanguage",
    "dashboard.middleware.AdminPracticeMiddleware",
    "dashboard.middleware.AdminAuditMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["django.templatetags.i18n"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.sessions.idle_timeout.for_templates",
                "dashboard.menu.for_templates",
            ],
        },
    }
]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True  # serve the packages' static files without collectstatic
WHITENOISE_AUTOREFRESH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # by their own names; another one: docs/development.md
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# django-auditlog detects changes; they are recorded in audit.Event, and its own model is not used.
AUDITLOG_LOGENTRY_MODEL = "audit.Event"
AUDITLOG_USE_BASE_MANAGER = True  # the stored state too of a superuser, who has no practice
MIGRATION_MODULES = {"auditlog": None}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.sessions.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["core.api.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.OrjsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.api.renderers.JsonOnly",
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.PraxisSchema",
    "EXCEPTION_HANDLER": "core.api.exceptions.handle",
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Praxis",
    "DESCRIPTION": "Practice management for clinics: sign-in, patients, doctors, appointments, records, dashboard. "
    "Every path under `/api/` also works under `/api/v1/`.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "core.api.schema.name_enums",
        "core.api.schema.offer_alternatives",
        "core.api.examples.add_examples",
    ],
    "ENUM_NAME_OVERRIDES": {  # other choices are named after their class, a PublicTextChoices
        "RegisterRole": "accounts.roles.REGISTER_ROLES",
        "SessionKind": "accounts.models.SignInChannel",
    },
}

UNFOLD = {
    "SITE_TITLE": "Praxis",
    "SITE_HEADER": "Praxis",
    "SITE_SUBHEADER": "dashboard.picked_practice.practice_name",
    "ENVIRONMENT": "dashboard.picked_practice.picked_label",
    "SITE_SYMBOL": "local_hospital",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("praxis/icon.svg")},
    ],
    "SHOW_HISTORY": False,
    "DASHBOARD_CALLBACK": "dashboard.home.context",
    "STYLES": [lambda request: static("praxis/admin.css")],
    "SCRIPTS": [lambda request: static("praxis/admin.js"), lambda request: static("praxis/idle.js")],
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Security"), "link": reverse_lazy("admin:security")},
            {"title": _("Active sessions"), "link": reverse_lazy("admin:own_sessions")},
            {"title": _("Language"), "link": reverse_lazy("language")},
        ]
    },
    "COLORS": {
        "primary": {  # teal; white on 600 and 600 on white have a contrast over 4.5:1
            "50": "#f0fdfa",
            "100": "#ccfbf1",
            "200": "#99f6e4",
            "300": "#5eead4",
            "400": "#2dd4bf",
            "500": "#0d9488",
            "600": "#0f766e",
            "700": "#115e59",
            "800": "#134e4a",
            "900": "#103f3c",
            "950": "#042f2e",
        }
    },
    "SIDEBAR": {
        "navigation": [  # each sees what they may open (dashboard/site.py)
            {
                "title": _("Clinic"),
                "items": [
                    {"title": _("My day"), "icon": "stethoscope", "link": reverse_lazy("my-day")},
                    {
                        "title": _("Calendar"),
                        "icon": "calendar_view_day",
                        "link": reverse_lazy("calendar"),
                    },
                    {"title": _("Billing"), "icon": "payments", "link": reverse_lazy("billing")},
                    {"title": _("Search"), "icon": "search", "link": reverse_lazy("search")},
                    {"title": _("Today"), "icon": "today", "link": reverse_lazy("admin:index")},
                    {
                        "title": _("Patients"),
                        "icon": "groups",
                        "link": reverse_lazy("admin:patients_patient_changelist"),
                    },
                    {
                        "title": _("Appointments"),
                        "icon": "calendar_month",
                        "link": reverse_lazy("admin:appointments_appointment_changelist"),
                    },
                    {
                        "title": _("Medical records"),
                        "icon": "clinical_notes",
                        "link": reverse_lazy("admin:records_medicalrecord_changelist"),
                    },
                    {
                        "title": _("Session notes"),
                        "icon": "edit_note",
                        "link": reverse_lazy("admin:records_sessionnote_changelist"),
                    },
                    {
                        "title": _("Plans of care"),
                        "icon": "checklist",
                        "link": reverse_lazy("admin:records_planofcare_changelist"),
                    },
                    {
                        "title": _("Files"),
                        "icon": "folder_open",
                        "link": reverse_lazy("admin:records_attachment_changelist"),
                    },
                    {"title": _("Duplicates"), "icon": "group_remove", "link": reverse_lazy("duplicates")},
                    {
                        "title": _("Emergency access"),
                        "icon": "emergency",
                        "link": reverse_lazy("admin:patients_emergencyaccess_changelist"),
                        "badge": "dashboard.home.emergencies_waiting",
                    },
                    {
                        "title": _("Deleted"),
                        "icon": "auto_delete",
                        "link": reverse_lazy("admin:patients_deletion_changelist"),
                    },
                ],
            },
            {
                "title": _("Practice"),
                "items": [
                    {"title": _("People"), "icon": "badge", "link": reverse_lazy("admin:accounts_user_changelist")},
                    {
                        "title": _("Invitations"),
                        "icon": "outgoing_mail",
                        "link": reverse_lazy("admin:accounts_invitation_changelist"),
                    },
                    {
                        "title": _("Practice"),
                        "icon": "home_health",
                        "link": reverse_lazy("admin:practices_practice_changelist"),
                    },
                    {
                        "title": _("Offices"),
                        "icon": "location_on",
                        "link": reverse_lazy("admin:practices_office_changelist"),
                    },
                    {
                        "title": _("Rooms"),
                        "icon": "meeting_room",
                        "link": reverse_lazy("admin:appointments_room_changelist"),
                    },
                    {
                        "title": _("Appointment types"),
                        "icon": "category",
                        "link": reverse_lazy("admin:appointments_appointmenttype_changelist"),
                    },
                    {
                        "title": _("Templates and phrases"),
                        "icon": "text_snippet",
                        "link": reverse_lazy("note-templates"),
                    },
                    {"title": _("Forms and consents"), "icon": "draw", "link": reverse_lazy("form-templates")},
                    {
                        "title": _("Messages to patients"),
                        "icon": "sms",
                        "link": reverse_lazy("messages"),
                    },
                    {
                        "title": _("Working hours"),
                        "icon": "schedule",
                        "link": reverse_lazy("admin:appointments_workinghours_changelist"),
                    },
                    {
                        "title": _("Time off"),
                        "icon": "event_busy",
                        "link": reverse_lazy("admin:appointments_scheduleexception_changelist"),
                    },
                    {
                        "title": _("Join codes"),
                        "icon": "pin",
                        "link": reverse_lazy("admin:accounts_joincode_changelist"),
                    },
                    {"title": _("Numbers"), "icon": "monitoring", "link": reverse_lazy("numbers")},
                    {"title": _("Privacy"), "icon": "shield_person", "link": reverse_lazy("privacy")},
                    {"title": _("Import"), "icon": "upload_file", "link": reverse_lazy("imports")},
                    {
                        "title": _("API keys"),
                        "icon": "key",
                        "link": reverse_lazy("admin:accounts_apikey_changelist"),
                    },
                    {
                        "title": _("Audit trail"),
                        "icon": "policy",
                        "link": reverse_lazy("admin:trail"),
                    },
                    {
                        "title": _("Webhooks"),
                        "icon": "webhook",
                        "link": reverse_lazy("admin:notifications_webhook_changelist"),
                    },
                    {
                        "title": _("Background jobs"),
                        "icon": "manufacturing",
                        "link": reverse_lazy("admin:notifications_job_changelist"),
                    },
                    {
                        "title": _("System"),
                        "icon": "dns",
                        "link": reverse_lazy("admin:system"),
                        "permission": "dashboard.picked_practice.is_superuser",
                    },
                    {
                        "title": _("Switch practice"),
                        "icon": "swap_horiz",
                        "link": reverse_lazy("admin:pick_practice"),
                        "permission": "dashboard.picked_practice.is_superuser",
                    },
                ],
            },
        ],
    },
}

LOGGING = logs.set_up(debug=DEBUG)
