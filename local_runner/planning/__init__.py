"""What a process would do with its inputs: cubes, memory, UDF calls, limits of the back-end. No pixel is read, no UDF run.

`explain` makes a `Plan`; `as_text` and `as_mermaid` show it, `Plan.to_dict` gives it as JSON.
"""

from __future__ import annotations

from local_runner.planning.picture import as_mermaid
from local_runner.planning.plan import Plan
from local_runner.planning.planner import explain, plan_of, require_budget, require_cube
from local_runner.planning.text import as_text

__all__ = ["Plan", "as_mermaid", "as_text", "explain", "plan_of", "require_budget", "require_cube"]
