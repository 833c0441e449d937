from tests.tokens.test_authorization import *  # noqa: F403
