from tests.permissions.test_roles_and_attachments import *  # noqa: F403
