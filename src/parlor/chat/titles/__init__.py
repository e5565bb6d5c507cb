"""What a cheap model writes about a session after its first answer: a title and what could be asked next. Once, in the background, and the house pays."""
