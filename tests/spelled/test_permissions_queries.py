from tests.permissions.test_queries import *  # noqa: F403
