"""Bodies as OpenAI's API has them."""

from typing import Literal

from pydantic import Field

from parlor.core.web.schemas import Reply


class ModelObject(Reply):
    id: str = Field(description="provider/model, or agent/name.")
    object: Literal["model"] = "model"
    created: int = Field(default=0, description="Always 0: providers do not all say it.")
    owned_by: str = Field(description="The provider; parlor for agents.")


class ModelObjects(Reply):
    object: Literal["list"] = "list"
    data: list[ModelObject]


class ErrorObject(Reply):
    message: str
    type: str
    param: str | None = None
    code: str | None = Field(default=None, description="OpenAI's where there is one, else the code that a problem has.")


class ErrorReply(Reply):
    error: ErrorObject
