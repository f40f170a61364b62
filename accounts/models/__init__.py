"""Users, their login sessions and second factors, invitations, join codes, and programs' API keys."""

from accounts.models.api_key import AllPracticesApiKeyManager, ApiKey
from accounts.models.invitation import AllPracticesInvitationManager, Invitation
from accounts.models.join_code import AllPracticesJoinCodeManager, JoinCode
from accounts.models.login_session import LoginSession, LoginSessionQuerySet, RevocationReason, SignInChannel
from accounts.models.second_factor import Authenticator, Passkey, PasskeyChallenge, RecoveryCode, SecondFactorMethod
from accounts.models.user import AllPracticesUserManager, User, UserManager, attach_charts, display_name

__all__ = [
    "AllPracticesApiKeyManager",
    "AllPracticesInvitationManager",
    "AllPracticesJoinCodeManager",
    "AllPracticesUserManager",
    "ApiKey",
    "Authenticator",
    "Invitation",
    "JoinCode",
    "LoginSession",
    "LoginSessionQuerySet",
    "Passkey",
    "PasskeyChallenge",
    "RecoveryCode",
    "RevocationReason",
    "SecondFactorMethod",
    "SignInChannel",
    "User",
    "UserManager",
    "attach_charts",
    "display_name",
]
