"""The pure core of grinder: events in, decisions and effects out."""
