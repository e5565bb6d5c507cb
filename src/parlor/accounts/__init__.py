"""Accounts: who people are, how they prove it, and what their role allows.

Leaves to others what accounts own elsewhere: a wallet comes with `user.registered`, in the same transaction.
Loaded piece by piece, so that a command need not load FastAPI.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.accounts.access import ActingDep, AdminDep, CallerDep, ChatDep, ChatReadDep, ManageDep, ReadDep, WalletDep, WalletReadDep, bearer_of
    from parlor.accounts.account import Account, Role, Status
    from parlor.accounts.administration import Administration
    from parlor.accounts.api_keys import ApiKeys
    from parlor.accounts.authenticator import Authenticator, CredentialKind, Identity
    from parlor.accounts.caller import ALL_SCOPES, Caller, Scope
    from parlor.accounts.directory import AccountDirectory
    from parlor.accounts.errors import (
        AccountNotFound,
        AccountSuspended,
        AdministratorsOnly,
        EmailTaken,
        InvalidCredentials,
        NoSuchApiKey,
        NotYourUser,
        ScopeMissing,
        UsernameTaken,
    )
    from parlor.accounts.events import (
        ApiKeyCreated,
        ApiKeyRevoked,
        RefreshTokenReplayed,
        UserEmailChanged,
        UserEmailVerified,
        UserGroupsChanged,
        UserPasswordChanged,
        UserRegistered,
        UserRoleChanged,
        UserSignedIn,
        UserStatusChanged,
    )
    from parlor.accounts.key_budgets import KeyBudget, KeyBudgets
    from parlor.accounts.open_streams import OpenStreams
    from parlor.accounts.passwords import Passwords
    from parlor.accounts.session_cookies import SessionCookies
    from parlor.accounts.settings import AuthSettings
    from parlor.accounts.setup import SetupLinks
    from parlor.accounts.sign_ins import Session, SignIns
    from parlor.accounts.sign_up import Application, SignUp
    from parlor.accounts.text import GROUP_PATTERN

__all__ = [
    "ALL_SCOPES", "GROUP_PATTERN", "Account", "AccountDirectory", "AccountNotFound", "AccountSuspended", "ActingDep", "AdminDep", "Administration",
    "AdministratorsOnly", "ApiKeyCreated", "ApiKeyRevoked", "ApiKeys", "Application", "AuthSettings", "Authenticator", "Caller", "CallerDep", "ChatDep",
    "ChatReadDep", "CredentialKind", "EmailTaken", "Identity", "InvalidCredentials", "KeyBudget", "KeyBudgets", "ManageDep", "NoSuchApiKey", "NotYourUser",
    "OpenStreams", "Passwords", "ReadDep", "RefreshTokenReplayed", "Role", "Scope", "ScopeMissing", "Session", "SessionCookies", "SetupLinks", "SignIns",
    "SignUp", "Status", "UserEmailChanged", "UserEmailVerified", "UserGroupsChanged", "UserPasswordChanged", "UserRegistered", "UserRoleChanged",
    "UserSignedIn", "UserStatusChanged", "UsernameTaken", "WalletDep", "WalletReadDep", "bearer_of",
]  # fmt: skip

__getattr__ = exports(
    __name__,
    {
        "access": "ActingDep AdminDep CallerDep ChatDep ChatReadDep ManageDep ReadDep WalletDep WalletReadDep bearer_of",
        "account": "Account Role Status",
        "administration": "Administration",
        "api_keys": "ApiKeys",
        "authenticator": "Authenticator CredentialKind Identity",
        "caller": "ALL_SCOPES Caller Scope",
        "directory": "AccountDirectory",
        "errors": "AccountNotFound AccountSuspended AdministratorsOnly EmailTaken InvalidCredentials NoSuchApiKey NotYourUser ScopeMissing UsernameTaken",
        "events": (
            "ApiKeyCreated ApiKeyRevoked RefreshTokenReplayed UserEmailChanged "
            "UserEmailVerified UserGroupsChanged UserPasswordChanged UserRegistered UserRoleChanged UserSignedIn UserStatusChanged"
        ),
        "key_budgets": "KeyBudget KeyBudgets",
        "open_streams": "OpenStreams",
        "passwords": "Passwords",
        "session_cookies": "SessionCookies",
        "settings": "AuthSettings",
        "setup": "SetupLinks",
        "sign_ins": "Session SignIns",
        "sign_up": "Application SignUp",
        "text": "GROUP_PATTERN",
    },
)
