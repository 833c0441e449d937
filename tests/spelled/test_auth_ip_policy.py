from tests.auth.test_ip_policy import *  # noqa: F403
