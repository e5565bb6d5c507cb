"""What bodies of requests and of replies are made of.

Pydantic builds the validator of such a class when it is first needed, not when the class is loaded: a process meets few of them, and builds all at its start.
"""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """Of a request. A field that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Reply(BaseModel):
    model_config = ConfigDict(from_attributes=True, defer_build=True)
