"""List files with sizes and times, as skipping those that are known needs. `listing.py FOLDER PATTERN`."""

import sys
import time
from pathlib import Path

started = time.perf_counter()
folder, pattern = sys.argv[1:]
found = [(path, path.stat()) for path in sorted(Path(folder).glob(pattern))]
print(len(found), time.perf_counter() - started)
