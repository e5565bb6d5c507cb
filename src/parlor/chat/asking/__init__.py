"""One call, one answer: a turn like any other, for clients that want no session and no stream; and what somebody wants, told before it is asked."""
