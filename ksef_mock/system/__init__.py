"""One simulated KSeF."""

from ksef_mock.system.system import System

__all__ = ["System"]
