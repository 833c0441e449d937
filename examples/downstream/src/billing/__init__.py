"""A program that talks to KSeF."""
