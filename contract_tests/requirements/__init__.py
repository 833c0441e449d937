"""The requirements, one module for each area or a part of it; see docs/requirements.md for how to write one."""
