from __future__ import annotations

from tests.dashboard.conftest import browse, dashboard

__all__ = ["browse", "dashboard"]
