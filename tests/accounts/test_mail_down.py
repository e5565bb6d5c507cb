"""A mail server that hangs: nobody but the mails waits for it."""

import time

from tests.support.chat import PASSWORD
from tests.support.house_fixtures import OpenServed, open_served
from tests.support.mail import mail_server

__all__ = ["open_served"]

BUDGET_SECONDS = 5
"""Wide, for a busy machine; the server is waited for 20 s."""


async def test_people_register_and_sign_in_at_once_while_the_mail_server_hangs(open_served: OpenServed) -> None:
    async with mail_server() as server:
        server.misbehaves = "hangs"
        mail = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_security": "none", "smtp_timeout_seconds": 20, "from": "chat@example.com"}
        house = await open_served(settings={"auth.mail": mail, "auth.verify_email": "optional"})
        await house.person()
        await server.has_been_called()

        began = time.monotonic()
        ann = await house.person()
        signed_in = await ann.client.post("/auth/login", json={"login": ann.email, "password": PASSWORD})
        turn, _ = await ann.ask(await ann.new_session())

        assert (signed_in.status_code, turn["state"]) == (200, "completed")
        assert time.monotonic() - began < BUDGET_SECONDS
        server.misbehaves = ""
