"""The build hook: whoever installs Ralph from its sources gets the dashboard with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Dashboard(BuildHookInterface[Any]):
    """Makes ralph/web/dist before it is packed or linked."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """A wheel without the pages would be broken; a checkout without them works, and says how to make them."""
        command = [sys.executable, str(Path(self.root) / "ops" / "dashboard.py"), "build"]
        made = subprocess.run(command, check=False)
        if made.returncode != 0:
            if version != "editable":
                raise RuntimeError("the dashboard could not be built; the messages of npm stand above")
            self.app.display_warning("the dashboard was not built: uv run python ops/dashboard.py build")
