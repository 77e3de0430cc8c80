"""The day that docs/scaling.md tells of can still be lived through, and its promise holds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_at_the_peak_no_partition_of_a_spread_account_is_over_its_limit():
    lived = subprocess.run(
        [sys.executable, "-m", "bench.partitions", "--seconds", "1"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert lived.returncode == 0, lived.stderr
    (over,) = re.findall(r"^keys over 1,000 a second +(\d+) +(\d+)$", lived.stdout, re.MULTILINE)
    assert int(over[0]) > 0, "without shards it is over"
    assert int(over[1]) == 0, "and with them it is not"
