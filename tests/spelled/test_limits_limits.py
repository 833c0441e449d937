from tests.limits.test_limits import *  # noqa: F403
