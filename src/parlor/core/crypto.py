"""The installation's one secret, and what is derived from it.

Everything that Parlor signs hangs on this secret. It comes from `PARLOR_AUTH__SECRET_KEY`, or from a file that is made once in the data directory.
"""

import base64
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from parlor.core.db.opening import make_private_directory
from parlor.core.errors import Misconfigured
from parlor.core.settings import RootSettings

SECRET_FILE = "secret.key"
MIN_SECRET_LENGTH = 32
_MIN_DIFFERENT_CHARACTERS = 8
_NONCE_BYTES = 12
_CURE = 'set PARLOR_AUTH__SECRET_KEY to the output of: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'

_SAMPLES = (
    "changeme", "change-me", "change_me", "change this", "changethis", "change-this", "change_this", "your-secret", "your_secret", "yoursecret",
    "secret-key-here", "secret_key_here", "supersecret", "super-secret", "super_secret", "replace-me", "replace_me", "replaceme", "placeholder",
    "insecure", "example", "not-so-secret",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)  # fmt: skip
"""Parts of secrets that stand in READMEs and tutorials (the last one is from a well-known framework's security chapter): everybody has them."""


class SecretKey:
    """Keys and signatures for one purpose each, so that a value signed for one use means nothing in another."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "SecretKey([hidden])"

    def derive(self, purpose: str) -> bytes:
        """32 bytes that depend on the secret and on `purpose`."""
        return hmac.digest(self._key, purpose.encode(), "sha256")

    def sign(self, purpose: str, message: bytes = b"") -> str:
        """An unguessable text for `message`: 256 bits as 43 URL-safe characters."""
        return encode(hmac.digest(self.derive(purpose), message, "sha256"))

    def verify(self, purpose: str, message: bytes, signature: str) -> bool:
        """Whether `signature` is ours; takes the same time whatever is wrong with it."""
        return hmac.compare_digest(self.sign(purpose, message).encode(), signature.encode(errors="replace"))

    def seal(self, purpose: str, secret: bytes) -> bytes:
        """`secret` encrypted and authenticated (AES-256-GCM), to be stored: 28 bytes longer."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, secret, purpose.encode())

    def unseal(self, purpose: str, sealed: bytes) -> bytes | None:
        """None when it was not sealed with this secret and for this purpose: the installation's secret has changed since."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self.derive(purpose)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            return None


def encode(raw: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def random_text(size_bytes: int = 32) -> str:
    """An unguessable text (43 characters for 32 bytes)."""
    return encode(secrets.token_bytes(size_bytes))


def secret_refusal(secret: SecretStr | None, root: RootSettings) -> str | None:
    """Why this secret may not sign anything here, with the cure; None when it may. Development takes what it gets."""
    if root.environment == "development":
        return None
    value = secret.get_secret_value().strip() if secret else ""
    if not value:
        return f"PARLOR_AUTH__SECRET_KEY is not set, and {root.environment} does not start without it: {_CURE}"
    if any(sample in value.lower() for sample in _SAMPLES):
        return f"PARLOR_AUTH__SECRET_KEY looks like a sample from a document, which everybody knows: {_CURE}"
    if len(value) < MIN_SECRET_LENGTH or len(set(value)) < _MIN_DIFFERENT_CHARACTERS:
        return f"PARLOR_AUTH__SECRET_KEY is too weak ({MIN_SECRET_LENGTH} random characters are the least): {_CURE}"
    return None


def load_secret_key(secret: SecretStr | None, root: RootSettings) -> SecretKey:
    """The secret of the settings, else the one of the data directory, which is made at the first call. Raises `Misconfigured`."""
    if refusal := secret_refusal(secret, root):
        raise Misconfigured(refusal)
    given = secret.get_secret_value().strip() if secret else ""
    text = given.encode() if given else _stored_secret(root.data_dir / SECRET_FILE)
    return SecretKey(hashlib.sha256(text).digest())


def _stored_secret(path: Path) -> bytes:
    make_private_directory(path.parent)
    try:
        if not path.exists():
            _make_secret_file(path)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        text = path.read_bytes().strip()
    except OSError as error:
        raise Misconfigured(f"The secret in {path} cannot be read or made ({error.strerror}): mend its permissions, or {_CURE}") from error
    if len(text) < MIN_SECRET_LENGTH:
        raise Misconfigured(f"The secret in {path} is damaged: restore it, or remove the file to get a new one (everybody then signs in again).")
    return text


def _make_secret_file(path: Path) -> None:
    """Two processes at once: the link of one fails, and both read the other's. Nobody ever sees half a secret."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w") as out:
            out.write(random_text() + "\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
