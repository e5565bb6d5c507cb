"""Which agents there are, where they are written down, who may use them, and those that are ready to be run."""
