"""Pages for people under /_mock/: what happened, why, and the controls. Needs Jinja2, which is an extra."""
