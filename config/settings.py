"""The settings of Praxis. Every variable of the environment is explained in .env.example; config/env.py reads them."""

import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy

from config import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_dotenv()

# --- Secrets: nothing here has a default -----------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", default=False)
SEARCH_INDEX_KEY = env.secret("SEARCH_INDEX_KEY")
FIELD_ENCRYPTION_KEYS_FILE = env.file("FIELD_ENCRYPTION_KEYS_FILE")
FIELD_ENCRYPTION_KEYS = env.encryption_keys("FIELD_ENCRYPTION_KEYS", file=FIELD_ENCRYPTION_KEYS_FILE)
AUDIT_KEYS = env.encryption_keys("AUDIT_KEYS")
# django-encrypted-model-fields wants a key at import; with its engine replaced (core/encryption/) it encrypts nothing.
FIELD_ENCRYPTION_KEY = Fernet.generate_key()

# --- Sign-in (the contract's names) ----------------------------------------------------------------------------------
ALGORITHM = env.choice("ALGORITHM", "HS256", allowed=("HS256", "HS384", "HS512"))
SECRET_KEY = env.secret("SECRET_KEY", least=int(ALGORITHM[2:]) // 8)  # RFC 7518 3.2: as long as the hash
ACCESS_TOKEN_EXPIRE_MINUTES = env.number("ACCESS_TOKEN_EXPIRE_MINUTES", 15)
REFRESH_TOKEN_EXPIRE_DAYS = env.number("REFRESH_TOKEN_EXPIRE_DAYS", 7)
IDLE_LOGOFF_MINUTES = env.number("IDLE_LOGOFF_MINUTES", 15, least=0)
PASSWORD_MIN_LENGTH = env.number("PASSWORD_MIN_LENGTH", 6)
PRACTICE_SIGNUP = env.flag("PRACTICE_SIGNUP", default=DEBUG)
FIRST_SUPERUSER_EMAIL = env.text("FIRST_SUPERUSER_EMAIL")
FIRST_SUPERUSER_PASSWORD = env.text("FIRST_SUPERUSER_PASSWORD")

AUTH_USER_MODEL = "accounts.User"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.authentication.EmailBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]  # cost 12; no 72-byte limit
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_MIN_LENGTH},
    }
]
PASSWORD_RESET_TIMEOUT = 30 * 60  # seconds that the link works
LOGIN_ATTEMPTS = 5
LOGIN_ATTEMPTS_WINDOW = 900  # seconds
AXES_HANDLER = "accounts.lockout.ReservingHandler"
AXES_USERNAME_FORM_FIELD = "username"  # the keyword that authenticate() is called with, here and in the admin
AXES_USERNAME_CALLABLE = "accounts.lockout.attempted_email"
AXES_LOCKOUT_CALLABLE = "accounts.lockout.lockout_response"
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # the email is unique through its blind index, and EmailBackend looks it up there
    "axes.W006",  # the contract counts attempts by email; a limit per address stands beside it (core/api/limits.py)
    "security.W003",  # core.page_middleware.PageCsrf is it, for the pages; the API has core/api/doors.py
    "security.W021",  # browsers' preload lists take a whole domain, for good: its owner's decision, made in the proxy
]

# --- Limits and doors ------------------------------------------------------------------------------------------------
RATE_LIMIT_PER_MINUTE = env.number("RATE_LIMIT_PER_MINUTE", 100)
ANON_RATE_LIMIT_PER_MINUTE = env.number("ANON_RATE_LIMIT_PER_MINUTE", 60)
JOIN_CODE_TRIES_PER_HOUR = env.number("JOIN_CODE_TRIES_PER_HOUR", 10)  # by one user, and from one address
MAX_BODY_BYTES = 1_000_000  # of an upload: MAX_FILE_BYTES below, and what a form needs around it
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
AUTOSAVES_PER_MINUTE = env.number("AUTOSAVES_PER_MINUTE", 60)  # of one session note
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS", ("http://localhost:5173", "http://localhost:3000"))
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
CORS_EXPOSE_HEADERS = ["Content-Disposition", "ETag", "Retry-After", "X-Request-ID"]
CORS_URLS_REGEX = r"^/(api|auth)/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG  # the admin site's own cookies
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_NAME = "praxis_admin"
SESSION_ENGINE = "accounts.page_session_store"
SESSION_COOKIE_AGE = 12 * 60 * 60  # a working day, not Django's two weeks: a desk is shared, and charts are behind it
SESSION_SAVE_EVERY_REQUEST = False  # counted from sign-in: an open page that asks now and then does not prolong it
X_FRAME_OPTIONS = "DENY"
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # core.middleware.TrustedProxies leaves no other's
HTTPS_ONLY = env.flag("HTTPS_ONLY", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^api/(v1/)?health(/live|/ready)?$"]  # asked from inside, past the proxy
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_REFERRER_POLICY = "same-origin"

# --- Database and cache ----------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'praxis.sqlite3'}")}
DATABASE_APP_PASSWORD = env.text("DATABASE_APP_PASSWORD")  # of the role that setup_database_roles makes
SERVER_THREADS = env.number("SERVER_THREADS", 8)
SERVER_READ_TIMEOUT = env.number("SERVER_READ_TIMEOUT", 20)  # seconds without a byte of a request that has begun
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # writers queue instead of failing when a read turns into a write
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
    }
    # a file, for threads cannot share a database in memory; one of this run's own
    DATABASES["default"]["TEST"] = {"NAME": Path(tempfile.gettempdir()) / f"praxis-test-{os.getpid()}.sqlite3"}
else:
    DATABASES["default"]["OPTIONS"] = {
        # compiling takes longer than any query here: where the planner misjudged a new column it took half a second
        "options": "-c jit=off",
        **dict(DATABASES["default"].get("OPTIONS", {})),  # type: ignore[call-overload]
        "connect_timeout": 5,
        # never smaller than the threads, or requests would wait for each other's connection
        "pool": {"min_size": 1, "max_size": SERVER_THREADS + 2, "timeout": 15},  # seconds: a burst waits
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
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # counts of sign-ins must not be pushed out by other emails' counts
        }
    }

# --- The server (config/gunicorn.py, manage.py serve) ----------------------------------------------------------------
SERVER_HOST = env.text("HOST") or "127.0.0.1"
SERVER_PORT = env.number("PORT", 8000)
SERVER_BIND = f"[{SERVER_HOST}]:{SERVER_PORT}" if ":" in SERVER_HOST else f"{SERVER_HOST}:{SERVER_PORT}"
SERVER_PROCESSES = env.number("WEB_CONCURRENCY", 1)
if SERVER_PROCESSES > 1 and not REDIS_URL:
    raise ImproperlyConfigured(
        "WEB_CONCURRENCY above 1 needs REDIS_URL: without it every process counts sign-in attempts and limits alone."
    )

# --- E-mail: alerts to the practice's own people and links for forgotten passwords, without PHI -----------------------
SITE_URL = env.origins("SITE_URL", (f"http://localhost:{SERVER_PORT}",))[0]
_mail = env.mail("EMAIL_URL", "consolemail://" if DEBUG else "")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 3  # seconds: who opens a chart in an emergency does not wait for a mail server
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM") or "praxis@localhost"

# --- Files (docs/adr/0018) -------------------------------------------------------------------------------------------
MEGABYTE = 1024 * 1024
MAX_FILE_BYTES = env.number("MAX_FILE_MB", 10) * MEGABYTE
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
if FILES_S3_BUCKET:
    from boto3.s3.transfer import TransferConfig

    STORAGES["files"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": FILES_S3_BUCKET,
            "endpoint_url": FILES_S3_ENDPOINT_URL or None,
            "region_name": env.text("FILES_S3_REGION") or None,
            "access_key": env.text("FILES_S3_ACCESS_KEY") or None,
            "secret_key": env.text("FILES_S3_SECRET_KEY") or None,
            "default_acl": None,
            "file_overwrite": False,
            # sent and fetched in one piece, through the disk and not through memory
            "max_memory_size": 64 * 1024,
            "transfer_config": TransferConfig(multipart_threshold=2 * MAX_FILE_BYTES, use_threads=False),
        },
    }

# --- Deleting --------------------------------------------------------------------------------------------------------
RESTORE_DAYS = 30  # what was deleted can be had back so long, and is purged afterwards

# --- The application -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # the theme without its own site; ours follows
    "dashboard.apps.PraxisAdminConfig",
    "accounts",  # before Django's own, for its createsuperuser
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "auditlog",
    "audit",
    "core",
    "practices",
    "patients",
    "appointments",
    "records",
    "dashboard",
    "config",
]
MIDDLEWARE = [
    "core.middleware.TrustedProxies",
    "core.middleware.RequestLog",
    "core.api.versions.ApiVersion",
    "django.middleware.security.SecurityMiddleware",
    "core.headers.BrowserPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.api.cors.Cors",
    "core.api.doors.Doors",
    "core.page_middleware.PageSession",
    "django.middleware.common.CommonMiddleware",
    "core.page_middleware.PageCsrf",
    "core.page_middleware.PageUser",
    "core.page_middleware.PageMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.admin_scope.AdminScope",
    "dashboard.admin_reads.AdminTrail",
    "axes.middleware.AxesMiddleware",
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
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True  # serves the packages' own static files, so that no collect step is needed
WHITENOISE_AUTOREFRESH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# django-auditlog notices the changes; the trail is our own table, and of its models nothing else is used.
AUDITLOG_LOGENTRY_MODEL = "audit.Event"
AUDITLOG_USE_BASE_MANAGER = True  # what was stored before, also of a superuser, who has no practice
MIGRATION_MODULES = {"auditlog": None}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["core.api.json.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.json.OrjsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.api.json.JsonOnly",
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.PraxisSchema",
    "EXCEPTION_HANDLER": "core.api.errors.handle",
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Praxis",
    "DESCRIPTION": "Practice management for clinics: sign-in, patients, doctors, appointments, records, dashboard. "
    "Every address below `/api/` answers below `/api/v1/` too.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "Gender": "patients.models.Gender",
        "AppointmentStatus": "appointments.models.Status",
        "RegisterRole": "accounts.roles.REGISTER_ROLES",
        "PublicRole": "accounts.roles.PUBLIC_ROLES",
        "NoteStatus": "records.models.note.Status",
        "PlanStatus": "records.models.plan.Status",
        "GoalStatus": "records.models.plan.GoalStatus",
        "FileStatus": "records.models.attachment.SHOWN",
        "SecondFactorMethod": "accounts.models.Method",
        "SessionKind": "accounts.models.Door",
    },
}

UNFOLD = {
    "SITE_TITLE": "Praxis",
    "SITE_HEADER": "Praxis",
    "SITE_SUBHEADER": "dashboard.admin_scope.practice_name",
    "ENVIRONMENT": "dashboard.admin_scope.picked_label",
    "SITE_SYMBOL": "local_hospital",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("praxis/icon.svg")},
    ],
    "SHOW_HISTORY": False,
    "DASHBOARD_CALLBACK": "dashboard.admin_home.context",
    "STYLES": [lambda request: static("praxis/admin.css")],
    "SCRIPTS": [lambda request: static("praxis/admin.js")],
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Security", "link": reverse_lazy("admin:security")},
            {"title": "Where you are signed in", "link": reverse_lazy("admin:own_sessions")},
        ]
    },
    "COLORS": {
        "primary": {  # a calm teal; white on 600 and 600 on white are readable (over 4.5 to 1)
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
        "navigation": [
            {
                "title": "Clinic",
                "items": [
                    {"title": "Today", "icon": "today", "link": reverse_lazy("admin:index")},
                    {
                        "title": "Patients",
                        "icon": "groups",
                        "link": reverse_lazy("admin:patients_patient_changelist"),
                    },
                    {
                        "title": "Appointments",
                        "icon": "calendar_month",
                        "link": reverse_lazy("admin:appointments_appointment_changelist"),
                    },
                    {
                        "title": "Medical records",
                        "icon": "clinical_notes",
                        "link": reverse_lazy("admin:records_medicalrecord_changelist"),
                    },
                    {
                        "title": "Session notes",
                        "icon": "edit_note",
                        "link": reverse_lazy("admin:records_sessionnote_changelist"),
                    },
                    {
                        "title": "Plans of care",
                        "icon": "checklist",
                        "link": reverse_lazy("admin:records_planofcare_changelist"),
                    },
                    {
                        "title": "Files",
                        "icon": "folder_open",
                        "link": reverse_lazy("admin:records_attachment_changelist"),
                    },
                    {
                        "title": "Emergency accesses",
                        "icon": "emergency",
                        "link": reverse_lazy("admin:patients_emergencyaccess_changelist"),
                        "permission": "dashboard.admin_home.reviews_emergencies",
                        "badge": "dashboard.admin_home.emergencies_waiting",
                    },
                    {
                        "title": "Deleted",
                        "icon": "auto_delete",
                        "link": reverse_lazy("admin:patients_deletion_changelist"),
                        "permission": "dashboard.admin_deleted.sees_deleted",
                    },
                ],
            },
            {
                "title": "Practice",
                "items": [
                    {"title": "People", "icon": "badge", "link": reverse_lazy("admin:accounts_user_changelist")},
                    {
                        "title": "Practice",
                        "icon": "home_health",
                        "link": reverse_lazy("admin:practices_practice_changelist"),
                    },
                    {
                        "title": "Offices",
                        "icon": "location_on",
                        "link": reverse_lazy("admin:practices_office_changelist"),
                    },
                    {
                        "title": "Join codes",
                        "icon": "pin",
                        "link": reverse_lazy("admin:accounts_joincode_changelist"),
                        "permission": "dashboard.admin_join_codes.may_make",
                    },
                    {
                        "title": "Audit trail",
                        "icon": "policy",
                        "link": reverse_lazy("admin:trail"),
                        "permission": "dashboard.admin_trail.may_read",
                    },
                    {
                        "title": "Switch practice",
                        "icon": "swap_horiz",
                        "link": reverse_lazy("admin:pick_practice"),
                        "permission": "dashboard.admin_scope.is_superuser",
                    },
                ],
            },
        ],
    },
}

LOGGING = logs.set_up(debug=DEBUG)
