"""The situations, a module for each part of a client's work."""
