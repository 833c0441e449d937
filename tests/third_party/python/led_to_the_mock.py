"""A pytest plugin: the TEST environment of PyPI `ksef2` is the mock at $KSEF_URL."""
# mypy: ignore-errors

import os

from ksef2 import Environment

Environment.TEST._value_ = f"{os.environ['KSEF_URL']}/v2"
