from tests.tokens.test_tokens import *  # noqa: F403
