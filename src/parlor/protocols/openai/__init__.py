"""What clients of OpenAI's API expect below /v1."""
