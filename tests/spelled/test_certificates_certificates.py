from tests.certificates.test_certificates import *  # noqa: F403
