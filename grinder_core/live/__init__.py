"""A live session in the core: the engine, what may pass to the venue, and what became of it."""
