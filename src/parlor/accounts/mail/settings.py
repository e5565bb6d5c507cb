"""How mails leave. Their place in the tree is `auth.mail`."""

import re
from collections.abc import Iterable
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import getaddresses
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from parlor.core.settings import RootSettings

_USUAL_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_HOST = re.compile(r"[A-Za-z0-9:](?:[A-Za-z0-9._:-]{0,252}[A-Za-z0-9])?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class MailSettings(BaseModel):
    """Without `smtp_host` every mail becomes a file in a folder: enough to develop with, and to see what would be sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    smtp_host: str | None = Field(default=None, description="The server that takes our mails. Without one they are written to a folder.")
    smtp_port: int | None = Field(default=None, ge=1, le=65535, description="Its port. Default: 587 with starttls, 465 with tls, 25 with none.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is secured: starttls, tls from the start, none."
    )
    smtp_user: str | None = Field(default=None, min_length=1, max_length=500, description="Who we are to that server, if it asks.")
    smtp_password: SecretStr | None = Field(default=None, description="The password of smtp_user.")
    smtp_ca_file: Path | None = Field(default=None, description="Certificates to trust instead of the system's (PEM), for a server with one of its own.")
    smtp_timeout_seconds: float = Field(default=20, gt=0, le=120, description="How long handing over one mail may take as a whole.")
    smtp_connections: int = Field(default=2, ge=1, le=16, description="How many mails are handed over at once.")
    sender: str | None = Field(
        default=None, alias="from", description="Whom mails come from: chat@example.com or Chat <chat@example.com>. Required with smtp_host."
    )
    folder: Path | None = Field(default=None, description="Where mails are written when there is no smtp_host. Default: mail in the data directory.")

    @field_validator("smtp_host")
    @classmethod
    def _is_host(cls, value: str | None) -> str | None:
        if value is not None and not _HOST.fullmatch(value):
            raise ValueError("it should be the name or address of a host, without a scheme or port")
        return value

    @field_validator("smtp_user")
    @classmethod
    def _is_ascii_user(cls, value: str | None) -> str | None:
        if value is not None and not (value.isascii() and value.isprintable()):
            raise ValueError("it should be printable ASCII, as SMTP takes no other")
        return value

    @field_validator("smtp_password")
    @classmethod
    def _is_ascii_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
            raise ValueError("it should be printable ASCII, as SMTP takes no other")
        return value

    @field_validator("sender")
    @classmethod
    def _is_sender(cls, value: str | None) -> str | None:
        if value is not None:
            address_of(value)
        return value

    @property
    def port(self) -> int:
        return self.smtp_port or _USUAL_PORTS[self.smtp_security]

    @property
    def sender_address(self) -> Address:
        return address_of(self.sender or "Parlor <parlor@localhost>")

    def folder_in(self, root: RootSettings) -> Path:
        return root.data_dir / (self.folder or "mail")

    def refusals(self, root: RootSettings) -> Iterable[str]:
        if self.smtp_host is not None and self.sender is None:
            yield "PARLOR_AUTH__MAIL__FROM is not set: mails need a sender that PARLOR_AUTH__MAIL__SMTP_HOST accepts, such as chat@example.com."
        if (self.smtp_user is None) != (self.smtp_password is None):
            yield "PARLOR_AUTH__MAIL__SMTP_USER and PARLOR_AUTH__MAIL__SMTP_PASSWORD go together: set both, or neither."
        if self._shows_password and root.environment != "development":
            yield "PARLOR_AUTH__MAIL__SMTP_SECURITY is none, so that the password would travel in the open: write starttls or tls."
        if self.smtp_ca_file is not None and not self.smtp_ca_file.is_file():
            yield f"PARLOR_AUTH__MAIL__SMTP_CA_FILE is {self.smtp_ca_file}, and there is no such file."

    def warnings(self, root: RootSettings) -> Iterable[str]:
        if self.smtp_host is None and root.environment != "development":
            yield f"No mail leaves this machine: all are written to {self.folder_in(root)}. Set PARLOR_AUTH__MAIL__SMTP_HOST to send them."
        if self._shows_password and root.environment == "development":
            yield "PARLOR_AUTH__MAIL__SMTP_SECURITY is none: the password of the mail server travels in the open."

    @property
    def _shows_password(self) -> bool:
        return self.smtp_host is not None and self.smtp_password is not None and self.smtp_security == "none" and self.smtp_host not in _LOOPBACK


def address_of(text: str) -> Address:
    """Of `name@example.com` or `Name <name@example.com>`. Raises `ValueError`."""
    found = getaddresses([text])
    try:
        if len(found) != 1 or not text.isprintable():
            raise ValueError("not one address")
        address = Address(display_name=found[0][0], addr_spec=found[0][1])
        if not (address.username and address.domain and address.addr_spec.isascii()):
            raise ValueError("not a whole address")
    except (MessageError, ValueError, IndexError) as error:
        raise ValueError("it should be an address such as chat@example.com or Chat <chat@example.com>") from error
    return address
