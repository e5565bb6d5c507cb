"""Structured logs on standard error: JSON outside development, one readable line in development; the request id everywhere, secrets nowhere.

What libraries log through the standard library takes the same road. We never log the text of a message.
"""

import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO, Literal, cast

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from parlor.core.lazy import without
from parlor.core.redaction import redact, scrub

with without("rich"):  # for coloured tracebacks, which are never ours: see `Rendering`
    import structlog

Entry = MutableMapping[str, Any]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LEVEL_NAMES = {"warn": "warning", "exception": "error", "fatal": "critical", "notset": "debug"}
_NOISY = ("uvicorn", "alembic", "asyncio", "httpx2", "httpcore2", "mcp", "watchfiles")
_COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31;1m"}


class LogSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least important lines to write.")
    format: Literal["auto", "json", "console"] = Field(default="auto", description="auto is console in development and JSON elsewhere.")


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines carry `logger=name`. Configured with each line, so a module may make one at import."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(name))


def configure_logging(settings: LogSettings, environment: str, stream: BinaryIO | None = None) -> None:
    """Send structlog and the standard library to `stream` (standard error when None). Calling it again replaces what was there."""
    is_json = settings.format == "json" or (settings.format == "auto" and environment != "development")
    output = stream or sys.stderr.buffer
    rendering = Rendering(_as_json if is_json else _as_console_line(output))
    level = _LEVELS[settings.level]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: Writer(output, *names),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge(rendering, output))
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(level if level == logging.DEBUG else max(level, logging.WARNING))


class Rendering:
    """The last processor: hides secrets, formats the traceback (never with local variables), encodes."""

    def __init__(self, encode: Callable[[Entry], str]) -> None:
        self._encode = encode

    def __call__(self, logger: object, method: str, facts: Entry) -> bytes:
        error = _error_of(facts.pop("exc_info", None))
        entry: Entry = {"time": datetime.now(UTC), "level": _LEVEL_NAMES.get(method, method), "event": str(facts.pop("event", ""))}
        if name := getattr(logger, "name", None):
            entry["logger"] = name
        entry |= redact(facts)
        if error is not None:
            entry["exception"] = "".join(traceback.format_exception(error)).rstrip()
        try:
            line = self._encode(entry)
        except Exception as cause:
            line = self._encode({"time": entry["time"], "level": "error", "event": "a log line could not be written", "reason": type(cause).__name__})
        return scrub(line).encode("utf-8", "backslashreplace") + b"\n"


class Writer:
    """The end of the pipeline: one write per line. A closed or full standard error never takes the server with it."""

    def __init__(self, stream: BinaryIO, name: str | None = None) -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: bytes) -> None:
        try:
            self._stream.write(line)
            self._stream.flush()
        except (OSError, ValueError):
            pass

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = msg


class _Bridge(logging.Handler):
    """Carries records of the standard library (uvicorn, alembic, asyncio) into the same lines."""

    def __init__(self, rendering: Rendering, stream: BinaryIO) -> None:
        super().__init__()
        self._rendering = rendering
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:
            message = str(record.msg)
        writer = Writer(self._stream, record.name)
        facts = structlog.contextvars.merge_contextvars(None, "", {"event": message, "exc_info": record.exc_info})
        writer.msg(self._rendering(writer, record.levelname.lower(), facts))


def _error_of(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return cast("tuple[Any, BaseException | None, TracebackType | None]", exc_info)[1]
    return sys.exc_info()[1] if exc_info else None


def _as_json(entry: Entry) -> str:
    return msgspec.json.encode(entry, enc_hook=str).decode()


def _as_console_line(stream: BinaryIO) -> Callable[[Entry], str]:
    has_colour = stream.isatty()

    def encode(entry: Entry) -> str:
        moment: datetime = entry.pop("time")
        level, event = str(entry.pop("level")), str(entry.pop("event"))
        exception = entry.pop("exception", None)
        mark = f"{_COLOURS.get(level, '')}{level:<8}\x1b[0m" if has_colour else f"{level:<8}"
        facts = " ".join(f"{key}={_readable(value)}" for key, value in entry.items())
        line = f"{moment.astimezone():%H:%M:%S}.{moment.microsecond // 1000:03d} {mark} {_printable(event)}  {facts}".rstrip()
        return f"{line}\n{exception}" if exception else line

    return encode


def _readable(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return text if text and text.isprintable() and " " not in text else ascii(text)


def _printable(text: str) -> str:
    """A line break in what came from outside must not look like a second line of ours."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
