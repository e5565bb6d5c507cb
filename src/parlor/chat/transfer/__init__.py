"""Conversations out of the house and into it: exports as JSON and Markdown, and imports of those, of ChatGPT's and of Open WebUI's."""
