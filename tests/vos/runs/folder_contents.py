"""What a run left in its folder, to compare runs to the byte."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path


def hashes(output: Path, *, without: str | None = None) -> dict[str, str]:
    """SHA-256 by name of every file; of run.json all but the seconds. `without` names a folder that is left out."""
    found = {}
    for path in sorted(output.rglob("*")):
        if path.is_file() and path.parent.name != without:
            data = path.read_bytes()
            if path.name == "run.json":
                data = json.dumps({**json.loads(data), "seconds": 0}).encode()
            found[str(path.relative_to(output))] = hashlib.sha256(data).hexdigest()
    return found


def plain_name(path: str | Path) -> str:
    """The name of a file without the SHA-256 that a snapshot has in its name."""
    return re.sub(r"\.[0-9a-f]{64}\.", ".", Path(path).name)
