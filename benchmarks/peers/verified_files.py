"""Verifies the newest snapshot of a repository as `zenctx verify --snapshot latest` does."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from zenctx.config import load_settings
from zenctx.database.rows import Selection
from zenctx.operations.verify import FindingItem, VerifyRequest, verify_snapshots


def main() -> None:
    """Takes the folder of the files, which it leaves alone, and that of the repository; prints the seconds."""
    target = Path(sys.argv[2])
    settings = load_settings({"snapshots": str(target)}, config_file=None, environ={"HOME": "/"}, cwd=target)
    findings: list[FindingItem] = []
    start = time.perf_counter()
    report = verify_snapshots(settings, ["latest"], VerifyRequest(Selection()), findings.append)
    print(time.perf_counter() - start)
    if findings or not report.summary.objects:
        raise SystemExit(report.message)


main()
