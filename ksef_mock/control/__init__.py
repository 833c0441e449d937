"""What the real system does not have, under /_mock: clock, tokens, journal."""
