"""Embeddings: texts to vectors, by providers or by the built-in rules, what was embedded before from the cache. The way to them is `ModelGate.embed`."""
