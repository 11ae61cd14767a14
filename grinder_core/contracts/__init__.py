"""Values that cross a border: frozen, valid from birth, canonical JSON both ways."""
