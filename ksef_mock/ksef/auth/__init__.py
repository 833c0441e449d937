"""The authentication operation: challenge, token login, state machine, JWTs, IP policy."""
