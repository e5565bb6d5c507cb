"""Refusals of this room."""

from parlor.core.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable


class InvalidCredentials(Unauthenticated):
    """The same for an unknown account and a wrong password, in words and in time."""

    code = "auth.invalid_credentials"
    detail = "No account has this login and password."


class InvalidToken(Unauthenticated):
    code = "auth.invalid_token"
    detail = "This access token is not valid: sign in again."


class TokenExpired(Unauthenticated):
    code = "auth.token_expired"
    detail = "This access token has expired: use the refresh token."


class SignInEnded(Unauthenticated):
    code = "auth.sign_in_ended"
    detail = "This sign-in has ended: sign in again."


class InvalidApiKey(Unauthenticated):
    code = "auth.invalid_api_key"
    detail = "This is no API key of this server: make one at /api-keys."


class RevokedApiKey(Unauthenticated):
    code = "auth.api_key_revoked"
    detail = "This API key was revoked: make another one."


class ExpiredApiKey(Unauthenticated):
    code = "auth.api_key_expired"
    detail = "This API key has expired: make another one."


class InvalidRefreshToken(Unauthenticated):
    code = "auth.invalid_refresh_token"
    detail = "This refresh token is not valid (any more): sign in again."


class AccountSuspended(Forbidden):
    code = "auth.suspended"
    detail = "This account is suspended: ask an administrator."


class AdministratorsOnly(Forbidden):
    code = "auth.administrators_only"
    detail = "Only administrators may do this."


class ScopeMissing(Forbidden):
    """`scope` is the one that would be needed."""

    code = "auth.scope_missing"
    detail = "This credential may not do this."


class KeyNotAllowed(Forbidden):
    """What only people do themselves: make and revoke keys, change passwords, end sign-ins, erase an account."""

    code = "auth.key_not_allowed"
    detail = "No API key may do this: sign in instead."


class TooManyApiKeys(Conflict):
    code = "auth.too_many_api_keys"
    detail = "An account has at most 100 API keys that still work: revoke one first."


class CrossOrigin(Forbidden):
    """A cookie came with a request that no page of ours is known to have sent."""

    code = "auth.cross_origin"
    detail = (
        "A request with cookies that changes something needs the Origin of a page of this server: send the access token in the Authorization header, "
        "set PARLOR_SERVER__PUBLIC_URL, or name the page's origin in PARLOR_SERVER__CORS_ORIGINS with PARLOR_SERVER__CORS_CREDENTIALS."
    )


class EmailUnverified(Forbidden):
    code = "auth.email_unverified"
    detail = "Confirm your email address first: open the link that was mailed to you. It has been sent again."


class InvalidLink(Unauthenticated):
    """The same for a token that was never made, was used, has expired, or was sent to an address or for a password that the account has no more."""

    code = "auth.invalid_link"
    detail = "This link is not valid (any more): ask for a new one."


class EmailTaken(Conflict):
    code = "auth.email_taken"
    detail = "An account has this email address already: sign in instead."


class UsernameTaken(Conflict):
    code = "auth.username_taken"
    detail = "Somebody has this username already: choose another."


class InvalidSetupToken(Forbidden):
    code = "auth.invalid_setup_token"
    detail = "This set-up link is not the one of this installation: `parlor users setup-link` prints the right one."


class SetupDone(Conflict):
    code = "auth.setup_done"
    detail = "There is an administrator already: sign in instead."


class LastAdministrator(Conflict):
    code = "auth.last_administrator"
    detail = "This is the last active administrator: make another one first."


class NoSuchSignIn(NotFound):
    code = "auth.no_such_sign_in"
    detail = "You are not signed in there (any more)."


class NoSuchApiKey(NotFound):
    code = "auth.no_such_api_key"
    detail = "There is no such API key."


class AccountNotFound(NotFound):
    code = "auth.account_not_found"
    detail = "There is no such account."


class InvalidEmail(Invalid):
    code = "auth.invalid_email"


class InvalidUsername(Invalid):
    code = "auth.invalid_username"


class InvalidGroups(Invalid):
    code = "auth.invalid_groups"


class UnsuitablePassword(Invalid):
    code = "auth.unsuitable_password"


class HashingBusy(RateLimited):
    code = "auth.busy"
    detail = "Too many people are signing in at this moment: try again in a second."


class GoogleOff(NotFound):
    code = "auth.google_off"
    detail = "Signing in with Google is off here: an administrator can set PARLOR_AUTH__GOOGLE__CLIENT_ID and PARLOR_AUTH__GOOGLE__CLIENT_SECRET."


class InvalidIdToken(Unauthenticated):
    """The same whatever is wrong with it."""

    code = "auth.invalid_id_token"
    detail = "This ID token does not sign anybody in here: get a new one from the provider."


class InvalidSignInFlow(Unauthenticated):
    code = "auth.invalid_sign_in_flow"
    detail = "This sign-in was not begun in this browser, is over, or took longer than ten minutes: start again."


class SignInRefused(Unauthenticated):
    """The provider sent somebody back without a proof, or with a code that it does not honour."""

    code = "auth.sign_in_refused"
    detail = "The provider did not sign you in: start again."


class UnsafeNext(Invalid):
    code = "auth.unsafe_next"
    detail = "next is a path of this server, such as /chat: one slash at its beginning, and no backslash, space or control character."


class LinkRefused(Conflict):
    code = "auth.link_refused"
    detail = "An administrator's account has this address and has not verified it: sign in with its password, verify the address, and come again."


class MockModeRefused(Forbidden):
    code = "auth.mock_refused"
    detail = "Mock mode answers the machine that it runs on, asked directly and by a loopback name. Send a token instead."


class NotYourUser(Forbidden):
    code = "auth.not_your_user"
    detail = "user_id is somebody else's: leave it out, or ask as an administrator."


class ProviderUnavailable(Unavailable):
    """Carries `retry_after_seconds`."""

    code = "auth.provider_unavailable"
    detail = "Whoever vouches for this sign-in cannot be reached: try again in a moment, or sign in another way."
