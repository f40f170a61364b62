from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import audit
        from accounts.second_factor import services  # noqa: F401 - it listens
        from accounts.sessions import admin_site

        user_logged_in.connect(admin_site.begin, dispatch_uid="page session")
        user_logged_out.connect(admin_site.end, dispatch_uid="page session")
        user_login_failed.connect(audit.log_failed_sign_in, dispatch_uid="sign-in trail")
