from tests.auth.test_token_login import *  # noqa: F403
