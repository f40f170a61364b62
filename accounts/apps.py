from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import page_sessions, sign_in_trail

        user_logged_in.connect(page_sessions.begin, dispatch_uid="page session")
        user_logged_out.connect(page_sessions.end, dispatch_uid="page session")
        user_login_failed.connect(sign_in_trail.tell_failed, dispatch_uid="sign-in trail")
