"""The requirements, one module for each area or a part of it; see ../README.md for how to write one."""
