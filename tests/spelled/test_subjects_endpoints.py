from tests.subjects.test_endpoints import *  # noqa: F403
