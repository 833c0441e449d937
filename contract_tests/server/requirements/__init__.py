"""The requirements, a module for each area or a part of it; docs/requirements.md says how to write one."""
