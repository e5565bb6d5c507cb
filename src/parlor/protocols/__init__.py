"""Chat in other people's formats, so that clients which are there already work as they are. Adds no rules of its own: what one may do here is what one may do
everywhere."""
