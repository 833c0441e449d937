from tests.auth.test_tokens_and_sessions import *  # noqa: F403
