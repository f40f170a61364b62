"""Routes of two-factor sign-in, below /api/."""

from django.urls import path

from accounts.second_factor import views

urlpatterns = [
    path("auth/mfa", views.SecondFactor.as_view(), name="mfa"),
    path("auth/mfa/passkey", views.SecondFactorPasskey.as_view(), name="mfa_passkey"),
    path("users/me/mfa", views.OwnFactors.as_view(), name="own_factors"),
    path("users/me/mfa/totp", views.OwnTotp.as_view(), name="own_totp"),
    path("users/me/mfa/totp/confirm", views.OwnTotpConfirm.as_view(), name="own_totp_confirm"),
    path("users/me/mfa/passkeys", views.OwnPasskeys.as_view(), name="own_passkeys"),
    path("users/me/mfa/passkeys/confirm", views.OwnPasskeysConfirm.as_view(), name="own_passkeys_confirm"),
    path("users/me/mfa/passkeys/<uuid:passkey_id>", views.OwnPasskey.as_view(), name="own_passkey"),
    path("users/<uuid:user_id>/mfa", views.AccountSecondFactor.as_view(), name="account_second_factor"),
    path("users/me/mfa/recovery-codes", views.OwnRecoveryCodes.as_view(), name="own_recovery_codes"),
]
