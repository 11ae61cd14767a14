"""Markets made of seeds: the packaged demo data, the fixtures and the scenes they are made of."""
