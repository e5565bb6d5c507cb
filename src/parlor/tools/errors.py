"""How a tool call fails."""


class ToolError(Exception):
    """The call failed in a way that the model should know of; the turn goes on. The text is shown to the model and the user."""
