"""Deliberate defects: a mock that breaks one rule of KSeF, to find out whether tests notice it.

`Settings(defects=("challenge-can-be-reused",))`, or the hidden option `ksef-mock serve --defect NAME`. Each
breaks one kind of rule in one mock and leaves every other mock of the process as it is.
"""

from ksef_mock.defects.catalogue import Defect, UnknownDefect, apply, catalogue, require_known
from ksef_mock.defects.mock import Mock, Outdated

__all__ = ["Defect", "Mock", "Outdated", "UnknownDefect", "apply", "catalogue", "require_known"]
