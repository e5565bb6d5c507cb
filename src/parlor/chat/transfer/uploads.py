"""The file of a request: its whole body when that is JSON, or the field `file` of a form."""

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from parlor.chat.transfer.files import ImportTooLarge, UnreadableImport
from parlor.core.errors import UnsupportedMediaType


async def content_of(request: Request, most_bytes: int) -> bytes:
    """Raises ImportTooLarge, UnreadableImport for a form without a file, and UnsupportedMediaType."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _of_form(request, most_bytes)
    if media_type != "application/json":
        raise UnsupportedMediaType("Send the file as it is, with Content-Type: application/json, or as the field `file` of multipart/form-data.")
    content = bytearray()
    async for piece in request.stream():
        content += piece
        _check(len(content), most_bytes)
    return bytes(content)


async def _of_form(request: Request, most_bytes: int) -> bytes:
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise UnreadableImport("The form has no field `file` with a file in it.")
            _check(file.size or 0, most_bytes)
            return await file.read()
    except MultiPartException as error:
        raise UnreadableImport("The form cannot be read.") from error


def _check(size_bytes: int, most_bytes: int) -> None:
    if size_bytes > most_bytes:
        raise ImportTooLarge(f"The file is larger than {most_bytes} bytes.", max_bytes=most_bytes)
