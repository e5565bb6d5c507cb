"""/auth: what is done with the links that were mailed, and how one gets them."""

from dishka.integrations.fastapi import FromDishka
from fastapi import APIRouter

from parlor.accounts.access import CallerDep
from parlor.accounts.errors import AccountSuspended, HashingBusy, InvalidEmail, InvalidLink, UnsuitablePassword
from parlor.accounts.password_reset import PasswordReset
from parlor.accounts.schemas import Accepted, EmailVerify, PasswordForgot, PasswordResetCreate, SessionRead, SignedInRead, UserRead
from parlor.accounts.session_reply import HandingDep
from parlor.accounts.verification import EmailVerification
from parlor.core.errors import RateLimited
from parlor.core.web.problems import documents
from parlor.core.web.routing import PUBLIC, Router


def mailbox_router() -> APIRouter:
    router = Router(prefix="/auth", tags=["accounts"])

    @router.post("/verify-email", openapi_extra=PUBLIC, responses=documents(InvalidLink))
    async def verify_email(body: EmailVerify, verification: FromDishka[EmailVerification]) -> UserRead:
        """Show that an address is one's own, with the token of the link that was mailed there. Nobody needs to be signed in."""
        return UserRead.of(await verification.verify(body.token.get_secret_value()))

    @router.post("/verify-email/send", status_code=202)
    async def send_verification(caller: CallerDep, verification: FromDishka[EmailVerification]) -> Accepted:
        """Mail that link to one's own address (again). The answer is the same when there is nothing to verify, or it was asked for too often."""
        await verification.send(caller.account_id)
        return Accepted()

    @router.post("/password/forgot", status_code=202, openapi_extra=PUBLIC, responses=documents(InvalidEmail, RateLimited))
    async def forgot_password(body: PasswordForgot, reset: FromDishka[PasswordReset]) -> Accepted:
        """Mail a link for a new password, if an account has this address. The answer is the same whether or not one has."""
        await reset.ask(body.email)
        return Accepted()

    @router.post("/password/reset", openapi_extra=PUBLIC, responses=documents(InvalidLink, AccountSuspended, UnsuitablePassword, HashingBusy))
    async def reset_password(body: PasswordResetCreate, reset: FromDishka[PasswordReset], hand_over: HandingDep) -> SessionRead | SignedInRead:
        """Set a new password with the token of that link, and sign in. Ends all other sign-ins; the link works once. It also verifies the address."""
        return hand_over(await reset.reset(body.token.get_secret_value(), body.password.get_secret_value()))

    return router
