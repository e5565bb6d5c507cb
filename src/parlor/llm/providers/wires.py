"""Which protocol a kind of provider speaks."""

from collections.abc import Mapping

from parlor.llm.endpoints import Kind
from parlor.llm.providers.anthropic import AnthropicWire
from parlor.llm.providers.gemini import GeminiWire
from parlor.llm.providers.ollama import OllamaWire
from parlor.llm.providers.openai import OpenAIWire
from parlor.llm.providers.wire import Wire

WIRES: Mapping[Kind, Wire] = {"openai": OpenAIWire(), "anthropic": AnthropicWire(), "gemini": GeminiWire(), "ollama": OllamaWire()}
