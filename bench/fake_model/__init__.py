"""A fake model server for the protocols of OpenAI, Anthropic, Gemini and Ollama: scriptable, cheap per chunk, and a witness of when its peers went away.

In process: `async with FakeModel() as fake: fake.base_url`. On its own: `python -m bench.fake_model --port 9999`.
"""

from bench.fake_model.script import FakeToolCall, Script
from bench.fake_model.server import FakeModel, Seen

__all__ = ["FakeModel", "FakeToolCall", "Script", "Seen"]
