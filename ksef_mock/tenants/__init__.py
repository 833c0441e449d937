"""Further mocks in the same process, each below a path or behind a header, for tests that run in parallel."""
