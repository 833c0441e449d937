"""Key pairs published to clients and their rotation, the token ciphers, and the mock's CA."""
