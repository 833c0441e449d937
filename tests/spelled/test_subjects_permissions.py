from tests.subjects.test_permissions import *  # noqa: F403
