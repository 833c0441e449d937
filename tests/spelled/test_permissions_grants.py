from tests.permissions.test_grants import *  # noqa: F403
